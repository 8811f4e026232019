//! The one thread that writes: it drains its queue into one transaction, with a savepoint for each change.

use std::{path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::{
    failure::{commit_failure, failure},
    job::{Chore, Job, Step, Verdict},
    opening, schema,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    worker::Handler,
};

/// Owns the only connection that writes, and so the only one that checkpoints.
pub struct Writer {
    path: PathBuf,
    busy_timeout: Duration,
    connection: Option<Connection>,
    /// Why there is no connection: what is queued behind a failed opening hears of it.
    refusal: Error,
    synchronous: Option<Durability>,
    /// Which file was opened: a path can come to mean another.
    identity: Option<opening::Identity>,
    /// A commit failed half-way: what the kernel still has of it is not what the disk has.
    in_doubt: bool,
}

impl Writer {
    /// A writer that opens its file with its first job.
    pub fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self {
            path,
            busy_timeout,
            connection: None,
            refusal: Error::Closed("the store"),
            synchronous: None,
            identity: None,
            in_doubt: false,
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.connection.is_none() {
            let opened = opening::open_writer(&self.path, self.busy_timeout);
            self.connection = Some(opened.inspect_err(|error| self.refusal = error.clone())?);
            self.identity = opening::identity(&self.path);
            self.synchronous = None;
            tracing::debug!(target: "smalltalk::storage", path = %self.path.display(), "opened");
        }
        Ok(())
    }

    /// After a failed sync the kernel takes the lost pages for written: only a new connection, which reads the file again,
    /// knows what is there.
    fn reopen_if_in_doubt(&mut self) -> Result<()> {
        if self.in_doubt {
            self.connection = None;
            let connection = opening::open_writer(&self.path, self.busy_timeout)?;
            schema::verify(&connection)?;
            tracing::warn!(target: "smalltalk::storage", "reopened and verified after a commit that failed half-way");
            self.connection = Some(connection);
            self.synchronous = None;
            self.in_doubt = false;
        }
        if self.identity != opening::identity(&self.path) {
            return Err(Error::Io {
                doing: "writing".into(),
                cause: "the database file was deleted or replaced while it was open".into(),
            });
        }
        Ok(())
    }

    /// Sets how far a commit goes; only outside of a transaction.
    fn prepare(&mut self, durability: Durability) -> Result<()> {
        let connection = self.connection.as_ref().ok_or_else(|| self.refusal.clone())?;
        if self.synchronous != Some(durability) {
            let level = match durability {
                Durability::Process => "normal",
                Durability::Power => "full",
            };
            connection
                .pragma_update(None, "synchronous", level)
                .map_err(|error| failure("setting the durability", &error))?;
            self.synchronous = Some(durability);
        }
        Ok(())
    }

    fn chore(&mut self, chore: Chore) {
        match self.reopen_if_in_doubt() {
            Ok(()) => chore.run(self.connection.as_ref().ok_or_else(|| self.refusal.clone())),
            Err(error) => chore.run(Err(error)),
        }
    }

    fn transact(&mut self, batch: Vec<Step>) {
        if batch.is_empty() {
            return;
        }
        let durability = strongest(&batch);
        if let Err(error) = self.reopen_if_in_doubt().and_then(|()| durability.map_or(Ok(()), |it| self.prepare(it))) {
            return refuse(batch, &error);
        }
        let Some(connection) = &self.connection else {
            return refuse(batch, &self.refusal);
        };
        let begin = if durability.is_some() { "BEGIN IMMEDIATE" } else { "BEGIN" };
        if let Err(error) = connection.execute_batch(begin) {
            return refuse(batch, &failure("beginning to write", &error));
        }
        let steps = batch.len();
        let verdicts = run_all(connection, batch);
        let failed = conclude(connection);
        self.in_doubt = matches!(failed, Some(Error::Indeterminate { .. }));
        for verdict in verdicts {
            verdict(failed.as_ref());
        }
        tracing::trace!(target: "smalltalk::storage", steps, failed = failed.is_some(), "batch");
    }
}

/// `None` where nothing in the batch writes.
fn strongest(batch: &[Step]) -> Option<Durability> {
    batch
        .iter()
        .filter_map(|step| match step {
            Step::Write(_, durability) => Some(*durability),
            Step::Read(_) => None,
        })
        .max()
}

fn run_all(connection: &Connection, batch: Vec<Step>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(batch.len());
    for step in batch {
        match step {
            // An error may have ended the whole transaction; what would come after it must not be written alone.
            step if connection.is_autocommit() => {
                step.refuse(Error::Io { doing: "writing".into(), cause: "an earlier write ended the batch".into() });
            }
            Step::Read(read) => verdicts.push(read.run(connection)),
            Step::Write(write, _) => {
                if let Err(error) = connection.execute_batch("SAVEPOINT job") {
                    write.refuse(failure("writing", &error));
                    continue;
                }
                let (failed, verdict) = write.run(connection);
                let end = if failed { "ROLLBACK TO job; RELEASE job" } else { "RELEASE job" };
                if !connection.is_autocommit() && connection.execute_batch(end).is_err() {
                    // Half a change must not be committed with the others.
                    let _ = connection.execute_batch("ROLLBACK");
                }
                verdicts.push(verdict);
            }
        }
    }
    verdicts
}

/// Commits; what keeps it from being committed is everybody's error.
fn conclude(connection: &Connection) -> Option<Error> {
    if connection.is_autocommit() {
        return Some(Error::Io {
            doing: "writing".into(),
            cause: "a write ended the batch; nothing of it is stored".into(),
        });
    }
    let error = connection.execute_batch("COMMIT").err()?;
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    Some(commit_failure(&error))
}

fn refuse(batch: Vec<Step>, error: &Error) {
    for step in batch {
        step.refuse(error.clone());
    }
}

impl Handler<Job> for Writer {
    fn handle(&mut self, batch: Vec<Job>) {
        let mut together = Vec::with_capacity(batch.len());
        for job in batch {
            match job {
                Job::Step(step) => together.push(step),
                Job::Chore(chore) => {
                    self.transact(std::mem::take(&mut together));
                    self.chore(chore);
                }
                Job::Open(reply) => reply.send(self.open()),
            }
        }
        self.transact(together);
    }

    fn finish(&mut self) -> Result<()> {
        self.synchronous = None;
        match self.connection.take().map(Connection::close) {
            None | Some(Ok(())) => Ok(()),
            Some(Err((_, error))) => Err(failure("closing the database", &error)),
        }
    }
}
