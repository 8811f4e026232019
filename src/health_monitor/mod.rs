//! Agent health: who is silent, who has to be asked, who is gone.
//!
//! Time is kept by one native thread for the whole process ([`watch`]); each monitor has a table of shared memory
//! ([`table`]) in which a beat is one store. A sweep compares the table with the rules ([`state`], pure) and reports only
//! what changed. What to do about it is decided above: recovery calls the user's functions.
//!
//! The same thread watches the event loops themselves ([`loops`]): whether one is frozen is judged by [`gauge`], pure too,
//! and told while it is.
//!
//! Everything is counted in *ticks* of a monitor's own clock, which stands still while its event loop does not answer.
//! So a suspended laptop, a stopped process, a starved CPU or a long collection accuses nobody.

mod charges;
mod gauge;
mod loops;
mod monitor;
mod report;
mod rules;
mod standing;
mod state;
mod table;
mod ticks;
mod watch;

#[cfg(test)]
mod gauge_model;
#[cfg(test)]
mod state_model;

pub use charges::Charges;
pub use gauge::{Change, Gauge, Scheduled, Sight};
pub use loops::{EventLoop, Label, LoopInfo, LoopNews, Pulse};
pub use monitor::{Look, Monitor};
pub use report::{Move, Report, Whom};
pub use rules::{Options, Rules};
pub use standing::{Reason, Standing};
pub use state::{Agent, Step};
pub use table::{Chunk, Registration};
