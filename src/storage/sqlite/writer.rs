//! The one thread that writes: what has queued up shares one transaction.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use self::folding::UNFOLDED;
use super::{
    birth,
    caller_clock::CallerClock,
    direct::{Direct, Paused},
    doubt::Doubt,
    expiry::Expiry,
    failure::{doubt_alone, leaves_doubt},
    growth,
    job::{Chore, Job, Step},
    reserve::Reserve,
    shared_file::SharedFile,
    still_there::still_there,
    view::ReadMark,
    write_connection::WriteConnection,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
    worker::Handler,
};

/// With less on the disk, it may be full when the file is opened next.
const SCARCE: i64 = 8 * 1024 * 1024;

/// Owns the only connection that writes, and so the only one that checkpoints.
pub struct Writer {
    path: PathBuf,
    busy_timeout: Duration,
    opened: Option<WriteConnection>,
    /// Why there is no connection: what is queued behind a failed opening hears of it.
    refusal: Error,
    /// Which file was opened: a path can come to mean another.
    file: Arc<SharedFile>,
    /// A commit, a checkpoint or a chore failed half-way: what the kernel still has of it is not what the disk has.
    doubt: Doubt,
    expiry: Expiry,
    reserve: Reserve,
    /// So long the disk is taken to be as full as it was.
    full_until: Option<Instant>,
    /// Reads on other threads, whose view is given back here when it is used no more.
    direct: Weak<Direct>,
    /// How the index of the log is read.
    read_mark: Option<ReadMark>,
}

impl Writer {
    /// A writer that opens its file with its first job.
    pub fn new(
        path: PathBuf,
        busy_timeout: Duration,
        file: Arc<SharedFile>,
        direct: Weak<Direct>,
        read_mark: Option<ReadMark>,
    ) -> Self {
        Self {
            reserve: Reserve::of(&path),
            path,
            busy_timeout,
            opened: None,
            refusal: Error::Closed("the store"),
            file,
            doubt: Doubt::default(),
            expiry: Expiry::default(),
            full_until: None,
            direct,
            read_mark,
        }
    }

    /// Who asks says by this what time it is to them.
    #[must_use]
    pub fn clock(&self) -> CallerClock {
        self.expiry.clock().clone()
    }

    fn chore(&mut self, chore: Chore) {
        // It may wait for others, or take its time.
        self.sync_owed();
        let sound =
            self.sound().and_then(|opened| opened.log.still_whole(&opened.connection, "writing").map(|()| opened));
        match sound {
            Ok(opened) => {
                let did = chore.run(&opened.connection);
                self.heed(doubt_alone(did), "a chore failed half-way");
            }
            Err(error) => chore.refuse(error),
        }
        // It may have written as much as many batches.
        self.fold();
    }

    /// Nobody needs the room of a closed file, but to open it again where the disk is full by then. It is kept for that where it
    /// was full lately, or soon may be.
    fn leave_reserve(&self) {
        if self.full_until.is_some() || growth::available(&birth::own_name(&self.path)) < SCARCE {
            self.reserve.keep();
        } else {
            self.reserve.release();
        }
    }

    /// A checkpoint or a chore that failed concerns nobody's write: what is in the log stays there, to be folded another
    /// time. But its syncs may have lost something, as those of a commit may.
    fn heed(&mut self, outcome: Result<()>, what: &str) {
        if let Err(error) = outcome {
            if leaves_doubt(&error) {
                self.doubt.begin();
            }
            tracing::warn!(target: "smalltalk::storage", %error, "{what}");
        }
    }

    /// Ends the doubt although nobody asks: what was acknowledged without a sync waits for one.
    fn recover(&mut self) {
        // What stays as it is is said once.
        if let Err(error) = self.sound()
            && self.doubt.postpone()
        {
            tracing::warn!(target: "smalltalk::storage", %error, "what is on the disk stays in doubt");
        }
    }

    /// Whoever waits for readers, here or in another process, must not wait for a view that only this thread gives back.
    fn pause_views(&self) -> Option<Paused> {
        self.direct.upgrade().map(Paused::of)
    }

    fn reclaim(&mut self) {
        let (reply, outcome) = Reply::channel();
        self.transact(vec![Step::Write(self.expiry.step(reply), Durability::Process)]);
        let outcome = outcome.recv().unwrap_or(Err(Error::Busy));
        if let Err(error) = &outcome {
            tracing::debug!(target: "smalltalk::storage", %error, "expired keys stay for now");
        }
        self.expiry.after(&outcome);
    }
}

