//! What can be read in no time because it is small: its size is looked at before it is.

use rusqlite::{Connection, OptionalExtension};

use super::{
    direct::Glance,
    failure::failure,
    heads::{Head, Standing},
    keys, message_rows,
    reading::{Gathered, Piece},
    snapshot::snapshot,
};
use crate::{error::Result, storage::session::Encoded};

/// What has more bytes is not small.
const BYTES: i64 = 64 * 1024;

/// Each row has its price, however short it is.
const MESSAGES: i64 = 1_000;

/// A small session, whole.
#[derive(Debug, Clone)]
pub struct SmallSession {
    pub head: Head,
    pub messages: Piece,
}

/// Reads a small session.
pub fn session(connection: &Connection, id: &str) -> Result<Glance<SmallSession>> {
    snapshot(connection, || {
        let size: Option<(i64, i64)> = connection
            .prepare_cached(
                "SELECT message_bytes + octet_length(data) + coalesce(octet_length(types), 0), message_count
                 FROM sessions WHERE id = ?1",
            )
            .and_then(|mut statement| statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(|error| failure("reading a session", &error))?;
        match size {
            None => return Ok(Glance::Nothing),
            Some((bytes, messages)) if bytes > BYTES || messages > MESSAGES => return Ok(Glance::AskReader),
            Some(_) => {}
        }
        let Some(head) = Standing::trusted(connection, id)? else { return Ok(Glance::Nothing) };
        let mut gathered = Gathered::default();
        message_rows::all(connection, id, &head, |message| gathered.push(message))?;
        Ok(Glance::Found(SmallSession { head, messages: gathered.into_piece() }))
    })
}

/// Reads a small value that has not expired at `now`.
pub fn key(connection: &Connection, key: &str, now: i64) -> Result<Glance<Encoded>> {
    // A table of types that is too large is left out as well, and then the checksum does not fit.
    let row = connection
        .prepare_cached(
            "SELECT CASE WHEN octet_length(data) <= ?2 THEN data END, CASE WHEN octet_length(types) <= ?2 THEN types END,
                    expires_at, crc
             FROM key_values WHERE key = ?1",
        )
        .and_then(|mut statement| {
            let row = statement.query_row((key, BYTES), |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            });
            row.optional()
        })
        .map_err(|error| failure("reading a key", &error))?;
    Ok(match row {
        None => Glance::Nothing,
        Some((None, ..)) => Glance::AskReader,
        Some((Some(text), types, expires_at, crc)) => {
            let value = keys::sound(key, Encoded { text, types }, expires_at, crc)?;
            keys::living(value, expires_at, now).map_or(Glance::Nothing, Glance::Found)
        }
    })
}
