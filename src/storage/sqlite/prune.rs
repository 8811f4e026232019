//! Removing what is old, and giving the disk back.

use rusqlite::Connection;
use serde::Serialize;

use super::{
    failure::failure,
    heads::{Head, Standing},
    sessions,
};
use crate::error::Result;

/// What may go in one transaction, as bytes of sessions: other writes wait for it, and the log grows by what it touches.
pub const AT_ONCE: i64 = 16 * 1024 * 1024;

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pruned {
    /// Sessions.
    pub sessions: i64,
    /// Their messages.
    pub messages: i64,
    /// The bytes of both as they were stored.
    pub bytes: i64,
    /// It stopped before its end: there may be more.
    pub more: bool,
}

impl Pruned {
    fn add(&mut self, head: &Head) {
        self.sessions += 1;
        self.messages += head.message_count;
        self.bytes += head.message_bytes + head.data_bytes();
    }
}

/// Removes what [`oldest`] has found, unless it was updated since.
pub fn prune(connection: &Connection, updated_before: i64, oldest: Oldest) -> Result<Pruned> {
    let mut pruned = Pruned { more: oldest.more, ..Pruned::default() };
    for id in oldest.ids {
        match Standing::of(connection, &id).map_err(|error| failure("looking for old sessions", &error))? {
            Standing::Sound(head) if head.updated_at < updated_before => {
                let removed = sessions::remove(connection, &id)?.unwrap_or(0);
                // It may say that it has others than there were.
                pruned.add(&Head { message_count: removed, ..*head });
            }
            _ => {}
        }
    }
    Ok(pruned)
}

/// Sessions that are to go.
#[derive(Debug, Clone, Default)]
pub struct Oldest {
    ids: Vec<String>,
    /// There may be others.
    more: bool,
}

/// Sessions last updated before then, the oldest first, at the most `limit`, and no more than others would like to wait for.
/// What is damaged is left to those who may want to save something of it: nobody knows how old it is.
pub fn oldest(connection: &Connection, updated_before: i64, limit: usize) -> Result<Oldest> {
    let find = || -> rusqlite::Result<Oldest> {
        let mut statement =
            connection.prepare_cached("SELECT id FROM sessions WHERE updated_at < ?1 ORDER BY updated_at, id")?;
        let mut rows = statement.query([updated_before])?;
        let (mut oldest, mut found) = (Oldest::default(), Pruned::default());
        while let Some(row) = rows.next()? {
            if oldest.ids.len() == limit || found.bytes >= AT_ONCE {
                oldest.more = true;
                break;
            }
            let id: String = row.get(0)?;
            if let Standing::Sound(head) = Standing::of(connection, &id)?
                && Head::has_its_id(connection, &id)?
            {
                found.add(&head);
                oldest.ids.push(id);
            }
        }
        Ok(oldest)
    };
    find().map_err(|error| failure("looking for old sessions", &error))
}

/// Counts what pruning would remove, all of it, without looking whether it is damaged.
pub fn preview(connection: &Connection, updated_before: i64) -> Result<Pruned> {
    connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(message_count), 0),
                    coalesce(sum(message_bytes + octet_length(data) + coalesce(octet_length(types), 0)), 0)
             FROM sessions WHERE updated_at < ?1",
        )
        .and_then(|mut statement| {
            statement.query_row([updated_before], |row| {
                Ok(Pruned { sessions: row.get(0)?, messages: row.get(1)?, bytes: row.get(2)?, more: false })
            })
        })
        .map_err(|error| failure("counting old sessions", &error))
}
