//! The durable event log: one file of JSON lines for each session, written by one thread, replayed through an index.
//!
//! `docs/event-log.md` describes the files and what they promise. From the outside in: [`EventLog`] is a handle;
//! `registry` lets handles share one `writer` and one `reader`; `owned` is the open directory with a `lane` for each
//! session; `recovery` and `record` know the bytes, `index` and `cursor` find them again.

mod append;
mod current;
mod cursor;
mod directory;
mod erase;
mod files;
mod index;
mod lane;
mod names;
mod opening;
mod options;
mod owned;
mod reader;
mod record;
mod recovery;
mod registry;
mod retention;
mod statistics;
mod sync;
mod time;
mod together;
mod writer;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use append::Receipt;
pub use cursor::ReplayFilter;

pub use names::{active_name, id_of, segment_name, stem_of};
pub use opening::{Damage, RecoveryReport, TornLine};
pub use options::LogOptions;
pub use record::topic_key;
pub use retention::CleanupReport;
pub use statistics::Statistics;
pub use together::{Outcome as TogetherOutcome, Together, Unstored};

use self::{
    append::Append,
    cursor::Cursor,
    reader::{Pull, SharedCursor},
    registry::Core,
    writer::Job,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
};

/// The largest event, as JSON.
pub const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

const NAME: &str = "the event log";

/// A handle to the log of a directory. All handles of a process on one directory share one writer; no call here waits.
/// Dropping a handle closes it.
pub struct EventLog {
    core: Arc<Core>,
    closed: AtomicBool,
}

/// A replay under way. Dropping it lets go of its files.
pub struct Replay {
    core: Arc<Core>,
    cursor: SharedCursor,
}

impl EventLog {
    /// A handle. The directory is created here; everything else, recovery included, happens on the writer's thread with
    /// the first call that needs it, and what keeps the log from opening fails that call.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`], or what keeps the directory from being created.
    pub fn open(options: LogOptions) -> Result<Self> {
        Ok(Self { core: registry::join(options)?, closed: AtomicBool::new(false) })
    }

    /// Stores an event: `body` is one JSON object on one line with topic, priority and timestamp. Answers once it will
    /// survive what `durability` names (`None`: what the log's options say).
    pub fn append(
        &self,
        session: String,
        body: String,
        id: Option<String>,
        durability: Option<Durability>,
        reply: Reply<Receipt>,
    ) {
        let size = body.len();
        if size > MAX_EVENT_BYTES {
            return reply.send(Err(Error::ValueTooLarge { size, limit: MAX_EVENT_BYTES }));
        }
        self.submit(Job::Append(Append { session, body, id, durability, reply }), size);
    }

    /// Stores events of any sessions, in order, as [`EventLog::append`] stores one.
    pub fn append_together(&self, events: Together) {
        let size = events.bodies.len();
        self.submit(Job::Together(events), size);
    }

    /// Begins a replay of one session. What it brings is fixed by its first pull.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn replay(&self, session: String, filter: ReplayFilter) -> Result<Replay> {
        self.check()?;
        let cursor = Arc::new(Mutex::new(Cursor::new(&self.core.catalog, session, filter)));
        Ok(Replay { core: Arc::clone(&self.core), cursor })
    }

    /// The ids of all sessions with events within the retention.
    pub fn sessions(&self, reply: Reply<Vec<String>>) {
        let catalog = Arc::clone(&self.core.catalog);
        let answer = move |opened: Result<()>| {
            let ids = |()| catalog.all().iter().map(|session| session.id.to_string()).collect();
            reply.send(opened.map(ids));
        };
        self.submit(Job::Open(Reply::new(answer)), 0);
    }

    /// Moves closed files whose events are all older than `retention` to the archive, and deletes archived ones older
    /// than the longest retention.
    pub fn cleanup(&self, retention: Duration, reply: Reply<CleanupReport>) {
        self.submit(Job::Cleanup { retention, reply }, 0);
    }

    /// Removes everything of a session, archive included; answers whether there was anything.
    pub fn erase(&self, session: String, reply: Reply<bool>) {
        self.submit(Job::Erase { session, reply }, 0);
    }

    /// Numbers about the log, and what its opening found.
    pub fn statistics(&self, reply: Reply<Statistics>) {
        self.submit(Job::Statistics(reply), 0);
    }

    /// Answers when everything stored so far is on the disk.
    pub fn flush(&self, reply: Reply<()>) {
        self.submit(Job::Flush(reply), 0);
    }

    /// The same for all handles on one log.
    #[must_use]
    pub fn place(&self) -> usize {
        Arc::as_ptr(&self.core).addr()
    }

    /// Whether this handle is not closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.check().is_ok()
    }

    /// The number of the newest event of a session within the retention that was written; 0 where there is none.
    #[must_use]
    pub fn last_seq(&self, session: &str) -> u64 {
        self.core.catalog.find(session).map_or(0, |session| session.last_seq())
    }

    /// Bytes that wait for the writer.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.core.writer.queued()
    }

    /// Does what is queued, and closes the handle; the last one closes the log. A second close answers at once.
    pub fn close(&self, reply: Reply<()>) {
        if self.closed.swap(true, Ordering::AcqRel) {
            reply.send(Ok(()));
        } else {
            registry::leave(&self.core, reply);
        }
    }

    /// Closes and waits, `limit` at the most; for the way out of the process. `false`: not in time, or not in order.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        let (reply, closed) = Reply::channel();
        self.close(reply);
        matches!(closed.recv_timeout(limit), Ok(Ok(())))
    }

    fn check(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed(NAME)) } else { Ok(()) }
    }

    fn submit(&self, job: Job, bytes: usize) {
        if let Err(error) = self.check() {
            job.refuse(error);
        } else if let Err((error, job)) = self.core.writer.submit(job, bytes) {
            job.refuse(error);
        }
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        self.close(Reply::new(drop));
    }
}

impl Replay {
    /// The next piece: a JSON array of some hundred events without their checksums; `None` at the end.
    pub fn pull(&self, reply: Reply<Option<String>>) {
        let pull = Pull { cursor: Arc::clone(&self.cursor), reply };
        if self.core.opened.load(Ordering::Acquire) {
            return read(&self.core, pull);
        }
        let core = Arc::clone(&self.core);
        let answer = move |opened: Result<()>| match opened {
            Ok(()) => read(&core, pull),
            Err(error) => pull.refuse(error),
        };
        if let Err((error, job)) = self.core.writer.submit(Job::Open(Reply::new(answer)), 0) {
            job.refuse(error);
        }
    }

    /// Ends it, and lets go of its files.
    pub fn release(&self) {
        // A pull that is reading right now ends first; it lets go when its piece was the last.
        match self.cursor.try_lock() {
            Ok(mut cursor) => cursor.release(),
            Err(std::sync::TryLockError::Poisoned(cursor)) => PoisonError::into_inner(cursor).release(),
            Err(std::sync::TryLockError::WouldBlock) => {}
        }
    }
}

fn read(core: &Core, pull: Pull) {
    if let Err((error, pull)) = core.reader.submit(pull, 1) {
        pull.refuse(error);
    }
}
