//! The handle that a program has.

mod asking;
mod closing;
mod waiting;

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    MAX_EVENT_BYTES,
    append::{Append, Receipt},
    cursor::{Cursor, ReplayFilter},
    handles::{Consumer, Replay},
    options::LogOptions,
    registry,
    retention::CleanupReport,
    side::Side,
    statistics::{self, Statistics},
    together::Together,
    verify::{self, VerifyReport},
    writer::Job,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::{Reply, Tag},
};

/// A handle to the log of a directory. All handles of a process on one directory share one writer; no call here waits.
/// Dropping a handle closes it.
pub struct EventLog {
    side: Side,
    /// Tells its waits from those of other handles.
    number: u32,
    /// What an append through it survives that does not say.
    durability: Durability,
    closed: AtomicBool,
}

impl EventLog {
    /// A handle. The directory is created here; everything else, recovery included, happens on the writer's thread with
    /// the first call that needs it, and what keeps the log from opening fails that call.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`], or what keeps the directory from being created.
    pub fn open(options: LogOptions) -> Result<Self> {
        let (number, durability) = (next_number(), options.durability);
        let core = registry::join(number, options)?;
        core.doubts.join(number);
        Ok(Self::of(Side::Owner(core), number, durability))
    }

    /// A handle that only reads, whoever writes. Touches nothing but the positions of consumers.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread.
    pub fn visit(directory: &Path) -> Result<Self> {
        Self::visit_with(&LogOptions::new(directory))
    }

    /// The same, told where, and how long positions wait for their sync at the most.
    ///
    /// # Errors
    /// As of [`EventLog::visit`].
    pub fn visit_with(options: &LogOptions) -> Result<Self> {
        let side = Side::visiting(&options.directory, options.fsync_interval)?;
        Ok(Self::of(side, next_number(), options.durability))
    }

    fn of(side: Side, number: u32, durability: Durability) -> Self {
        Self { side, number, durability, closed: AtomicBool::new(false) }
    }

    /// Stores an event: `body` is one JSON object on one line with topic, priority and timestamp. Answers once it will
    /// survive what `durability` names (`None`: what this handle's options say).
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
        let durability = durability.or(Some(self.durability));
        self.submit_parcel(Append { session, body, id, durability, reply }.into(), size);
    }

    /// Stores events of any sessions, in order, as [`EventLog::append`] stores one.
    pub fn append_together(&self, mut events: Together) {
        events.durability.get_or_insert(self.durability);
        let size = events.bodies.len();
        self.submit_parcel(events.into(), size);
    }

    /// Begins a replay of one session. What it brings is fixed by its first pull.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn replay(&self, session: String, filter: ReplayFilter) -> Result<Replay> {
        self.check()?;
        let cursor = Arc::new(Mutex::new(Cursor::new(self.side.view(), session.clone(), filter)));
        Ok(Replay {
            core: self.side.core(),
            reader: self.side.reader().clone(),
            session,
            cursor,
            begun: AtomicBool::new(false),
        })
    }

    /// A named consumer of a session, whose position is still to be opened.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn consumer(&self, session: String, name: String, durability: Durability) -> Result<Consumer> {
        self.check()?;
        let (reader, layout) = (self.side.reader().clone(), self.side.view().layout().clone());
        Ok(Consumer {
            core: self.side.core(),
            reader,
            layout,
            session,
            name,
            durability,
            position: Arc::default(),
            positions: Arc::clone(self.side.positions()),
            left: Arc::default(),
        })
    }

    /// Reads the files of one session again, or of all, and says what is damaged.
    pub fn verify(&self, session: Option<String>, reply: Reply<VerifyReport>) {
        let view = self.side.view();
        let verifying = move |opened: Result<()>| {
            if let Err(error) = opened {
                return reply.send(Err(error));
            }
            // On a thread of its own: it may take seconds, and replays go on.
            let work = move || {
                let report = verify::verify(&view, session.as_deref());
                view.is_done();
                reply.send(report);
            };
            if let Err(cause) = thread::Builder::new().name("smalltalk-log-verify".into()).spawn(work) {
                tracing::warn!(target: "smalltalk::event_log", %cause, "no thread for a verification");
            }
        };
        self.opened(Reply::new(verifying));
    }

    /// The ids of all sessions with events within the retention.
    pub fn sessions(&self, reply: Reply<Vec<String>>) {
        let view = self.side.view();
        self.opened_task(reply, move || view.ids());
    }

    /// Moves closed files whose events are all older than `retention` to the archive, and deletes archived ones older
    /// than the longest retention; `None`: than what the open handles want kept. Other jobs come in between. The last close ends
    /// it early; it answers with what it has done then.
    pub fn cleanup(&self, retention: impl Into<Option<Duration>>, reply: Reply<CleanupReport>) {
        self.submit(Job::Cleanup { retention: retention.into(), reply });
    }

    /// Removes everything of a session, archive included; answers whether there was anything.
    pub fn erase(&self, session: String, reply: Reply<bool>) {
        self.submit(Job::Erase { session, reply });
    }

    /// Numbers about the log, and what its opening found.
    pub fn statistics(&self, reply: Reply<Statistics>) {
        match &self.side {
            Side::Owner(_) => self.submit(Job::Statistics(reply)),
            Side::Visitor { .. } => {
                let view = self.side.view();
                self.task(reply, move || Ok(statistics::visited(&view.sessions()?, view.layout())));
            }
        }
    }

    /// Answers when everything stored so far is on the disk, what consumers have acknowledged included, and tells of syncs that
    /// failed since this handle heard of some last, whoever else has.
    pub fn flush(&self, reply: Reply<()>) {
        let reply = self.side.positions().then_sync(reply);
        match &self.side {
            Side::Owner(_) => self.submit(Job::Flush { handle: Some(self.number), reply }),
            Side::Visitor { .. } => reply.send(self.check()),
        }
    }

    /// The same for all handles on one log that write to it; nothing for one that is closed, or only reads.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        match &self.side {
            Side::Owner(core) if self.check().is_ok() => Some(Arc::as_ptr(core).addr()),
            Side::Owner(_) | Side::Visitor { .. } => None,
        }
    }

    /// The number of the newest event of a session within the retention that was written, 0 where there is none; nothing
    /// where somebody else writes, where the log is not open yet, or where the session cannot be read.
    #[must_use]
    pub fn last_seq(&self, session: &str) -> Option<u64> {
        match &self.side {
            Side::Owner(core) if core.opened.load(Ordering::Acquire) => {
                self.side.view().session(session).ok().map(|found| found.map_or(0, |found| found.last_seq()))
            }
            Side::Owner(_) | Side::Visitor { .. } => None,
        }
    }

    /// Bytes that wait for the writer.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        match &self.side {
            Side::Owner(core) => core.writer.queued(),
            Side::Visitor { .. } => 0,
        }
    }

    /// Withdraws what has not been begun of what was asked for under these tags, whichever handle asked; each is answered
    /// with [`Error::Timeout`].
    pub fn withdraw(&self, tags: &HashSet<Tag>) {
        let picked = |tag: Option<Tag>| tag.is_some_and(|tag| tags.contains(&tag));
        if let Side::Owner(core) = &self.side {
            for job in core.writer.withdraw(|job| picked(job.tag())) {
                job.refuse(Error::Timeout("what was asked of the event log"));
            }
        }
        for ask in self.side.reader().withdraw(|ask| picked(ask.tag())) {
            ask.refuse(Error::Timeout("a question to the event log"));
        }
    }
}

fn next_number() -> u32 {
    static HANDLES: AtomicU32 = AtomicU32::new(0);
    HANDLES.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
