//! Reading and removing whole sessions.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    heads::{Head, MISLED, Standing, damaged},
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
    let doing = |error: &rusqlite::Error| failure("deleting a session", error);
    let number = match Standing::of(connection, id).map_err(|error| doing(&error))? {
        Standing::Nothing => return Ok(false),
        Standing::Misled => return Err(damaged(id, MISLED)),
        Standing::Sound(head) => {
            counters::is_known(connection, head.version)?;
            Some(head.number)
        }
        Standing::Damaged => None,
    };
    let removed = || -> rusqlite::Result<()> {
        if let Some(number) = number {
            let messages = messages::delete_all(connection, number)?;
            Counter::Messages.add(connection, -messages)?;
        }
        Head::delete(connection, id)?;
        Counter::Sessions.add(connection, -1)
    };
    removed().map_err(|error| doing(&error))?;
    Ok(true)
}
