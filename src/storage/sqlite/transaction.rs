//! One transaction for what was waiting, in which a change that fails takes back itself and no other.
//!
//! A savepoint for each change would do that, at a third of the price of a small save. So the first attempt goes without:
//! nearly every change that fails does so before it has written anything. Where one has, all of it is taken back and done
//! again with savepoints.

use rusqlite::Connection;

use super::{
    failure::{commit_failure, failure, uncertain},
    job::{Read, Step, Write},
    owed::Verdict,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
};

/// How far the commit of a batch has to go: as far as the strongest of its members asks. `None` where nothing writes.
pub fn strongest(batch: &[Step]) -> Option<Durability> {
    batch
        .iter()
        .filter_map(|step| match step {
            Step::Write(_, durability) => Some(*durability),
            Step::Read(_) => None,
        })
        .max()
}

/// The next end of a key that a batch sets.
pub fn next_end(batch: &[Step]) -> Option<i64> {
    batch
        .iter()
        .filter_map(|step| match step {
            Step::Write(write, _) => write.end(),
            Step::Read(_) => None,
        })
        .min()
}

/// What became of a batch.
pub struct Outcome {
    /// The answers that are owed.
    verdicts: Vec<Verdict>,
    /// What kept the batch from being committed: everybody's error.
    failed: Option<Error>,
    /// Changes that would make room, where there was none: they are not answered yet.
    left: Vec<Write>,
}

impl Outcome {
    fn of(connection: &Connection, done: Vec<Done>, failed: Option<Error>, leave: bool) -> Self {
        let mut outcome = Self { verdicts: Vec::with_capacity(done.len()), failed, left: Vec::new() };
        let full = leave && matches!(outcome.failed, Some(Error::Full { .. }));
        for done in done {
            match done {
                // It may have seen what is not to be.
                Done::Read(mut read) => {
                    if outcome.failed.is_some() {
                        read.ask(connection);
                    }
                    outcome.verdicts.push(Box::new(|_| read.answer()));
                }
                Done::Unread(read) => read.run(connection),
                Done::Write(write) if full && write.frees() => outcome.left.push(write),
                Done::Write(write) => outcome.verdicts.push(write.verdict()),
            }
        }
        outcome
    }

    /// Does what the answers depend on, unless the batch has failed anyhow.
    pub fn fail_unless(&mut self, done: impl FnOnce() -> Result<()>) {
        if self.failed.is_none()
            && let Err(error) = done()
        {
            self.failed = Some(uncertain(error));
        }
    }

    /// Gives the answers that are owed. What remains is the error of all, and who has to be answered still.
    pub fn tell(self) -> (Option<Error>, Vec<Write>) {
        for verdict in self.verdicts {
            verdict(self.failed.as_ref());
        }
        (self.failed, self.left)
    }
}

/// A member of a batch that has had its turn.
enum Done {
    Read(Read),
    Write(Write),
    /// A question that did not get it, as the engine does nothing more in this transaction.
    Unread(Read),
}

/// What has to be so before a commit.
type Ready<'work> = &'work mut dyn FnMut(&Connection) -> Result<()>;

/// Does a batch and commits it where all is `ready`. Changes that make room are left unanswered where there was none.
pub fn run(connection: &Connection, batch: Vec<Step>, ready: Ready<'_>) -> Outcome {
    run_batch(connection, batch, true, ready)
}

/// Does changes anew that found no room the first time. They are already as durable as their batch was to be. Where there
/// is none again they are answered, unless they are to be left.
pub fn run_anew(connection: &Connection, writes: Vec<Write>, leave: bool) -> Outcome {
    let batch = writes.into_iter().map(|write| Step::Write(write, Durability::Process)).collect();
    run_batch(connection, batch, leave, &mut |_| Ok(()))
}

fn run_batch(connection: &Connection, batch: Vec<Step>, leave: bool, ready: Ready<'_>) -> Outcome {
    let writes = strongest(&batch).is_some();
    for step in &batch {
        if let Step::Write(write, _) = step {
            write.look(connection);
        }
    }
    let begin = if writes { "BEGIN IMMEDIATE" } else { "BEGIN" };
    if let Err(error) = execute(connection, begin) {
        refuse(Some(connection), batch, &failure("beginning to write", &error));
        return Outcome::of(connection, Vec::new(), None, leave);
    }
    let (done, ended) = run_all(connection, batch);
    if matches!(ended, Some(Error::Corrupt { .. })) {
        return one_by_one(connection, done, ready);
    }
    let failed = if writes { conclude(connection, ended, ready) } else { conclude(connection, ended, &mut |_| Ok(())) };
    Outcome::of(connection, done, failed, leave)
}

/// Somebody has met damage, after which the engine lets nothing more be written in the transaction. What the others want
/// is done all the same, each in a transaction of its own.
fn one_by_one(connection: &Connection, done: Vec<Done>, ready: Ready<'_>) -> Outcome {
    let mut worst = None;
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    for done in done {
        match done {
            Done::Read(read) => read.answer(),
            Done::Unread(read) => read.run(connection),
            // Nothing is acknowledged behind a commit of which nobody knows what is on the disk.
            Done::Write(write) if matches!(worst, Some(Error::Indeterminate { .. })) => write.refuse(after_doubt()),
            Done::Write(mut write) => match alone(connection, &mut write, ready) {
                Ok(()) => write.verdict()(None),
                Err(error) => {
                    write.verdict()(Some(&error));
                    if worst.is_none() || matches!(error, Error::Indeterminate { .. }) {
                        worst = Some(error);
                    }
                }
            },
        }
    }
    Outcome { verdicts: Vec::new(), failed: worst, left: Vec::new() }
}

