//! Reading, listing and removing sessions.

use rusqlite::{Connection, ToSql};

use super::{
    counters::Counter,
    failure::failure,
    heads::{Head, Standing, damaged},
    messages,
};
use crate::{
    error::Result,
    storage::session::{Encoded, Lines, OrderBy, SessionFilter, StoredSession},
};

/// Reads a session whole, and believes none of it before its checksums fit.
pub fn get(connection: &Connection, id: &str) -> Result<Option<StoredSession>> {
    let Some(head) = Standing::trusted(connection, id)? else { return Ok(None) };
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
    let mut lines = Lines::default();
    let mut count = 0;
    while let Some(row) = rows.next().map_err(|error| doing(&error))? {
        let sound = (|| {
            let position: i64 = row.get(0)?;
            let data = row.get_ref(1)?.as_str()?;
            let types = row.get_ref(2)?.as_str_or_null()?;
            lines.push(data, types);
            let crc: i64 = row.get(3)?;
            Ok::<_, rusqlite::Error>(crc == messages::crc(number, position, data, types))
        })();
        if !matches!(sound, Ok(true)) {
            return Err(damaged(id, &format!("the checksum of message {count} does not fit")));
        }
        count += 1;
    }
    Ok((lines, count))
}

/// Removes a session with its messages; whether it was there. The messages of a damaged row stay behind, unreachable.
pub fn delete(connection: &Connection, id: &str) -> Result<bool> {
    let removed = || -> rusqlite::Result<bool> {
        if let Standing::Sound(head) = Standing::of(connection, id)? {
            let messages = messages::delete_all(connection, head.number)?;
            Counter::Messages.add(connection, -messages)?;
        }
        let there = Head::delete(connection, id)?;
        Counter::Sessions.add(connection, -i64::from(there))?;
        Ok(there)
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
