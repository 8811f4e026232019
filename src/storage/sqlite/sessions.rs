//! Sessions and their messages as rows.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::failure::failure;
use crate::{
    checksum::Checksum,
    error::{Error, Result},
    storage::session::{Encoded, Lines, OrderBy, SessionFilter, SessionImage, StoredSession},
};

/// Room between two neighbours for what comes between them later.
const SPACING: i64 = 1 << 20;

/// Stores a session as it is in `image`, in place of what was there. Gives its version.
pub fn save(connection: &Connection, image: &SessionImage) -> Result<i64> {
    write(connection, image).map_err(|error| failure("saving a session", &error))
}

fn write(connection: &Connection, image: &SessionImage) -> rusqlite::Result<i64> {
    let version: i64 = connection
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = 'version' RETURNING value")?
        .query_row([], |row| row.get(0))?;
    let number = match sound_number(connection, &image.id)? {
        Some(number) => {
            connection.prepare_cached("DELETE FROM messages WHERE session = ?1")?.execute([number])?;
            number
        }
        None => version,
    };
    let mut count = 0;
    let mut insert = connection
        .prepare_cached("INSERT INTO messages (session, position, data, types, crc) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (text, types) in image.messages.iter() {
        let position = count * SPACING;
        insert.execute(params![number, position, text, types, message_crc(number, position, text, types)])?;
        count += 1;
    }
    let head = HeadRow {
        data: image.head.text.clone(),
        types: image.head.types.clone(),
        active_agent: image.active_agent.clone(),
        created_at: image.created_at,
        updated_at: image.updated_at,
        number,
        version,
        message_count: count,
    };
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, data, types, active_agent, created_at, updated_at, number, version, message_count, crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, types = excluded.types,
                 active_agent = excluded.active_agent, created_at = excluded.created_at,
                 updated_at = excluded.updated_at, number = excluded.number, version = excluded.version,
                 message_count = excluded.message_count, crc = excluded.crc",
        )?
        .execute(params![
            image.id,
            head.data,
            head.types,
            head.active_agent,
            head.created_at,
            head.updated_at,
            number,
            version,
            count,
            head.crc(&image.id)
        ])?;
    Ok(version)
}

/// Reads a session whole, and believes none of it before its checksums fit.
pub fn get(connection: &Connection, id: &str) -> Result<Option<StoredSession>> {
    let doing = |error: &rusqlite::Error| failure("reading a session", error);
    let head = head_of(connection, id).map_err(|error| doing(&error))?;
    let Some((head, crc)) = head else { return Ok(None) };
    if head.crc(id) != crc {
        return Err(damaged(id, "its checksum does not fit"));
    }
    let (messages, count) = messages_of(connection, id, head.number)?;
    if count != head.message_count {
        return Err(damaged(id, "messages are missing"));
    }
    Ok(Some(StoredSession { head: Encoded { text: head.data, types: head.types }, messages }))
}

fn messages_of(connection: &Connection, id: &str, number: i64) -> Result<(Lines, i64)> {
    let doing = |error: &rusqlite::Error| failure("reading messages", error);
    let mut statement = connection
        .prepare_cached("SELECT position, data, types, crc FROM messages WHERE session = ?1 ORDER BY position")
        .map_err(|error| doing(&error))?;
    let mut rows = statement.query([number]).map_err(|error| doing(&error))?;
    let mut messages = Lines::default();
    let mut count = 0;
    while let Some(row) = rows.next().map_err(|error| doing(&error))? {
        let sound = (|| {
            let position: i64 = row.get(0)?;
            let data = row.get_ref(1)?.as_str()?;
            let types = row.get_ref(2)?.as_str_or_null()?;
            messages.push(data, types);
            let crc: i64 = row.get(3)?;
            Ok::<_, rusqlite::Error>(crc == message_crc(number, position, data, types))
        })();
        if !matches!(sound, Ok(true)) {
            return Err(damaged(id, &format!("the checksum of message {count} does not fit")));
        }
        count += 1;
    }
    Ok((messages, count))
}

