//! One transaction for what was waiting, in which a change that fails takes back itself and no other.
//!
//! A savepoint for each change would do that, at a third of the price of a small save. So the first attempt goes without:
//! nearly every change that fails does so before it has written anything. Where one has, all of it is taken back and done
//! again with savepoints.

mod outcome;
mod savepoints;

use rusqlite::Connection;

pub use self::outcome::Outcome;
use self::{
    outcome::Done,
    savepoints::{interrupted, run_all},
};
use super::{
    failure::{certain, commit_failure, failure, uncertain},
    job::{Step, Write},
    mending::{Mending, PARTS, Part},
    own_log::OwnLog,
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

/// What makes a commit one that may be acknowledged.
#[derive(Clone, Copy)]
pub struct Terms<'work> {
    /// How it is begun to write, which may have to wait for others.
    pub begin: &'work dyn Fn(&Connection) -> Result<()>,
    /// What has to be so before it.
    pub ready: &'work dyn Fn(&Connection) -> Result<()>,
    /// Where it goes, and has to be found: before anything is written, and when it was made.
    pub log: &'work OwnLog,
    /// How far it goes.
    pub durability: Durability,
    /// What is tried where it is met that an index is damaged.
    pub mending: &'work Mending,
}

impl Terms<'_> {
    fn ready(self, connection: &Connection) -> Result<()> {
        self.log.before_commit(connection)?;
        (self.ready)(connection)
    }

    fn committed(self, connection: &Connection) -> Result<()> {
        self.log.after_commit(connection, self.durability)
    }
}

/// Does a batch and commits it on these terms. Changes that make room are left unanswered where there was none.
pub fn run(connection: &Connection, batch: Vec<Step>, terms: Terms<'_>) -> Outcome {
    run_batch(connection, batch, true, terms)
}

/// Does changes anew that found no room the first time. They are already as durable as their batch was to be. Where there
/// is none again they are answered, unless they are to be left.
pub fn run_anew(connection: &Connection, writes: Vec<Write>, leave: bool, log: &OwnLog) -> Outcome {
    let batch = writes.into_iter().map(|write| Step::Write(write, Durability::Process)).collect();
    // Some of them may have been meant to be on the disk.
    let mending = &Mending::default();
    let terms = Terms { begin: &begin, ready: &|_| Ok(()), log, durability: Durability::Power, mending };
    run_batch(connection, batch, leave, terms)
}

fn run_batch(connection: &Connection, batch: Vec<Step>, leave: bool, terms: Terms<'_>) -> Outcome {
    let writes = strongest(&batch).is_some();
    for step in &batch {
        if let Step::Write(write, _) = step {
            write.look(connection);
        }
    }
    let begun = if writes {
        (terms.begin)(connection)
    } else {
        execute(connection, "BEGIN").map_err(|error| failure("beginning to read", &error))
    };
    if let Err(error) = begun {
        refuse(Some(connection), batch, &error);
        // Only where a sync has failed it concerns more than the batch.
        let failed = Some(error).filter(|error| matches!(error, Error::Indeterminate { .. }));
        return Outcome::of(connection, Vec::new(), failed, leave);
    }
    if writes && let Err(error) = terms.log.before_writing(connection) {
        let _ = execute(connection, "ROLLBACK");
        refuse(None, batch, &error);
        return Outcome::told(Some(error));
    }
    let (done, ended) = run_all(connection, batch, terms);
    if matches!(ended, Some(Error::Corrupt { .. })) {
        return one_by_one(connection, done, terms);
    }
    let failed = conclude(connection, ended, writes.then_some(terms));
    Outcome::of(connection, done, failed, leave)
}

