//! The thread that owns a log: opens it with its first job, writes batches, syncs, cleans up, and closes it in order.

mod serving;

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    append::Parcel, bell::Bell, catalog::Catalog, directory::Layout, doubts::Doubts, files, options::LogOptions,
    owned::Owned, retention::CleanupReport, statistics::Statistics,
};
use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
    worker::Handler,
};

/// What the writer is asked for.
pub enum Job {
    /// Only that the log be open, and the files of a session be read, where they could not be so far.
    Open { session: Option<String>, reply: Reply<()> },
    /// To store events.
    Append(Parcel),
    /// To put everything stored so far on the disk, and to tell this handle of what failed earlier.
    Flush { handle: Option<u32>, reply: Reply<()> },
    /// To move and delete what the retention no longer keeps; `None`: that of the options.
    Cleanup { retention: Option<Duration>, reply: Reply<CleanupReport> },
    /// To remove everything of a session.
    Erase { session: String, reply: Reply<bool> },
    /// For numbers.
    Statistics(Reply<Statistics>),
    /// To do from now on as these say: a handle has come or gone. Nobody waits for it.
    Heed(LogOptions),
}

impl Job {
    /// By what whoever waits knows it.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Open { reply, .. } | Self::Flush { reply, .. } => reply.tag(),
            Self::Append(parcel) => parcel.tag(),
            Self::Cleanup { reply, .. } => reply.tag(),
            Self::Erase { reply, .. } => reply.tag(),
            Self::Statistics(reply) => reply.tag(),
            Self::Heed(_) => None,
        }
    }

    /// Answers the job without doing it.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Open { reply, .. } | Self::Flush { reply, .. } => reply.send(Err(error)),
            Self::Append(parcel) => parcel.refuse(error),
            Self::Cleanup { reply, .. } => reply.send(Err(error)),
            Self::Erase { reply, .. } => reply.send(Err(error)),
            Self::Statistics(reply) => reply.send(Err(error)),
            Self::Heed(_) => {}
        }
    }
}

/// How long the writer waits for the one before it, which is closing the same directory in the same process.
const PREDECESSOR: Duration = Duration::from_secs(30);

/// What has to happen before a writer may open its log.
#[derive(Default)]
pub struct Before {
    /// The end of the writer that had the directory before.
    pub predecessor: Option<Receiver<Infallible>>,
    /// Directories in which others were created that are not on the disk yet.
    pub unsynced: Vec<PathBuf>,
}

/// What is left of a log that was let go of, because it might have another owner.
struct Lost {
    /// Up to here its numbers may have been given.
    given: u64,
    /// What nobody has heard of.
    untold: Option<Error>,
}

/// As often the lock is looked at while somebody waits for events: when another one owns the log, none come.
const LOOK: Duration = Duration::from_secs(3);

/// What a writer shares with readers and handles.
pub struct Shared {
    /// What they see.
    pub catalog: Arc<Catalog>,
    /// Tells them that it holds what is on the disk.
    pub opened: Arc<AtomicBool>,
    /// Tells them that there is more.
    pub bell: Arc<Bell>,
    /// What else it has to tell.
    pub doubts: Arc<Doubts>,
}

/// The writer.
pub struct Writer {
    options: LogOptions,
    shared: Shared,
    before: Before,
    owned: Option<Owned>,
    /// What kept the log from opening for the next batch.
    failure: Option<Error>,
    /// Where the log was let go of since it was opened last.
    lost: Option<Lost>,
    /// Dropped last: then the directory is free for the next one.
    _released: Sender<Infallible>,
}

impl Writer {
    /// A writer that opens the log when it gets its first job.
    pub fn new(options: LogOptions, shared: Shared, before: Before, released: Sender<Infallible>) -> Self {
        Self { options, shared, before, owned: None, failure: None, lost: None, _released: released }
    }

    fn await_predecessor(&mut self) {
        if let Some(predecessor) = self.before.predecessor.take() {
            // It never sends: it ends.
            let _ = predecessor.recv_timeout(PREDECESSOR);
        }
    }

