//! Giving pages that nothing uses any more back to the disk.

use rusqlite::Connection;

use super::{
    READ_SIZE,
    failure::failure,
    job::{Chore, Job},
    of_store,
};
use crate::{error::Result, reply::Reply, worker::Worker};

/// 16 MiB in one transaction; other writes go in between.
const PAGES: i32 = 1_024;

/// One step's work.
struct Freed {
    bytes: i64,
    more: bool,
}

/// Has the writer give back all free pages, step by step, and the file be cut; answers with the bytes. A file that was
/// made by a version before this could does not shrink.
pub fn reclaim(writer: &Worker<Job>, before: i64, reply: Reply<i64>) {
    let next = writer.clone();
    let step = Reply::new(move |outcome: Result<Freed>| match outcome {
        Err(error) => reply.send(Err(error)),
        Ok(Freed { bytes, more: true }) => reclaim(&next, before + bytes, reply),
        Ok(Freed { bytes, more: false }) => {
            let cut = Reply::new(move |outcome: Result<()>| reply.send(outcome.map(|()| before + bytes)));
            submit(&next, Chore::new(cut, checkpoint));
        }
    });
    submit(writer, Chore::new(step, give_back));
}

fn submit(writer: &Worker<Job>, chore: Chore) {
    if let Err((error, job)) = writer.submit(Job::Chore(chore), READ_SIZE) {
        job.refuse(of_store(error));
    }
}

fn give_back(connection: &Connection) -> Result<Freed> {
    let step = || -> rusqlite::Result<Freed> {
        let (before, size) = pages(connection)?;
        run(connection, &format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let (after, _) = pages(connection)?;
        let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        Ok(Freed { bytes: (before - after) * size, more: free > 0 && after < before })
    };
    step().map_err(|error| failure("giving pages back", &error))
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
