//! Giving pages that nothing uses any more back to the disk.

use std::sync::Arc;

use rusqlite::{Connection, limits::Limit};

use super::{
    READ_SIZE,
    ending::Ending,
    failure::failure,
    job::{Chore, Job},
    of_store,
};
use crate::{
    error::{Error, Result},
    reply::Reply,
    worker::Worker,
};

/// 16 MiB in one transaction; other writes go in between.
const PAGES: i32 = 1_024;

/// Files of earlier versions cannot give pages back until they were written anew once. That stops the writers of all
/// processes, within their busy time-out, and takes as much memory and log as the file holds: so much at the most.
const ANEW_UP_TO: i64 = 64 * 1024 * 1024;

/// One step's work.
struct Freed {
    bytes: i64,
    more: bool,
}

/// Has the writer give back all free pages, step by step, and the file be cut; answers with the bytes. What a step has given
/// back when it is stopped stays given back.
pub fn reclaim(writer: &Worker<Job>, ending: Arc<Ending>, before: i64, reply: Reply<i64>) {
    let next = writer.clone();
    let step_ending = Arc::clone(&ending);
    let step = Reply::new(move |outcome: Result<Freed>| match outcome {
        Err(error) => reply.send(Err(error)),
        Ok(Freed { bytes, more: true }) => reclaim(&next, ending, before + bytes, reply),
        Ok(Freed { bytes, more: false }) => {
            let cut = Reply::new(move |outcome: Result<()>| reply.send(outcome.map(|()| before + bytes)));
            submit(&next, Chore::new(cut, checkpoint));
        }
    });
    submit(writer, Chore::new(step, move |connection| step_ending.begin().and_then(|()| give_back(connection))));
}

fn submit(writer: &Worker<Job>, chore: Chore) {
    if let Err((error, job)) = writer.submit(Job::Chore(chore), READ_SIZE) {
        job.refuse(of_store(error));
    }
}

fn give_back(connection: &Connection) -> Result<Freed> {
    let doing = |error: &rusqlite::Error| failure("giving pages back", error);
    let (before, size) = pages(connection).map_err(|error| doing(&error))?;
    match write_anew(connection).map_err(|error| doing(&error)) {
        // It stays as large as it is; nothing of it has changed.
        Err(error @ (Error::Full { .. } | Error::Busy)) => {
            tracing::debug!(target: "smalltalk::storage", %error, "a file of an earlier version keeps its pages");
        }
        outcome => outcome?,
    }
    let step = || -> rusqlite::Result<Freed> {
        run(connection, &format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let (after, _) = pages(connection)?;
        let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        Ok(Freed { bytes: (before - after) * size, more: free > 0 && after < before })
    };
    step().map_err(|error| doing(&error))
}

/// Cuts off the end of the file a step's worth of what nothing uses; whether there may be more of it.
///
/// # Errors
/// What kept it from being cut off.
pub fn cut_some(connection: &Connection) -> Result<bool> {
    let cut = || -> rusqlite::Result<bool> {
        let (before, _) = pages(connection)?;
        run(connection, &format!("PRAGMA incremental_vacuum({PAGES})"))?;
        Ok(pages(connection)?.0 < before)
    };
    cut().map_err(|error| failure("giving pages back", &error))
}

/// Has a file of an earlier version written anew where it has something to give back and is not too large.
fn write_anew(connection: &Connection) -> rusqlite::Result<()> {
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let free = ask("freelist_count")?;
    if ask("auto_vacuum")? != 0 || free == 0 || (ask("page_count")? - free) * ask("page_size")? > ANEW_UP_TO {
        return Ok(());
    }
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    // The engine attaches the copy that it makes.
    let attached = connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    let outcome = run(connection, "VACUUM");
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, attached)?;
    outcome
}

fn pages(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let count = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok((count, connection.pragma_query_value(None, "page_size", |row| row.get(0))?))
}

/// Only with this does the file shrink. Not waiting for readers: where one is in the way, a later checkpoint does it.
fn checkpoint(connection: &Connection) -> Result<()> {
    run(connection, "PRAGMA wal_checkpoint(PASSIVE)").map_err(|error| failure("cutting the file", &error))
}

/// To the end: a statement that is left after its first row has done a part.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
