//! One transaction for what was waiting, in which a change that fails takes back itself and no other.
//!
//! A savepoint for each change would do that, at a third of the price of a small save. So the first attempt goes without:
//! nearly every change that fails does so before it has written anything. Where one has, all of it is taken back and done
//! again with savepoints.

use rusqlite::Connection;

use super::{
    failure::{commit_failure, failure},
    job::{Step, Verdict, Write},
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

/// Does a batch and commits it. Gives the answers that are owed, and what kept the batch from being committed: everybody's
/// error.
pub fn run(connection: &Connection, batch: Vec<Step>) -> (Vec<Verdict>, Option<Error>) {
    let begin = if strongest(&batch).is_some() { "BEGIN IMMEDIATE" } else { "BEGIN" };
    if let Err(error) = execute(connection, begin) {
        refuse(batch, &failure("beginning to write", &error));
        return (Vec::new(), None);
    }
    let verdicts = run_all(connection, batch);
    (verdicts, conclude(connection))
}

/// Answers a whole batch without having done anything.
pub fn refuse(batch: Vec<Step>, error: &Error) {
    for step in batch {
        step.refuse(error.clone());
    }
}

fn run_all(connection: &Connection, batch: Vec<Step>) -> Vec<Verdict> {
    let mut writes = match only_writes(batch) {
        Ok(writes) => writes,
        Err(batch) => return with_savepoints(connection, batch),
    };
    if without_savepoints(connection, &mut writes) {
        return writes.into_iter().map(|(write, _)| write.verdict()).collect();
    }
    let batch = writes.into_iter().map(|(write, durability)| Step::Write(write, durability)).collect();
    let again = if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") };
    if let Err(error) = again.and_then(|()| execute(connection, "BEGIN IMMEDIATE")) {
        refuse(batch, &failure("beginning to write anew", &error));
        return Vec::new();
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
        let failed = write.attempt(connection);
        !connection.is_autocommit() && (!failed || connection.total_changes() == before)
    })
}

fn with_savepoints(connection: &Connection, batch: Vec<Step>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(batch.len());
    for step in batch {
        match step {
            // An error may have ended the whole transaction; what would come after it must not be written alone.
            step if connection.is_autocommit() => {
                step.refuse(Error::Io { doing: "writing".into(), cause: "an earlier write ended the batch".into() });
            }
            Step::Read(read) => verdicts.push(read.run(connection)),
            Step::Write(mut write, _) => {
                if let Err(error) = execute(connection, "SAVEPOINT job") {
                    write.refuse(failure("writing", &error));
                    continue;
                }
                let failed = write.attempt(connection);
                if !connection.is_autocommit() && end(connection, failed).is_err() {
                    // Half a change must not be committed with the others.
                    let _ = execute(connection, "ROLLBACK");
                }
                verdicts.push(write.verdict());
            }
        }
    }
    verdicts
}

/// Keeps what was written since the savepoint, or takes it back.
fn end(connection: &Connection, failed: bool) -> rusqlite::Result<()> {
    if failed {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

fn conclude(connection: &Connection) -> Option<Error> {
    if connection.is_autocommit() {
        return Some(Error::Io {
            doing: "writing".into(),
            cause: "a write ended the batch; nothing of it is stored".into(),
        });
    }
    let error = execute(connection, "COMMIT").err()?;
    if !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    Some(commit_failure(&error))
}

/// Parsed once: every change has two of these around it.
fn execute(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
