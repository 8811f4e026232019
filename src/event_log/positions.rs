//! What is still to be done for the positions of a log's consumers: acknowledgements that are not answered yet, and syncs of those
//! that were acknowledged without one. A thread of its own does these, for neither events nor those who read are to wait.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::files;
use crate::{
    error::{Error, Result},
    reply::Reply,
    worker::{Handler, Worker},
};

const THREAD: &str = "smalltalk-log-positions";

/// The positions of a log's consumers.
pub struct Positions {
    /// The longest time for which one waits for its sync.
    interval: Interval,
    /// It starts with the first that is not synced; none where the system gives no thread.
    worker: OnceLock<Option<Worker<Job>>>,
    end: Mutex<End>,
    asked: AtomicUsize,
}

/// Whether the thread has ended, and what of the last syncs became.
enum End {
    /// Nobody has asked for it.
    Open,
    /// These wait for it.
    Begun(Vec<Reply<()>>),
    Over(Result<()>),
}

impl Positions {
    /// None yet.
    pub fn new(interval: Duration) -> Self {
        let interval = Arc::new(Mutex::new(interval));
        Self { interval, worker: OnceLock::new(), end: Mutex::new(End::Open), asked: AtomicUsize::new(0) }
    }

    /// From now on one waits no longer than that for its sync.
    pub fn wait_for(&self, interval: Duration) {
        *self.interval.lock().unwrap_or_else(PoisonError::into_inner) = interval;
    }

    /// Whether an acknowledgement has been asked for that is not answered yet.
    pub fn are_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0
    }

    /// Has a position synced in time that was written to without; right here where there is no thread for it.
    pub fn note(&self, written: &Arc<Written>) {
        let takes_more = || matches!(self.worker.get(), Some(Some(worker)) if worker.room(0).is_ok());
        // What waited for a thread that panicked, waits for nobody.
        if written.waits.swap(true, Ordering::AcqRel) && takes_more() {
            return;
        }
        let start = || Worker::start(THREAD, usize::MAX, Syncing::new(Arc::clone(&self.interval))).ok();
        let noted =
            self.worker.get_or_init(start).as_ref().map(|worker| worker.submit(Job::Note(Arc::clone(written)), 0));
        if !matches!(noted, Some(Ok(())))
            && let Err(error) = written.sync()
        {
            warn(&error);
        }
    }

    /// Answers when all that were written to so far are on the disk.
    pub fn sync(&self, reply: Reply<()>) {
        let Some(Some(worker)) = self.worker.get() else { return reply.send(Ok(())) };
        let mut end = self.end();
        let (outcome, reply) = match &mut *end {
            End::Open => match worker.submit(Job::Sync(reply), 0) {
                Err((error, Job::Sync(reply))) => (Err(error), reply),
                Err((_, Job::Note(_))) | Ok(()) => return,
            },
            End::Begun(waiting) => return waiting.push(reply),
            End::Over(outcome) => (outcome.clone(), reply),
        };
        drop(end);
        reply.send(outcome);
    }

    /// Ends the thread behind what it has to do: nobody acknowledges any more.
    pub fn close(self: &Arc<Self>) {
        let Some(Some(worker)) = self.worker.get() else { return };
        *self.end() = End::Begun(Vec::new());
        let positions = Arc::clone(self);
        worker.close(Reply::new(move |outcome: Result<()>| {
            let before = std::mem::replace(&mut *positions.end(), End::Over(outcome.clone()));
            let End::Begun(waiting) = before else { return };
            // Whoever asks later hears of it still, if anybody does.
            if let (true, Err(error)) = (waiting.is_empty(), &outcome) {
                warn(error);
            }
            for reply in waiting {
                reply.send(outcome.clone());
            }
        }));
    }

    /// Whether the thread has nothing to do any more, ever.
    #[cfg(test)]
    pub fn are_closed(&self) -> bool {
        matches!(*self.end(), End::Over(_))
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same once something else has been done; what failed of that is told at once.
    pub fn then_sync(self: &Arc<Self>, reply: Reply<()>) -> Reply<()> {
        let (positions, tag) = (Arc::clone(self), reply.tag());
        let syncing = move |before: Result<()>| match before {
            Ok(()) => positions.sync(reply),
            Err(error) => reply.send(Err(error)),
        };
        Reply::new(syncing).tagged(tag)
    }
}

