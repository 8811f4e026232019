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