/// Without this thread nobody gives a view back.
impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(direct) = self.direct.upgrade() {
            direct.end();
        }
        self.file.has_log(None);
        self.file.hold(None);
    }
}

impl Handler<Job> for Writer {
    fn handle(&mut self, batch: Vec<Job>) {
        let _paused = self.pause_views();
        let mut together = Vec::with_capacity(batch.len());
        for job in batch {
            match job {
                // What it is to find may be among those that came before it.
                Job::Step(step) if step.looks() => {
                    self.transact(std::mem::take(&mut together));
                    self.transact(vec![step]);
                }
                Job::Step(step) => together.push(step),
                Job::Chore(chore) => {
                    self.transact(std::mem::take(&mut together));
                    self.chore(chore);
                }
                Job::Sync => {
                    self.transact(std::mem::take(&mut together));
                    self.sync_at_last();
                }
                Job::Open(reply) => {
                    reply.send(self.open());
                    if self.opened.is_some() {
                        self.reserve.keep();
                    }
                }
            }
        }
        self.transact(together);
    }

    fn has_spare_work(&self) -> bool {
        // In doubt, the connection is not one to go by.
        !self.doubt.is_there() && self.opened.as_ref().is_some_and(|opened| opened.checkpoints.may_be_folded())
    }

    fn spare(&mut self) {
        let _paused = self.pause_views();
        if let Some(opened) = self.foldable() {
            let folded = opened.checkpoints.fold(&opened.connection);
            self.heed(folded, UNFOLDED);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        // A view has to be given back also where there is no connection to write with.
        let view = self.direct.upgrade().and_then(|direct| direct.wake_at());
        // In doubt, there is nothing to be done with the file before it has been opened anew.
        let own = match &self.opened {
            _ if self.doubt.is_there() => [self.doubt.wake_at(), None],
            Some(opened) => [opened.checkpoints.wake_at(), self.expiry.wake_at()],
            None => [None, None],
        };
        own.into_iter().flatten().chain(view).min()
    }

    fn tick(&mut self) {
        if let Some(direct) = self.direct.upgrade() {
            direct.watch();
        }
        let now = Instant::now();
        let due = |moment: Option<Instant>| moment.is_some_and(|due| due <= now);
        let folds = self.opened.as_ref().is_some_and(|it| due(it.checkpoints.wake_at()));
        if !folds && !due(self.expiry.wake_at()) && !due(self.doubt.wake_at()) {
            return;
        }
        let _paused = self.pause_views();
        if due(self.doubt.wake_at()) {
            self.recover();
        }
        if let Some(opened) = self.opened.as_ref().filter(|_| due(self.expiry.look_at())) {
            self.expiry.look(&opened.connection, Duration::ZERO);
            self.reserve.keep();
        }
        if !self.doubt.is_there() && due(self.expiry.step_at()) {
            self.reclaim();
        }
        // Also what was done since may have asked for it.
        let folds = self.opened.as_ref().is_some_and(|it| due(it.checkpoints.wake_at()));
        if folds && let Some(opened) = self.foldable() {
            let folded = opened.checkpoints.when_due(&opened.connection);
            self.heed(folded, UNFOLDED);
            self.reserve.keep();
        }
    }

    fn finish(&mut self) -> Result<()> {
        let _paused = self.pause_views();
        if !self.doubt.is_there() && still_there(&self.path, self.file.identity(), "closing").is_ok() {
            self.fold_at_last();
        }
        // Nothing may be open, as the doubt could not be ended so far.
        let settled = if self.doubt.is_there() { self.sound().map(drop) } else { Ok(()) };
        self.file.has_log(None);
        let closed = self.opened.take().map_or(Ok(()), WriteConnection::close);
        // Whoever closes the database last takes the log away. Where it is there, others need the room as well. And what was never
        // opened to be written to needs none, and may not be ours, nor what is beside it.
        let wrote = self.file.identity().is_some() && !self.file.is_read_only();
        if wrote && !birth::with_ending(&birth::own_name(&self.path), "-wal").exists() {
            self.leave_reserve();
        }
        // Who reads has closed before, or has a hold of his own.
        self.file.hold(None);
        settled.and(closed)
    }
}

mod batch;
mod folding;
mod sound;
#[cfg(test)]
mod tests;
