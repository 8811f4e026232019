//! Parts of a session, for those who do not need all of a long one.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::{
    failure::failure,
    heads::{Head, Standing, damaged},
    message_rows,
    reading::{Gathered, Piece, SessionReading},
    snapshot::snapshot,
};
use crate::error::Result;

/// Which messages: of those before the index `before` the newest `last`, and of these the oldest `limit`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    pub last: Option<i64>,
    pub before: Option<i64>,
    pub limit: Option<i64>,
}

impl Part {
    /// The first index and how many, of `count` messages.
    fn of(self, count: i64) -> (i64, i64) {
        let end = self.before.map_or(count, |before| before.min(count));
        let first = self.last.map_or(0, |last| (end - last).max(0));
        (first, self.limit.map_or(end - first, |limit| limit.min(end - first)))
    }
}

/// What is to know about a session without reading its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    pub message_count: i64,
    /// Of its messages, as they are stored.
    pub message_bytes: i64,
    /// Of all the rest.
    pub data_bytes: i64,
    pub active_agent: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    pub version: i64,
}

/// Reads a part of a session's messages: the last piece of it, mostly the only one, is the answer, those before it go into
/// `reading`. Messages outside of the part are not looked at, so that damage there goes unnoticed.
pub fn messages(connection: &Connection, id: &str, part: Part, reading: &SessionReading) -> Result<Option<Piece>> {
    let give = reading.begin(connection);
    snapshot(connection, || {
        let Some(head) = Standing::trusted(connection, id)? else { return Ok(None) };
        let (first, count) = part.of(head.message_count);
        let mut gathered = Gathered::default();
        if count == head.message_count {
            message_rows::all(connection, id, &head, |message| gathered.take(message, &give))?;
        } else if count > 0 {
            let sql = nearer_end(&head, first, count);
            let found =
                message_rows::each(connection, id, head.number, &sql.0, [head.number, count, sql.1], |message| {
                    gathered.take(message, &give);
                })?;
            if found < count {
                return Err(damaged(id, "messages are missing"));
            }
        }
        Ok(Some(gathered.into_piece()))
    })
}

/// Passing over a row costs as well: the part is looked for from the end that it is nearer to.
fn nearer_end(head: &Head, first: i64, count: i64) -> (String, i64) {
    let behind = head.message_count - first - count;
    let select = "SELECT position, data, types, crc FROM messages WHERE session = ?1";
    if first <= behind {
        (format!("{select} ORDER BY position LIMIT ?2 OFFSET ?3"), first)
    } else {
        let newest = format!("{select} ORDER BY position DESC LIMIT ?2 OFFSET ?3");
        (format!("SELECT * FROM ({newest}) ORDER BY position"), behind)
    }
}

/// Reads what is to know about a session.
pub fn info(connection: &Connection, id: &str) -> Result<Option<SessionInfo>> {
    Ok(Standing::trusted(connection, id)?.map(|head| SessionInfo {
        message_count: head.message_count,
        message_bytes: head.message_bytes,
        data_bytes: head.data_bytes(),
        active_agent: head.active_agent,
        created_at: head.created_at,
        updated_at: head.updated_at,
        version: head.version,
    }))
}

/// The versions of sessions, all at one moment; none where there is no session. Whoever has read these sessions one by one
/// finds out so whether they belong together, and has compared their checksums.
pub fn versions(connection: &Connection, ids: &[String]) -> Result<Vec<Option<i64>>> {
    let version = |id: &String| -> rusqlite::Result<Option<i64>> {
        let mut statement = connection.prepare_cached("SELECT version FROM sessions WHERE id = ?1")?;
        statement.query_row([id], |row| row.get(0)).optional()
    };
    snapshot(connection, || {
        let found: rusqlite::Result<Vec<_>> = ids.iter().map(version).collect();
        found.map_err(|error| failure("reading the versions of sessions", &error))
    })
}
