//! Reading and removing whole sessions.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    heads::{Head, MISLED, Standing, damaged},
    message_count, message_rows, messages,
    snapshot::snapshot,
};
use crate::{
    error::Result,
    storage::session::{Encoded, Lines, StoredSession},
};

/// Reads a session whole, and believes none of it before its checksums fit.
pub fn get(connection: &Connection, id: &str) -> Result<Option<StoredSession>> {
    snapshot(connection, || {
        let Some(head) = Standing::trusted(connection, id)? else { return Ok(None) };
        let mut messages = Lines::default();
        message_rows::all(connection, id, &head, |message| messages.push(message.text, message.types))?;
        Ok(Some(StoredSession { head: Encoded { text: head.data, types: head.types }, messages }))
    })
}

/// Removes a session with its messages; whether it was there.
pub fn delete(connection: &Connection, id: &str) -> Result<bool> {
    remove(connection, id).map(|removed| removed.is_some())
}

/// The same; tells how many messages were found. Those of a damaged row stay behind, unreachable.
pub fn remove(connection: &Connection, id: &str) -> Result<Option<i64>> {
    let doing = |error: &rusqlite::Error| failure("deleting a session", error);
    let standing = Standing::of(connection, id).map_err(|error| doing(&error))?;
    let number = match &standing {
        Standing::Nothing => return Ok(None),
        Standing::Misled => return Err(damaged(id, MISLED)),
        Standing::Sound(head) => {
            counters::is_known(connection, head.version)?;
            Some(head.number)
        }
        Standing::Damaged => None,
    };
    let removed = || -> rusqlite::Result<i64> {
        Counter::Messages.add(connection, -message_count::of_row(connection, id, &standing)?)?;
        let messages = number.map_or(Ok(0), |number| messages::delete_all(connection, number))?;
        Head::delete(connection, id)?;
        Counter::Sessions.add(connection, -1)?;
        Ok(messages)
    };
    removed().map(Some).map_err(|error| doing(&error))
}
