//! Numbers that would cost a walk over a table to find out.

use rusqlite::Connection;

/// How many rows a table has.
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

/// A version that was never given out before.
pub fn next_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = 'version' RETURNING value")?
        .query_row([], |row| row.get(0))
}
