//! The one thread that writes: what has queued up shares one transaction.

use std::{
    path::{Path, PathBuf},
    sync::Weak,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    birth,
    checkpoints::Checkpoints,
    direct::{Direct, Paused},
    expiry::{self, Expiry},
    failure::failure,
    identity::{Identity, still_there},
    job::{Chore, Job, Step, Write},
    keys, opening,
    reserve::Reserve,
    schema, transaction,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
    worker::Handler,
};

/// Owns the only connection that writes, and so the only one that checkpoints.
pub struct Writer {
    path: PathBuf,
    busy_timeout: Duration,
    opened: Option<Opened>,
    /// Why there is no connection: what is queued behind a failed opening hears of it.
    refusal: Error,
    /// Which file was opened: a path can come to mean another.
    identity: Option<Identity>,
    /// A commit or a checkpoint failed half-way: what the kernel still has of it is not what the disk has.
    in_doubt: bool,
    expiry: Expiry,
    reserve: Reserve,
    /// Reads on other threads, whose view is given back here when it is used no more.
    direct: Weak<Direct>,
}

struct Opened {
    connection: Connection,
    identity: Option<Identity>,
    checkpoints: Checkpoints,
    synchronous: Option<Durability>,
}

impl Opened {
    fn open(path: &Path, busy_timeout: Duration) -> Result<Self> {
        let opening::Opened { mut connection, identity } = opening::open_writer(path, busy_timeout)?;
        let checkpoints = Checkpoints::of(&mut connection, path, identity, busy_timeout)?;
        Ok(Self { connection, identity, checkpoints, synchronous: None })
    }

    /// Sets how far a commit goes; only outside of a transaction.
    fn prepare(&mut self, durability: Durability) -> Result<()> {
        if self.synchronous != Some(durability) {
            let level = match durability {
                Durability::Process => "normal",
                Durability::Power => "full",
            };
            self.connection
                .pragma_update(None, "synchronous", level)
                .map_err(|error| failure("setting the durability", &error))?;
            self.synchronous = Some(durability);
        }
        Ok(())
    }
}

