//! Storing what changed of a session: its row, the messages that are written or removed, and nothing else is touched.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    heads::{Head, Standing, damaged},
    messages::{self, Extent},
    save::check,
};
use crate::{
    error::{Error, Result},
    storage::session::SessionChanges,
};

/// Applies changes to the state they belong to. Gives the new version, or none where another state is stored, or nothing:
/// then nothing is written.
pub fn apply(connection: &Connection, changes: &SessionChanges) -> Result<Option<i64>> {
    let doing = |error: &rusqlite::Error| failure("saving the changes of a session", error);
    let standing = Standing::of(connection, &changes.id).map_err(|error| doing(&error))?;
    check(&changes.id, changes.expected, &standing)?;
    let Standing::Sound(old) = standing else { return Ok(None) };
    if old.stamp != changes.base_stamp {
        return Ok(None);
    }
    if changes.messages.iter().count() != changes.positions.len() {
        return Err(Error::OptionInvalid("there must be as many positions as messages".into()));
    }
    let extent = write_messages(connection, changes, &old).map_err(|error| doing(&error))?;
    if extent.count != changes.message_count {
        let detail = format!("with the changes it has {} messages instead of {}", extent.count, changes.message_count);
        return Err(damaged(&changes.id, &detail));
    }
    let version = counters::next_version(connection, Some(old.version))?;
    let head = Head {
        row: old.row,
        data: changes.head.text.clone(),
        types: changes.head.types.clone(),
        active_agent: changes.active_agent.clone(),
        created_at: changes.created_at,
        updated_at: changes.updated_at,
        number: old.number,
        version,
        stamp: changes.stamp,
        message_count: extent.count,
        message_bytes: extent.bytes,
    };
    head.replace(connection, &changes.id, &old).map_err(|error| doing(&error))?;
    Ok(Some(version))
}

/// Removes and writes messages; gives how many there are then.
fn write_messages(connection: &Connection, changes: &SessionChanges, old: &Head) -> rusqlite::Result<Extent> {
    let mut extent = Extent { count: old.message_count, bytes: old.message_bytes };
    for &(first, last) in &changes.removed {
        let removed = messages::delete_range(connection, old.number, first, last)?;
        extent.count -= removed.count;
        extent.bytes -= removed.bytes;
    }
    for (&position, (text, types)) in changes.positions.iter().zip(changes.messages.iter()) {
        let replaced = messages::put(connection, old.number, position, text, types)?;
        extent.count += i64::from(replaced.is_none());
        extent.bytes += messages::size(text, types) - replaced.unwrap_or(0);
    }
    Counter::Messages.add(connection, extent.count - old.message_count)?;
    Ok(extent)
}
