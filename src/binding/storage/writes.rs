//! Changes.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::entry::{Result, entry},
    StorageHandle,
    shapes::{StorageSession, integer},
};
use crate::storage::{session::Encoded, sqlite::Write};

/// Stores a session; answers with its version.
#[napi(catch_unwind)]
pub fn storage_save_session(
    handle: &External<StorageHandle>,
    slot: u32,
    session: StorageSession,
    power: bool,
) -> Result<()> {
    entry("storageSaveSession", || {
        handle.write(power, |completions| Write::save_session(session.into(), completions.reply(slot)))
    })
}

/// Removes a session; answers whether it was there.
#[napi(catch_unwind)]
pub fn storage_delete_session(handle: &External<StorageHandle>, slot: u32, id: String, power: bool) -> Result<()> {
    entry("storageDeleteSession", || {
        handle.write(power, |completions| Write::delete_session(id, completions.reply(slot)))
    })
}

/// Sets a key; `expires_at` in milliseconds since the epoch.
#[napi(catch_unwind)]
pub fn storage_set_key(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    text: String,
    types: Option<String>,
    expires_at: Option<f64>,
    power: bool,
) -> Result<()> {
    entry("storageSetKey", || {
        let value = Encoded { text, types };
        handle.write(power, |completions| Write::set_key(key, value, expires_at.map(integer), completions.reply(slot)))
    })
}

/// Removes a key; answers whether it had a value.
#[napi(catch_unwind)]
pub fn storage_delete_key(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    now: f64,
    power: bool,
) -> Result<()> {
    entry("storageDeleteKey", || {
        handle.write(power, |completions| Write::delete_key(key, integer(now), completions.reply(slot)))
    })
}

/// Removes everything.
#[napi(catch_unwind)]
pub fn storage_clear(handle: &External<StorageHandle>, slot: u32, power: bool) -> Result<()> {
    entry("storageClear", || handle.write(power, |completions| Write::clear(completions.reply(slot))))
}
