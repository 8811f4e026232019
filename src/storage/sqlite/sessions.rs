//! Reading and removing whole sessions.

use rusqlite::Connection;

use super::{
    counters::Counter,
    failure::failure,
    heads::{Head, Standing},
    message_rows, messages,
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
