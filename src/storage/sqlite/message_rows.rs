//! The rows of messages as they are read: none is believed before its checksum fits.

use rusqlite::{Connection, Params, Row};

use super::{
    failure::failure,
    heads::{Head, damaged},
    messages,
};
use crate::error::Result;

/// A message where it stands in the row.
pub struct MessageRow<'row> {
    pub position: i64,
    pub text: &'row str,
    pub types: Option<&'row str>,
}

/// All messages of a session in order; an error where one is damaged, missing or too many.
pub fn all(connection: &Connection, id: &str, head: &Head, mut take: impl FnMut(&MessageRow<'_>)) -> Result<()> {
    let mut bytes = 0;
    let sql = "SELECT position, data, types, crc FROM messages WHERE session = ?1 ORDER BY position";
    let count = each(connection, id, head.number, sql, [head.number], |message| {
        bytes += messages::size(message.text, message.types);
        take(message);
    })?;
    if count < head.message_count {
        return Err(damaged(id, "messages are missing"));
    }
    if count > head.message_count || bytes != head.message_bytes {
        return Err(damaged(id, "its messages are not those that were stored"));
    }
    Ok(())
}

/// The messages that `sql` selects, as position, data, types and checksum; how many there were.
pub fn each(
    connection: &Connection,
    id: &str,
    number: i64,
    sql: &str,
    values: impl Params,
    mut take: impl FnMut(&MessageRow<'_>),
) -> Result<i64> {
    let doing = |error: &rusqlite::Error| failure("reading messages", error);
    let mut statement = connection.prepare_cached(sql).map_err(|error| doing(&error))?;
    let mut rows = statement.query(values).map_err(|error| doing(&error))?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(|error| doing(&error))? {
        // A column that holds what we never write is damage as well.
        let Some(message) = sound(number, row).ok().flatten() else {
            return Err(damaged(id, "the checksum of a message does not fit"));
        };
        take(&message);
        count += 1;
    }
    Ok(count)
}

fn sound<'row>(number: i64, row: &'row Row<'_>) -> rusqlite::Result<Option<MessageRow<'row>>> {
    let message =
        MessageRow { position: row.get(0)?, text: row.get_ref(1)?.as_str()?, types: row.get_ref(2)?.as_str_or_null()? };
    let crc: i64 = row.get(3)?;
    Ok((crc == messages::crc(number, message.position, message.text, message.types)).then_some(message))
}
