//! Values under keys. A key whose time has come is as good as gone, whether or not its row still stands.

use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Row, params};

use super::{
    counters::Counter,
    failure::{failure, one},
};
use crate::{
    checksum::Checksum,
    error::{Error, Result},
    storage::session::Encoded,
};

/// When a key is as good as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnd {
    /// In milliseconds since the epoch.
    At(i64),
    Never,
}

/// Sets a value and its end, in milliseconds since the epoch, where it has one. The row that the index leads to is asked
/// whether it is the key's: the name that is compared is read from the row only where that is looked up by its number.
pub fn set(connection: &Connection, key: &str, text: &str, types: Option<&str>, expires_at: Option<i64>) -> Result<()> {
    let crc = crc(key, text, types, expires_at);
    let stored = || -> rusqlite::Result<()> {
        let replaced = connection
            .prepare_cached(
                "UPDATE key_values SET data = ?2, types = ?3, expires_at = ?4, crc = ?5
                 WHERE rowid = (SELECT rowid FROM key_values WHERE key = ?1) AND +key = ?1",
            )?
            .execute(params![key, text, types, expires_at, crc])?;
        if replaced == 0 {
            connection
                .prepare_cached(
                    "INSERT INTO key_values (key, data, types, expires_at, crc) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![key, text, types, expires_at, crc])?;
            Counter::Keys.add(connection, 1)?;
        }
        Ok(())
    };
    let replaced_all_the_same = |error: rusqlite::Error| -> rusqlite::Result<()> {
        // The name in the row may be what is damaged: the checksum tells whose row it is.
        let is_its_own = error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
            && matches!(get(connection, key, i64::MIN), Ok(Some(_)));
        if !is_its_own {
            return Err(error);
        }
        let replaced = connection
            .prepare_cached(
                "UPDATE key_values SET data = ?2, types = ?3, expires_at = ?4, crc = ?5
                 WHERE rowid = (SELECT rowid FROM key_values WHERE key = ?1)",
            )?
            .execute(params![key, text, types, expires_at, crc])?;
        one(replaced)
    };
    stored().or_else(replaced_all_the_same).map_err(|error| failure("setting a key", &error))
}

/// Reads a value that has not expired at `now`.
pub fn get(connection: &Connection, key: &str, now: i64) -> Result<Option<Encoded>> {
    Looks::of(connection)?.get(key, now)
}

/// When a key ends that has not expired at `now`. It is checked with its value: a wrong end is damage as well.
pub fn end(connection: &Connection, key: &str, now: i64) -> Result<Option<KeyEnd>> {
    Ok(Looks::of(connection)?.living(key, now)?.map(|(_, end)| end.map_or(KeyEnd::Never, KeyEnd::At)))
}

/// Looks for one key after another: what is asked is prepared once.
pub struct Looks<'c>(CachedStatement<'c>);

impl<'c> Looks<'c> {
    /// Looks in the view that the connection has at each of them.
    pub fn of(connection: &'c Connection) -> Result<Self> {
        connection
            .prepare_cached("SELECT data, types, expires_at, crc FROM key_values WHERE key = ?1")
            .map(Self)
            .map_err(|error| failure("reading a key", &error))
    }

    /// Reads a value that has not expired at `now`.
    pub fn get(&mut self, key: &str, now: i64) -> Result<Option<Encoded>> {
        Ok(self.living(key, now)?.map(|(value, _)| value))
    }

    fn living(&mut self, key: &str, now: i64) -> Result<Option<(Encoded, Option<i64>)>> {
        let row = self
            .0
            .query_row([key], |row| {
                let value = Encoded { text: row.get(0)?, types: row.get(1)? };
                Ok((value, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?))
            })
            .optional()
            .map_err(|error| failure("reading a key", &error))?;
        let Some((value, expires_at, stored)) = row else { return Ok(None) };
        if crc(key, &value.text, value.types.as_deref(), expires_at) != stored {
            return Err(damaged(key, "its checksum does not fit"));
        }
        Ok(expires_at.is_none_or(|end| end > now).then_some((value, expires_at)))
    }
}

/// What a key that is not as it was written gives.
pub fn damaged(key: &str, detail: &str) -> Error {
    Error::Corrupt { what: format!("the key {key:?}"), detail: detail.into() }
}

/// Whether there is a value that has not expired at `now`.
pub fn has(connection: &Connection, key: &str, now: i64) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM key_values WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)")
        .and_then(|mut statement| statement.exists(params![key, now]))
        .map_err(|error| failure("looking for a key", &error))
}

/// Removes a key; whether it had a value that had not expired at `now`.
pub fn delete(connection: &Connection, key: &str, now: i64) -> Result<bool> {
    let removed = || -> rusqlite::Result<bool> {
        let alive: Option<bool> = connection
            .prepare_cached("SELECT expires_at IS NULL OR expires_at > ?2 FROM key_values WHERE key = ?1")?
            .query_row(params![key, now], |row| row.get(0))
            .optional()?;
        let Some(alive) = alive else { return Ok(false) };
        let rows = connection
            .prepare_cached(
                "DELETE FROM key_values WHERE rowid = (SELECT rowid FROM key_values WHERE key = ?1) AND +key = ?1",
            )?
            .execute([key])?;
        one(rows)?;
        Counter::Keys.add(connection, -1)?;
        Ok(alive)
    };
    removed().map_err(|error| failure("deleting a key", &error))
}

/// Removes at most `limit` keys that had expired at `now`, by what the index says and their own rows say as well, the
/// oldest first; gives how many.
pub fn delete_expired(connection: &Connection, now: i64, limit: i64) -> Result<i64> {
    let removed = || -> rusqlite::Result<i64> {
        let rows = connection
            .prepare_cached(
                "DELETE FROM key_values WHERE rowid IN (
                     SELECT rowid FROM key_values WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
                 AND +expires_at <= ?1",
            )?
            .execute([now, limit])?;
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        Counter::Keys.add(connection, -rows)?;
        Ok(rows)
    };
    removed().map_err(|error| failure("removing expired keys", &error))
}

/// The next end of a key.
pub fn next_end(connection: &Connection) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT min(expires_at) FROM key_values WHERE expires_at IS NOT NULL")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|error| failure("looking for expired keys", &error))
}

/// Whether a row of data, types, end, checksum, row number and key is as it was written.
pub fn fits(row: &Row<'_>) -> rusqlite::Result<bool> {
    let (data, types) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str_or_null()?);
    Ok(crc(row.get_ref(5)?.as_str()?, data, types, row.get(2)?) == row.get::<_, i64>(3)?)
}

fn crc(key: &str, data: &str, types: Option<&str>, expires_at: Option<i64>) -> i64 {
    let checksum = Checksum::default().bytes(key.as_bytes()).bytes(data.as_bytes()).optional(types.map(str::as_bytes));
    match expires_at {
        Some(end) => checksum.number(1).number(end),
        None => checksum.number(0),
    }
    .finish()
}