/// Removes a session with its messages; whether it was there.
pub fn delete(connection: &Connection, id: &str) -> Result<bool> {
    let removed = || -> rusqlite::Result<bool> {
        if let Some(number) = sound_number(connection, id)? {
            connection.prepare_cached("DELETE FROM messages WHERE session = ?1")?.execute([number])?;
        }
        Ok(connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id])? > 0)
    };
    removed().map_err(|error| failure("deleting a session", &error))
}

/// The ids that pass the filter, in its order.
pub fn list(connection: &Connection, filter: &SessionFilter) -> Result<Vec<String>> {
    let mut conditions = Vec::new();
    let mut values: Vec<&dyn ToSql> = Vec::new();
    macro_rules! when {
        ($field:ident, $sql:literal) => {
            if let Some(value) = &filter.$field {
                conditions.push($sql);
                values.push(value);
            }
        };
    }
    when!(active_agent, "active_agent = ?");
    when!(created_after, "created_at >= ?");
    when!(created_before, "created_at < ?");
    when!(updated_after, "updated_at >= ?");
    when!(updated_before, "updated_at < ?");
    if let Some(prefix) = &filter.id_prefix {
        conditions.push("id >= ? AND substr(id, 1, length(?)) = ?");
        values.extend([prefix as &dyn ToSql, prefix, prefix]);
    }
    let limit = filter.limit.unwrap_or(-1);
    values.extend([&limit as &dyn ToSql, &filter.offset]);
    let wanted = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let direction = if filter.ascending { "ASC" } else { "DESC" };
    let order = match filter.order_by {
        OrderBy::UpdatedAt => format!("updated_at {direction}, id {direction}"),
        OrderBy::CreatedAt => format!("created_at {direction}, id {direction}"),
        OrderBy::Id => format!("id {direction}"),
    };
    let sql = format!("SELECT id FROM sessions {wanted} ORDER BY {order} LIMIT ? OFFSET ?");
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map(&*values, |row| row.get(0))?.collect())
        .map_err(|error| failure("listing sessions", &error))
}

/// The number under which a session's messages are. A damaged row's number may be another session's: it is not used, and
/// its messages stay behind, unreachable.
fn sound_number(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let sound = match head_of(connection, id) {
        Ok(head) => head.filter(|(head, crc)| head.crc(id) == *crc),
        // A column that holds what we never write is damage as well.
        Err(error) if error.sqlite_error_code().is_none() => None,
        Err(error) => return Err(error),
    };
    Ok(sound.map(|(head, _)| head.number))
}

/// A session's row and the checksum it should have.
fn head_of(connection: &Connection, id: &str) -> rusqlite::Result<Option<(HeadRow, i64)>> {
    connection
        .prepare_cached(
            "SELECT data, types, active_agent, created_at, updated_at, number, version, message_count, crc
             FROM sessions WHERE id = ?1",
        )?
        .query_row([id], HeadRow::read)
        .optional()
}

struct HeadRow {
    data: String,
    types: Option<String>,
    active_agent: Option<String>,
    created_at: i64,
    updated_at: i64,
    number: i64,
    version: i64,
    message_count: i64,
}

impl HeadRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<(Self, i64)> {
        let head = Self {
            data: row.get(0)?,
            types: row.get(1)?,
            active_agent: row.get(2)?,
            created_at: row.get(3)?,
            updated_at: row.get(4)?,
            number: row.get(5)?,
            version: row.get(6)?,
            message_count: row.get(7)?,
        };
        Ok((head, row.get(8)?))
    }

    fn crc(&self, id: &str) -> i64 {
        Checksum::default()
            .bytes(id.as_bytes())
            .bytes(self.data.as_bytes())
            .optional(self.types.as_deref().map(str::as_bytes))
            .optional(self.active_agent.as_deref().map(str::as_bytes))
            .number(self.created_at)
            .number(self.updated_at)
            .number(self.number)
            .number(self.version)
            .number(self.message_count)
            .finish()
    }
}

fn message_crc(number: i64, position: i64, data: &str, types: Option<&str>) -> i64 {
    Checksum::default()
        .number(number)
        .number(position)
        .bytes(data.as_bytes())
        .optional(types.map(str::as_bytes))
        .finish()
}

fn damaged(id: &str, detail: &str) -> Error {
    Error::Corrupt { what: format!("the session {id:?}"), detail: detail.into() }
}