/// An acknowledgement that has been asked for. Dropped when it is answered.
pub struct Asked(Arc<Positions>);

impl Asked {
    /// Counts one.
    pub fn of(positions: &Arc<Positions>) -> Self {
        positions.asked.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(positions))
    }

    /// Of which positions it is one.
    pub fn positions(&self) -> &Positions {
        &self.0
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The file of a position. Its path, for a handle would hold its lock, and with it the name of the consumer.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    /// Whether it waits for a sync that has not been begun.
    waits: AtomicBool,
}

impl Written {
    /// That of a position which waits for no sync.
    pub fn at(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, waits: AtomicBool::new(false) })
    }

    /// Whether a sync of it is still to be begun.
    #[cfg(test)]
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    fn sync(&self) -> Result<()> {
        // What is written from here on may come too late for this one.
        self.waits.store(false, Ordering::Release);
        let is_there = || Ok(files::look(&self.path)?.is_some_and(|found| found.is_file));
        // It may have been removed since, as the retention does where nobody holds it. What is no file in its place may keep
        // waiting whoever opens it.
        if !is_there()? {
            return Ok(());
        }
        match files::sync_file(&self.path) {
            Err(_) if matches!(is_there(), Ok(false)) => Ok(()),
            synced => synced,
        }
    }
}

/// What the thread is asked for.
enum Job {
    Note(Arc<Written>),
    Sync(Reply<()>),
}

type Interval = Arc<Mutex<Duration>>;

/// The thread.
struct Syncing {
    interval: Interval,
    written: Vec<Arc<Written>>,
    sync_at: Option<Instant>,
    /// Of a sync that nobody has waited for.
    failure: Option<Error>,
}

impl Syncing {
    fn new(interval: Interval) -> Self {
        Self { interval, written: Vec::new(), sync_at: None, failure: None }
    }

    fn note(&mut self, written: Arc<Written>) {
        self.written.push(written);
        let next = Instant::now() + *self.interval.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have become shorter.
        self.sync_at = Some(self.sync_at.map_or(next, |at| at.min(next)));
    }

    /// The first failure is told, of those before included.
    fn sync(&mut self) -> Result<()> {
        let before = self.failure.take().map_or(Ok(()), Err);
        let (synced, begun) = self.sync_all();
        before.and(synced).and(begun)
    }

    /// What became of the syncs, and whether each could be begun: one that could not is tried again.
    fn sync_all(&mut self) -> (Result<()>, Result<()>) {
        self.sync_at = None;
        let (mut outcome, mut begun) = (Ok(()), Ok(()));
        for written in std::mem::take(&mut self.written) {
            match written.sync() {
                Err(error @ Error::Exhausted { .. }) => {
                    begun = begun.and(Err(error));
                    if !written.waits.swap(true, Ordering::AcqRel) {
                        self.note(written);
                    }
                }
                synced => outcome = outcome.and(synced),
            }
        }
        (outcome, begun)
    }
}

impl Handler<Job> for Syncing {
    fn handle(&mut self, batch: Vec<Job>) {
        let mut waiting = Vec::new();
        for job in batch {
            match job {
                Job::Note(written) => self.note(written),
                Job::Sync(reply) => waiting.push(reply),
            }
        }
        if waiting.is_empty() {
            return;
        }
        // One sync for all of them.
        let synced = self.sync();
        for reply in waiting {
            reply.send(synced.clone());
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.sync_at
    }

    fn tick(&mut self) {
        // Each is logged once, and the first is told to whoever asks next.
        if let (Err(error), _) = self.sync_all() {
            warn(&error);
            self.failure.get_or_insert(error);
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.sync()
    }
}

fn warn(error: &Error) {
    tracing::warn!(target: "smalltalk::event_log", %error, "the position of a consumer may not be on the disk");
}

#[cfg(test)]
mod tests;