impl Writer {
    /// A writer that opens its file with its first job.
    pub fn new(path: PathBuf, busy_timeout: Duration, direct: Weak<Direct>) -> Self {
        Self {
            reserve: Reserve::of(&path),
            path,
            busy_timeout,
            opened: None,
            refusal: Error::Closed("the store"),
            identity: None,
            in_doubt: false,
            expiry: Expiry::default(),
            direct,
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.opened.is_none() {
            let opened = self.open_file().inspect_err(|error| self.refusal = error.clone())?;
            if let Some(end) = keys::next_end(&opened.connection)? {
                self.expiry.note(end);
            }
            self.identity = opened.identity;
            self.opened = Some(opened);
            tracing::debug!(target: "smalltalk::storage", path = %self.path.display(), "opened");
        }
        Ok(())
    }

    /// Opens the file; on a full disk with the room that somebody has kept for that and left behind.
    fn open_file(&mut self) -> Result<Opened> {
        self.reserve = Reserve::of(&birth::own_name(&self.path));
        match Opened::open(&self.path, self.busy_timeout) {
            Err(Error::Io { .. } | Error::Full { .. }) if self.reserve.is_there() => {
                self.reserve.release();
                Opened::open(&self.path, self.busy_timeout)
            }
            outcome => outcome,
        }
    }

    /// The connection to a file that is still the one that was opened.
    ///
    /// After a failed sync the kernel takes the lost pages for written: only a new connection, which reads the file again,
    /// knows what is there. What came before the failure and was not synced yet may be lost as well, in the middle of the
    /// log: nothing is acknowledged before the log has been folded into the file.
    fn sound(&mut self) -> Result<&mut Opened> {
        if self.opened.is_none() && !self.in_doubt {
            return Err(self.refusal.clone());
        }
        still_there(&self.path, self.identity, "writing")?;
        if self.in_doubt {
            self.opened = None;
            let mut opened = Opened::open(&self.path, self.busy_timeout)?;
            schema::verify(&opened.connection)?;
            opened.checkpoints.settle(&opened.connection)?;
            tracing::warn!(target: "smalltalk::storage", "reopened and verified after a commit that failed half-way");
            self.opened = Some(opened);
            self.in_doubt = false;
        }
        self.opened.as_mut().ok_or_else(|| self.refusal.clone())
    }

    fn chore(&mut self, chore: Chore) {
        chore.run(self.sound().map(|opened| &opened.connection));
        // It may have written as much as many batches.
        self.fold();
    }

    /// After the answers were given.
    fn fold(&mut self) {
        if let Some(opened) = &mut self.opened {
            let synced = opened.synchronous != Some(Durability::Process);
            let folded = opened.checkpoints.after_batch(&opened.connection, synced);
            self.heed(folded);
        }
    }

    fn transact(&mut self, batch: Vec<Step>) {
        if batch.is_empty() {
            return;
        }
        if let Some(end) = transaction::next_end(&batch) {
            self.expiry.note(end);
        }
        let durability = transaction::strongest(&batch);
        let prepared = self.sound().and_then(|opened| {
            durability.map_or(Ok(()), |durability| opened.prepare(durability))?;
            Ok(opened)
        });
        let opened = match prepared {
            Ok(opened) => opened,
            Err(error) => return self.refuse(batch, &error),
        };
        let steps = batch.len();
        let mut outcome = transaction::run(&opened.connection, batch);
        if durability == Some(Durability::Power) {
            outcome.fail_unless(|| opened.checkpoints.sync_what_is_owed(&opened.connection));
        }
        let (failed, left) = outcome.tell();
        self.in_doubt = matches!(failed, Some(Error::Indeterminate { .. }));
        if !left.is_empty() {
            self.on_a_full_disk(left);
        }
        self.fold();
        tracing::trace!(target: "smalltalk::storage", steps, failed = failed.is_some(), "batch");
    }

    /// Without a connection that may write, what is there can be read all the same.
    fn refuse(&self, batch: Vec<Step>, error: &Error) {
        let reader = if self.in_doubt { opening::open_reader(&self.path, self.busy_timeout).ok() } else { None };
        transaction::refuse(reader.as_ref().map(|opened| &opened.connection), batch, error);
    }

    /// What makes room is done with what is kept for that, and with what the log gives back when it is folded.
    fn on_a_full_disk(&mut self, writes: Vec<Write>) {
        self.reserve.release();
        let Some(opened) = &mut self.opened else { return };
        let folded = Checkpoints::make_room(&opened.connection);
        // Pages that are to go would be written to the log on the way, for want of memory.
        let spilling = |allowed: bool| drop(opened.connection.pragma_update(None, "cache_spill", allowed));
        spilling(false);
        let outcome = transaction::run_anew(&opened.connection, writes);
        spilling(true);
        let (failed, _) = outcome.tell();
        self.in_doubt |= matches!(failed, Some(Error::Indeterminate { .. }));
        self.heed(folded);
    }

    /// A checkpoint that failed concerns nobody's write: what is in the log stays there, to be folded another time. But
    /// its syncs may have lost something, as those of a commit may.
    fn heed(&mut self, checkpoint: Result<()>) {
        if let Err(error) = checkpoint {
            self.in_doubt |= matches!(error, Error::Io { .. });
            tracing::warn!(target: "smalltalk::storage", %error, "the write-ahead log stays as it is");
        }
    }

    /// Whoever waits for readers, here or in another process, must not wait for a view that only this thread gives back.
    fn pause_views(&self) -> Option<Paused> {
        self.direct.upgrade().map(Paused::of)
    }

    fn reclaim(&mut self) {
        let (reply, outcome) = Reply::channel();
        let write = Write::new(0, reply, expiry::reclaim);
        self.transact(vec![Step::Write(write, Durability::Process)]);
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
    }
}

impl Handler<Job> for Writer {
    fn handle(&mut self, batch: Vec<Job>) {
        let _paused = self.pause_views();
        let mut together = Vec::with_capacity(batch.len());
        for job in batch {
            match job {
                Job::Step(step) => together.push(step),
                Job::Chore(chore) => {
                    self.transact(std::mem::take(&mut together));
                    self.chore(chore);
                }
                Job::Open(reply) => {
                    let opened = self.open();
                    let there = opened.is_ok();
                    reply.send(opened);
                    if there {
                        self.reserve.keep();
                    }
                }
            }
        }
        self.transact(together);
    }

    fn has_spare_work(&self) -> bool {
        // In doubt, the connection is not one to go by.
        !self.in_doubt && self.opened.as_ref().is_some_and(|opened| opened.checkpoints.may_be_folded())
    }

    fn spare(&mut self) {
        let _paused = self.pause_views();
        if let Some(opened) = &mut self.opened {
            let folded = opened.checkpoints.fold(&opened.connection);
            self.heed(folded);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        // A view has to be given back also where there is no connection to write with.
        let view = self.direct.upgrade().and_then(|direct| direct.wake_at());
        let own = self.opened.as_ref().map(|opened| [opened.checkpoints.wake_at(), self.expiry.wake_at()]);
        own.into_iter().flatten().flatten().chain(view).min()
    }

    fn tick(&mut self) {
        if let Some(direct) = self.direct.upgrade() {
            direct.watch();
        }
        let now = Instant::now();
        let due = |moment: Option<Instant>| moment.is_some_and(|due| due <= now);
        let folds = self.opened.as_ref().is_some_and(|it| due(it.checkpoints.wake_at()));
        if !folds && !due(self.expiry.wake_at()) {
            return;
        }
        let _paused = self.pause_views();
        if due(self.expiry.wake_at()) {
            self.reclaim();
        }
        if let Some(opened) = self.opened.as_mut().filter(|it| it.checkpoints.wake_at().is_some_and(|due| due <= now)) {
            let folded = opened.checkpoints.when_due(&opened.connection);
            self.heed(folded);
            self.reserve.keep();
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.reserve.release();
        let Some(opened) = self.opened.take() else { return Ok(()) };
        opened.connection.close().map_err(|(_, error)| failure("closing the database", &error))
    }
}
