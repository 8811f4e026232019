//! What concerns the store as a whole.

use rusqlite::{Connection, params};

use super::failure::failure;
use crate::{error::Result, storage::session::Stats};

/// Removes everything but the counters, so that versions go on growing.
pub fn clear(connection: &Connection) -> Result<()> {
    connection
        .execute_batch("DELETE FROM messages; DELETE FROM sessions; DELETE FROM key_values;")
        .map_err(|error| failure("clearing the store", &error))
}

/// Counts what is there at `now`.
pub fn stats(connection: &Connection, now: i64) -> Result<Stats> {
    connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM sessions),
                    (SELECT coalesce(sum(message_count), 0) FROM sessions),
                    (SELECT count(*) FROM key_values WHERE expires_at IS NULL OR expires_at > ?1),
                    (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)",
        )
        .and_then(|mut statement| {
            statement.query_row(params![now], |row| {
                Ok(Stats { sessions: row.get(0)?, messages: row.get(1)?, keys: row.get(2)?, size_bytes: row.get(3)? })
            })
        })
        .map_err(|error| failure("counting", &error))
}