/// What those get who were to be written behind a commit that failed half-way.
pub fn after_doubt() -> Error {
    let cause = "a commit before it failed half-way; nothing of this write is stored";
    Error::Io { doing: "writing".into(), cause: cause.into() }
}

fn alone(connection: &Connection, write: &mut Write, ready: Ready<'_>) -> Result<()> {
    write.look(connection);
    execute(connection, "BEGIN IMMEDIATE").map_err(|error| failure("beginning to write", &error))?;
    if write.attempt(connection).is_none() {
        return conclude(connection, None, ready).map_or(Ok(()), Err);
    }
    if !connection.is_autocommit() {
        execute(connection, "ROLLBACK").map_err(|error| failure("taking a write back", &error))?;
    }
    Ok(())
}

/// Refuses the changes of a batch, and answers its questions where there is a connection that can.
pub fn refuse(connection: Option<&Connection>, batch: Vec<Step>, error: &Error) {
    for step in batch {
        match (step, connection) {
            (Step::Read(read), Some(connection)) => read.run(connection),
            (step, _) => step.refuse(error.clone()),
        }
    }
}

/// Gives who has had a turn, and what ended the transaction before its time.
fn run_all(connection: &Connection, batch: Vec<Step>) -> (Vec<Done>, Option<Error>) {
    let mut writes = match only_writes(batch) {
        Ok(writes) => writes,
        Err(batch) => return with_savepoints(connection, batch),
    };
    if without_savepoints(connection, &mut writes) {
        return (writes.into_iter().map(|(write, _)| Done::Write(write)).collect(), None);
    }
    let batch = writes.into_iter().map(|(write, durability)| Step::Write(write, durability)).collect();
    let again = if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") };
    if let Err(error) = again.and_then(|()| execute(connection, "BEGIN IMMEDIATE")) {
        let error = failure("beginning to write anew", &error);
        refuse(Some(connection), batch, &error);
        return (Vec::new(), Some(error));
    }
    with_savepoints(connection, batch)
}

/// The changes of a batch that has no questions. A question is answered once, so a batch with one is not done again.
fn only_writes(batch: Vec<Step>) -> Result<Vec<(Write, Durability)>, Vec<Step>> {
    if batch.iter().any(|step| matches!(step, Step::Read(_))) {
        return Err(batch);
    }
    let writes = batch.into_iter().filter_map(|step| match step {
        Step::Write(write, durability) => Some((write, durability)),
        Step::Read(_) => None,
    });
    Ok(writes.collect())
}

/// Does changes; `false` where one failed that had written something.
fn without_savepoints(connection: &Connection, writes: &mut [(Write, Durability)]) -> bool {
    writes.iter_mut().all(|(write, _)| {
        let before = connection.total_changes();
        match write.attempt(connection) {
            _ if connection.is_autocommit() => false,
            Some(Error::Corrupt { .. }) => false,
            Some(_) => connection.total_changes() == before,
            None => true,
        }
    })
}

fn with_savepoints(connection: &Connection, batch: Vec<Step>) -> (Vec<Done>, Option<Error>) {
    let mut done = Vec::with_capacity(batch.len());
    // An error may end the whole transaction; what would come after it must not be written alone.
    let mut ended: Option<Error> = None;
    for step in batch {
        match (step, &ended) {
            (Step::Read(mut read), None) => {
                ended = read.ask(connection).filter(|error| matches!(error, Error::Corrupt { .. }));
                done.push(Done::Read(read));
            }
            (Step::Read(read), Some(_)) => done.push(Done::Unread(read)),
            (Step::Write(mut write, _), Some(error)) => {
                write.skip(error.clone());
                done.push(Done::Write(write));
            }
            (Step::Write(mut write, _), None) => {
                ended = guarded(connection, &mut write);
                done.push(Done::Write(write));
            }
        }
    }
    (done, ended)
}

/// Does one change, or takes it back; what has ended the whole transaction where something has.
fn guarded(connection: &Connection, write: &mut Write) -> Option<Error> {
    if let Err(error) = execute(connection, "SAVEPOINT job") {
        write.skip(failure("writing", &error));
        return interrupted(connection, None);
    }
    let failed = write.attempt(connection);
    if !connection.is_autocommit() && end(connection, failed.is_some()).is_err() {
        // Half a change must not be committed with the others.
        let _ = execute(connection, "ROLLBACK");
    }
    match failed {
        Some(error @ Error::Corrupt { .. }) => Some(error),
        failed => interrupted(connection, failed),
    }
}

fn interrupted(connection: &Connection, cause: Option<Error>) -> Option<Error> {
    let unknown =
        || Error::Io { doing: "writing".into(), cause: "a write ended the batch; nothing of it is stored".into() };
    connection.is_autocommit().then(|| cause.unwrap_or_else(unknown))
}

/// Keeps what was written since the savepoint, or takes it back.
fn end(connection: &Connection, failed: bool) -> rusqlite::Result<()> {
    if failed {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

fn conclude(connection: &Connection, ended: Option<Error>, ready: Ready<'_>) -> Option<Error> {
    if let Some(error) = ended.or_else(|| interrupted(connection, None)) {
        return Some(error);
    }
    let failed = match ready(connection) {
        // First of all: it asks the system as well what the matter was.
        Ok(()) => commit_failure(&execute(connection, "COMMIT").err()?),
        Err(error) => error,
    };
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    Some(failed)
}

/// Parsed once: every change has two of these around it.
fn execute(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
