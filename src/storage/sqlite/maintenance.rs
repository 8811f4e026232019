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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use crate::storage::sqlite::schema;

    /// The steps that the engine takes to count.
    fn steps(connection: &mut Connection) -> u64 {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let count = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(count)).unwrap();
        stats(connection, 1_000).unwrap();
        connection.progress_handler(0, None::<fn() -> bool>).unwrap();
        taken.load(Ordering::Relaxed)
    }

    #[test]
    fn counting_costs_the_same_whatever_there_is_to_count() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create(&mut connection).unwrap();
        stats(&connection, 1_000).unwrap();
        let empty = steps(&mut connection);
        assert!(empty > 0);
        connection
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                 INSERT INTO sessions SELECT 's' || i, '{}', NULL, i, i, NULL, i, i, i, 1, 1, 0 FROM n;
                 INSERT INTO messages SELECT number, 0, '1', NULL, 0 FROM sessions;
                 INSERT INTO key_values SELECT id, '1', NULL, 2000 + number, 0 FROM sessions;
                 UPDATE counters SET value = 100000;",
            )
            .unwrap();
        assert_eq!(stats(&connection, 1_000).unwrap().keys, 100_000);
        let full = steps(&mut connection);
        // An index that has something to look at takes a step or two more than one that has not.
        assert!(full <= empty + 5, "{full} steps, of which {empty} were taken for nothing");
    }
}
