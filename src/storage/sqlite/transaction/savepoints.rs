//! The members of a batch within the transaction that is open: without savepoints first, with them where that did not do.

use rusqlite::Connection;

use super::{Terms, execute, outcome::Done, refuse};
use crate::{
    durability::Durability,
    error::{Error, Result},
    storage::sqlite::{
        failure::failure,
        job::{Step, Write},
    },
};

/// Gives who has had a turn, and what ended the transaction before its time.
pub(super) fn run_all(connection: &Connection, batch: Vec<Step>, terms: Terms<'_>) -> (Vec<Done>, Option<Error>) {
    let mut writes = match only_writes(batch) {
        Ok(writes) => writes,
        Err(batch) => return with_savepoints(connection, batch),
    };
    if without_savepoints(connection, &mut writes) {
        return (writes.into_iter().map(|(write, _)| Done::Write(write)).collect(), None);
    }
    let batch = writes.into_iter().map(|(write, durability)| Step::Write(write, durability)).collect();
    let taken_back = if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") };
    let taken_back = taken_back.map_err(|error| failure("taking a batch back", &error));
    if let Err(error) = taken_back.and_then(|()| (terms.begin)(connection)) {
        refuse(Some(connection), batch, &error);
        return (Vec::new(), Some(error));
    }
    // It may have waited for others.
    if let Err(error) = terms.log.before_writing(connection) {
        let _ = execute(connection, "ROLLBACK");
        refuse(None, batch, &error);
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

pub(super) fn interrupted(connection: &Connection, cause: Option<Error>) -> Option<Error> {
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
