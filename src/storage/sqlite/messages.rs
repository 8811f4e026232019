//! The rows of messages. A session refers to them by its number; their positions say in which order they come.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{checksum::Checksum, storage::session::Lines};

/// Room between two neighbours for what comes between them later.
pub const SPACING: i64 = 1 << 20;

/// How many rows, and the bytes of their data and types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    pub count: i64,
    pub bytes: i64,
}

/// Puts messages behind one another from the position `first` on, where there are none.
pub fn insert(connection: &Connection, session: i64, first: i64, messages: &Lines) -> rusqlite::Result<Extent> {
    let mut statement = connection
        .prepare_cached("INSERT INTO messages (session, position, data, types, crc) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut extent = Extent::default();
    for (text, types) in messages.iter() {
        let position = first + extent.count * SPACING;
        statement.execute(params![session, position, text, types, crc(session, position, text, types)])?;
        extent.count += 1;
        extent.bytes += size(text, types);
    }
    Ok(extent)
}

/// Puts a message at a position, in place of the one that may be there; gives the size of that one.
pub fn put(
    connection: &Connection,
    session: i64,
    position: i64,
    text: &str,
    types: Option<&str>,
) -> rusqlite::Result<Option<i64>> {
    let crc = crc(session, position, text, types);
    let replaced: Option<i64> = connection
        .prepare_cached(
            "SELECT octet_length(data) + coalesce(octet_length(types), 0)
             FROM messages WHERE session = ?1 AND position = ?2",
        )?
        .query_row([session, position], |row| row.get(0))
        .optional()?;
    let sql = match replaced {
        None => "INSERT INTO messages (session, position, data, types, crc) VALUES (?1, ?2, ?3, ?4, ?5)",
        Some(_) => "UPDATE messages SET data = ?3, types = ?4, crc = ?5 WHERE session = ?1 AND position = ?2",
    };
    connection.prepare_cached(sql)?.execute(params![session, position, text, types, crc])?;
    Ok(replaced)
}

/// Removes the messages from the position `first` to `last`.
pub fn delete_range(connection: &Connection, session: i64, first: i64, last: i64) -> rusqlite::Result<Extent> {
    let extent = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(octet_length(data) + coalesce(octet_length(types), 0)), 0)
             FROM messages WHERE session = ?1 AND position BETWEEN ?2 AND ?3",
        )?
        .query_row([session, first, last], |row| Ok(Extent { count: row.get(0)?, bytes: row.get(1)? }))?;
    connection
        .prepare_cached("DELETE FROM messages WHERE session = ?1 AND position BETWEEN ?2 AND ?3")?
        .execute([session, first, last])?;
    Ok(extent)
}

/// Removes all messages of a session; gives their number.
pub fn delete_all(connection: &Connection, session: i64) -> rusqlite::Result<i64> {
    let removed = connection.prepare_cached("DELETE FROM messages WHERE session = ?1")?.execute([session])?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

/// The position of the last message.
pub fn last_position(connection: &Connection, session: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT position FROM messages WHERE session = ?1 ORDER BY position DESC LIMIT 1")?
        .query_row([session], |row| row.get(0))
        .optional()
}

/// The bytes of a message as they are counted.
pub fn size(text: &str, types: Option<&str>) -> i64 {
    i64::try_from(text.len() + types.map_or(0, str::len)).unwrap_or(i64::MAX)
}

/// The checksum of a row.
pub fn crc(session: i64, position: i64, data: &str, types: Option<&str>) -> i64 {
    Checksum::default()
        .number(session)
        .number(position)
        .bytes(data.as_bytes())
        .optional(types.map(str::as_bytes))
        .finish()
}