/// Somebody has met damage, after which the engine lets nothing more be written in the transaction. What the others want
/// is done all the same, each in a transaction of its own.
fn one_by_one(connection: &Connection, done: Vec<Done>, terms: Terms<'_>) -> Outcome {
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
            Done::Write(mut write) => match alone(connection, &mut write, terms) {
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
    Outcome::told(worst)
}

/// What those get who were to be written behind a commit that failed half-way.
pub fn after_doubt() -> Error {
    let cause = "a commit before it failed half-way; nothing of this write is stored";
    Error::Io { doing: "writing".into(), cause: cause.into() }
}

fn alone(connection: &Connection, write: &mut Write, terms: Terms<'_>) -> Result<()> {
    write.look(connection);
    begin_alone(connection, write, terms)?;
    let mut failed = write.attempt(connection);
    if failed.as_ref().is_some_and(|error| terms.mending.may_help(error)) {
        take_back(connection)?;
        terms.mending.begin();
        for part in PARTS {
            mend(connection, part, write, terms)?;
        }
        // What it saw the first time it saw by what was damaged.
        write.look(connection);
        begin_alone(connection, write, terms)?;
        failed = write.attempt(connection);
        terms.mending.note(failed.as_ref());
    }
    if failed.is_none() {
        return conclude(connection, None, Some(terms)).map_or(Ok(()), Err);
    }
    take_back(connection)
}

/// Makes a part anew where that can be done, in a transaction of its own: where it is of no use to the one that met damage,
/// others may need it, and it is not tried again so soon.
fn mend(connection: &Connection, part: Part, write: &mut Write, terms: Terms<'_>) -> Result<()> {
    begin_alone(connection, write, terms)?;
    if part(connection).is_err() {
        return take_back(connection);
    }
    let Some(error) = conclude(connection, None, Some(terms)) else { return Ok(()) };
    write.skip(certain(error.clone()));
    Err(error)
}

fn begin_alone(connection: &Connection, write: &mut Write, terms: Terms<'_>) -> Result<()> {
    if let Err(error) = (terms.begin)(connection) {
        write.skip(certain(error.clone()));
        return Err(error);
    }
    if let Err(error) = terms.log.before_writing(connection) {
        let _ = execute(connection, "ROLLBACK");
        write.skip(error.clone());
        return Err(error);
    }
    Ok(())
}

fn take_back(connection: &Connection) -> Result<()> {
    if connection.is_autocommit() {
        return Ok(());
    }
    execute(connection, "ROLLBACK").map_err(|error| failure("taking a write back", &error))
}

/// Refuses the changes of a batch, of which nothing was written, and answers its questions where there is a connection that can.
pub fn refuse(connection: Option<&Connection>, batch: Vec<Step>, error: &Error) {
    let error = &certain(error.clone());
    for step in batch {
        match (step, connection) {
            (Step::Read(read), Some(connection)) => read.run(connection),
            (step, _) => step.refuse(error.clone()),
        }
    }
}

/// Only what has written has terms.
fn conclude(connection: &Connection, ended: Option<Error>, terms: Option<Terms<'_>>) -> Option<Error> {
    if let Some(error) = ended.or_else(|| interrupted(connection, None)) {
        return Some(error);
    }
    let failed = match terms.map_or(Ok(()), |terms| terms.ready(connection)) {
        Ok(()) => match execute(connection, "COMMIT") {
            // First of all: it asks the system as well what the matter was.
            Err(error) => commit_failure(&error),
            Ok(()) => uncertain(terms?.committed(connection).err()?),
        },
        Err(error) => error,
    };
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    Some(failed)
}

/// Begins to write; another process that does is waited for within the busy time-out.
///
/// # Errors
/// [`Error::Busy`] where that was not enough, else what kept it from beginning.
pub fn begin(connection: &Connection) -> Result<()> {
    execute(connection, "BEGIN IMMEDIATE").map_err(|error| failure("beginning to write", &error))
}

/// Parsed once: every change has two of these around it.
fn execute(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use super::*;
    use crate::{
        reply::Reply,
        storage::sqlite::{counters, opening},
    };

    #[test]
    fn where_nothing_can_be_committed_it_is_not_tried_with_each_write_to_make_indexes_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = opening::open_writer(&path, Duration::ZERO).unwrap().connection;
        let (mending, log, commits) = (Mending::default(), OwnLog::of(&path, None), Cell::new(0));
        let full = |_: &Connection| {
            commits.set(commits.get() + 1);
            Err(Error::Full { doing: "writing".into() })
        };
        let terms =
            Terms { begin: &begin, ready: &full, log: &log, durability: Durability::Process, mending: &mending };
        // It needs what only making it anew brings.
        connection.execute("DELETE FROM counters WHERE name = 'version'", []).unwrap();
        let needs_it = |connection: &Connection| counters::next_version(connection, None);
        let codes = [(); 3].map(|()| {
            let (reply, answer) = Reply::channel();
            let batch = vec![Step::Write(Write::new(0, reply, needs_it), Durability::Process)];
            drop(run(&connection, batch, terms).tell());
            answer.recv().unwrap().unwrap_err().code()
        });
        assert_eq!(codes, ["ERR_FULL", "ERR_CORRUPT", "ERR_CORRUPT"]);
        assert_eq!(commits.get(), 1);
    }
}
