//! Numbers that would cost a walk over a table to find out.

use rusqlite::{Connection, OptionalExtension};

use super::failure::{FILE, failure};
use crate::error::{Error, Result};

/// How many rows a table has; of messages, how many the rows of sessions say that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    Sessions,
    Messages,
    Keys,
}

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Messages => "messages",
            Self::Keys => "keys",
        }
    }

    /// The number.
    pub fn read(self, connection: &Connection) -> rusqlite::Result<i64> {
        connection
            .prepare_cached("SELECT value FROM counters WHERE name = ?1")?
            .query_row([self.name()], |row| row.get(0))
    }

    /// Has it be another number.
    pub fn set(self, connection: &Connection, rows: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO counters (name, value) VALUES (?2, ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
            )?
            .execute((rows, self.name()))?;
        Ok(())
    }

    /// Takes note of rows that came, or went.
    pub fn add(self, connection: &Connection, rows: i64) -> rusqlite::Result<()> {
        if rows != 0 {
            connection
                .prepare_cached("UPDATE counters SET value = value + ?1 WHERE name = ?2")?
                .execute((rows, self.name()))?;
        }
        Ok(())
    }
}

/// Sets every count to none. Versions go on growing.
pub fn forget_rows(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("UPDATE counters SET value = 0 WHERE name <> 'version'")
}

/// The version given out last.
pub fn last_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT value FROM counters WHERE name = 'version'")?.query_row([], |row| row.get(0))
}

/// A version that was never given out before, for what may have had one until now.
///
/// # Errors
/// [`Error::Corrupt`] where nobody knows any more which was given out last.
pub fn next_version(connection: &Connection, last: Option<i64>) -> Result<i64> {
    let next: Option<i64> = connection
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = 'version' RETURNING value")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(|error| failure("giving out a version", &error))?;
    // The first one is 1.
    next.filter(|next| last.unwrap_or(0).max(0) < *next).ok_or_else(unknown)
}

/// Finds out whether a version is known to have been given out: whoever removes what has it removes what tells that.
///
/// # Errors
/// [`Error::Corrupt`] where it is not: the counter has fallen behind.
pub fn is_known(connection: &Connection, version: i64) -> Result<()> {
    let last = last_version(connection).optional().map_err(|error| failure("looking for the last version", &error))?;
    let is_known = version >= BELIEVED_BELOW || last.is_some_and(|last| version <= last);
    if is_known { Ok(()) } else { Err(unknown()) }
}

fn unknown() -> Error {
    Error::Corrupt { what: FILE.into(), detail: "the version that was given out last is not known".into() }
}

/// What damage has made of a version may be of any size: none from there on is taken for one that was given out.
const BELIEVED_BELOW: i64 = 1 << 52;

/// Has the versions go on behind the last one that there is, and behind every number of a session, as far as they are believed.
pub fn catch_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "INSERT INTO counters (name, value)
             SELECT 'version', max(0,
                 coalesce((SELECT max(max(iif(version < 1 << 52, version, 0)), max(iif(number < 1 << 52, number, 0)))
                           FROM sessions NOT INDEXED), 0),
                 coalesce((SELECT max(session) FROM messages WHERE session < 1 << 52), 0))
             WHERE true
         ON CONFLICT (name) DO UPDATE SET value = max(coalesce(value, 0), excluded.value)",
    )
}
