//! What can be read in no time because it is small. Larger texts cannot be read on a direct connection at all.

use rusqlite::Connection;

use super::{
    direct::Glance,
    heads::Standing,
    keys, message_rows,
    reading::{Gathered, Piece, SessionHead},
    snapshot::snapshot,
};
use crate::{engine_text::EngineText, error::Result, storage::session::Encoded};

/// What has more bytes is not small.
pub const BYTES: i32 = 64 * 1024;

/// Each row has its price, however short it is.
const MESSAGES: i64 = 1_000;

/// A small session, whole.
#[derive(Debug, Clone)]
pub struct SmallSession {
    /// Its row.
    pub head: SessionHead,
    /// All of its messages.
    pub messages: Piece,
}

/// Reads a small session.
pub fn session(connection: &Connection, id: &str) -> Result<Glance<SmallSession>> {
    snapshot(connection, || {
        let Some(head) = Standing::trusted(connection, id)? else { return Ok(Glance::Nothing) };
        if head.message_bytes + head.data_bytes() > i64::from(BYTES) || head.message_count > MESSAGES {
            return Ok(Glance::AskReader);
        }
        let mut gathered = Gathered::default();
        message_rows::all(connection, id, &head, |message| gathered.push(message))?;
        Ok(Glance::Found(SmallSession { head: head.into(), messages: gathered.into_piece() }))
    })
}

/// Reads a small value that has not expired at `now`.
pub fn key(connection: &Connection, key: &str, now: i64) -> Result<Glance<Encoded>> {
    Ok(keys::get(connection, key, now)?.map_or(Glance::Nothing, Glance::Found))
}

/// Reads small values that have not expired at `now` as one JSON array: one view of the store for all of them costs less
/// than as many. There is a NUL between two names, which none of them has.
pub fn keys(connection: &Connection, names: &str, now: i64) -> Result<Glance<EngineText>> {
    snapshot(connection, || {
        let mut looks = keys::Looks::of(connection)?;
        let mut array = String::from("[");
        for key in names.split('\0') {
            if array.len() > 1 {
                array.push(',');
            }
            match looks.get(key, now)? {
                None => array.push_str("null"),
                Some(Encoded { text, types: None }) => array.push_str(&text),
                Some(Encoded { types: Some(_), .. }) => return Ok(Glance::AskReader),
            }
        }
        array.push(']');
        Ok(Glance::Found(EngineText::of_json(array)))
    })
}
