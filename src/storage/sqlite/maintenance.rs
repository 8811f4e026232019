//! What concerns the store as a whole.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    snapshot::snapshot,
};
use crate::{error::Result, storage::session::Stats};

/// Removes everything but the last version, so that versions go on growing.
pub fn clear(connection: &Connection) -> Result<()> {
    connection
        .execute_batch("DELETE FROM messages; DELETE FROM sessions; DELETE FROM key_values;")
        .and_then(|()| counters::forget_rows(connection))
        .map_err(|error| failure("clearing the store", &error))
}

/// Counts what is there at `now`, in a time that does not grow with it.
pub fn stats(connection: &Connection, now: i64) -> Result<Stats> {
    let counted = || -> rusqlite::Result<Stats> {
        let (expired, size_bytes) = connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM key_values WHERE expires_at <= ?1),
                        (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)",
            )?
            .query_row([now], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        Ok(Stats {
            sessions: Counter::Sessions.read(connection)?,
            messages: Counter::Messages.read(connection)?,
            keys: Counter::Keys.read(connection)? - expired,
            size_bytes,
        })
    };
    snapshot(connection, || counted().map_err(|error| failure("counting", &error)))
}