    /// Lets go of the log where somebody else may own it.
    fn check_ownership(&mut self, holds: impl FnOnce(&mut Owned) -> Result<bool>) -> Result<()> {
        let Some(owned) = &mut self.owned else { return Ok(()) };
        if holds(owned)? {
            return Ok(());
        }
        self.shared.opened.store(false, Ordering::Release);
        let Some(owned) = self.owned.take() else { return Ok(()) };
        let given = owned.given();
        let error = owned.abandon();
        tracing::error!(target: "smalltalk::event_log", %error, "let go of a log that may have another owner");
        self.lost = Some(Lost { given, untold: None });
        self.shared.catalog.lose(&error);
        self.shared.bell.fail(&error);
        Err(error)
    }

    /// The open log.
    fn open(&mut self) -> Result<&mut Owned> {
        self.check_ownership(Owned::holds)?;
        self.opened()
    }

    /// The same, whoever may own it.
    fn opened(&mut self) -> Result<&mut Owned> {
        self.await_predecessor();
        while let Some(directory) = self.before.unsynced.last() {
            files::sync_directory(directory)?;
            self.before.unsynced.pop();
        }
        let owned = match self.owned.take() {
            Some(owned) => owned,
            None => self.take_possession()?,
        };
        self.shared.opened.store(true, Ordering::Release);
        Ok(self.owned.insert(owned))
    }

    fn heed(&mut self, options: LogOptions) {
        if let Some(owned) = &mut self.owned {
            owned.heed(&options);
        }
        self.options = options;
    }

    fn take_possession(&mut self) -> Result<Owned> {
        let layout = Layout::new(&self.options.directory);
        let given = self.lost.as_ref().map(|lost| lost.given);
        let Shared { catalog, bell, doubts, .. } = &self.shared;
        let owned = Owned::open(layout, &self.options, catalog, bell, doubts, given)?;
        if self.lost.take().is_some() {
            self.shared.catalog.is_found();
        }
        Ok(owned)
    }
}

impl Handler<Job> for Writer {
    fn is_unprepared(&self, next: &Job) -> bool {
        // A failure that nobody is left to hear of is not for whoever comes later.
        self.owned.is_none() && (self.failure.is_some() || !matches!(next, Job::Flush { .. } | Job::Heed(_)))
    }

    fn prepare(&mut self) {
        self.failure = self.open().err();
    }

    /// What kept the log from opening fails the jobs at hand; the next one tries again.
    fn handle(&mut self, batch: Vec<Job>) {
        if let Some(error) = self.failure.take() {
            return batch.into_iter().for_each(|job| match job {
                Job::Heed(options) => self.heed(options),
                job => job.refuse(error.clone()),
            });
        }
        self.serve(batch);
    }

    fn wake_at(&self) -> Option<Instant> {
        let owned = self.owned.as_ref()?;
        let look = self.shared.bell.is_waited_for().then(|| Instant::now() + LOOK);
        [owned.wake_at(), look].into_iter().flatten().min()
    }

    fn tick(&mut self) {
        // Nobody has asked for anything; whoever does hears whether the log can be had again.
        if let Err(error) = self.check_ownership(Owned::holds)
            && let Some(lost) = &mut self.lost
        {
            lost.untold = Some(error);
        }
        // Also where that cannot be told: what was acknowledged is to get to the disk in time.
        if let Some(owned) = &mut self.owned {
            owned.tick();
        }
    }

    fn finish(&mut self) -> Result<()> {
        // Whoever comes next waits for this writer only, so it does not end before the one it came after.
        self.await_predecessor();
        let checked = self.check_ownership(Owned::holds);
        let closed = match (checked, self.owned.take()) {
            (Ok(()), owned) => owned.map_or(Ok(()), Owned::close),
            (Err(error), None) => Err(error),
            // Whoever may own it by now, what was acknowledged gets to the disk.
            (Err(error), Some(mut owned)) => {
                owned.end_cleanups(&Err(error.clone()));
                owned.sync_dirty().and(Err(error))
            }
        };
        let untold = self.lost.take().and_then(|lost| lost.untold);
        self.shared.doubts.tell_last().err().or(closed.err()).or(untold).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;
