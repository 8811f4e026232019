//! The durable event log: one file of JSON lines for each session, written by one thread, replayed through an index.
//!
//! `docs/event-log.md` describes the files and what they promise. From the outside in: [`EventLog`] is a handle, whose
//! `side` says who writes; `registry` lets handles share one `writer` and one `reader`; `owned` is the open directory with
//! a `lane` for each session; `confirm` sees to it that what they wrote survives the power, one sync of the `journal` for
//! all of them; `recovery` and `record` know the bytes, `index` and `cursor` find them again.

mod append;
mod archive;
mod bell;
mod catalog;
mod checkpoint;
mod confirm;
mod consumers;
mod current;
mod cursor;
mod directory;
mod doubts;
mod erase;
mod files;
mod handles;
mod ids;
mod index;
mod journal;
mod keeper;
mod lane;
mod log;
mod moving;
mod names;
mod opening;
mod options;
mod owned;
mod positions;
mod quarantine;
mod reader;
mod record;
mod recovery;
mod registry;
mod retention;
mod side;
mod stamp;
mod statistics;
mod surroundings;
mod sync;
mod time;
mod together;
mod verify;
mod view;
mod visitor;
mod wishes;
mod writer;

pub use append::Receipt;
pub use cursor::ReplayFilter;
pub use handles::{Consumer, Replay};
pub use log::EventLog;
pub use names::{active_name, id_of, segment_name, stem_of};
pub use opening::{Damage, RecoveryReport, TornLine};
pub use options::LogOptions;
pub use record::{Head, Line, push_line, topic_key};
pub use recovery::{Found, Recovered, recover};
pub use retention::CleanupReport;
pub use statistics::Statistics;
pub use together::{Outcome as TogetherOutcome, Together, Unstored};
pub use verify::VerifyReport;

/// The largest event, as JSON.
pub const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

const NAME: &str = "the event log";
