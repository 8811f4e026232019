//! Several changes as one: all of them are stored, or none is.

use rusqlite::Connection;

use super::{keys, save, sessions};
use crate::{
    error::{Error, Result},
    storage::session::{Lines, SessionImage},
};

/// Stores sessions in full.
pub fn save_sessions(connection: &Connection, images: &[SessionImage]) -> Result<()> {
    images.iter().try_for_each(|image| save::save(connection, image).map(drop))
}

/// Removes sessions; gives how many there were.
pub fn delete_sessions(connection: &Connection, ids: &[String]) -> Result<i64> {
    ids.iter().try_fold(0, |removed, id| Ok(removed + i64::from(sessions::delete(connection, id)?)))
}

/// Sets keys, all with the same end.
pub fn set_keys(connection: &Connection, keys: &[String], values: &Lines, expires_at: Option<i64>) -> Result<()> {
    if values.iter().count() != keys.len() {
        return Err(Error::OptionInvalid("there must be as many values as keys".into()));
    }
    keys.iter()
        .zip(values.iter())
        .try_for_each(|(key, (text, types))| keys::set(connection, key, text, types, expires_at))
}

/// Removes keys; gives how many had a value that had not expired at `now`.
pub fn delete_keys(connection: &Connection, keys: &[String], now: i64) -> Result<i64> {
    keys.iter().try_fold(0, |removed, key| Ok(removed + i64::from(keys::delete(connection, key, now)?)))
}
