//! Questions.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::entry::{Result, entry},
    StorageHandle,
    shapes::{StorageFilter, integer},
};
use crate::storage::sqlite::Read;

/// Reads a session: `[data, types, messages as a JSON array, their types one a line]`, or null.
#[napi(catch_unwind)]
pub fn storage_get_session(handle: &External<StorageHandle>, slot: u32, id: String, in_order: bool) -> Result<()> {
    entry("storageGetSession", || handle.read(in_order, |completions| Read::session(id, completions.reply(slot))))
}

/// Lists ids.
#[napi(catch_unwind)]
pub fn storage_list_sessions(
    handle: &External<StorageHandle>,
    slot: u32,
    filter: StorageFilter,
    in_order: bool,
) -> Result<()> {
    entry("storageListSessions", || {
        let filter = filter.into();
        handle.read(in_order, |completions| Read::list(filter, completions.reply(slot)))
    })
}

/// Reads a key: `[text, types]`, or null.
#[napi(catch_unwind)]
pub fn storage_get_key(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    now: f64,
    in_order: bool,
) -> Result<()> {
    entry("storageGetKey", || {
        handle.read(in_order, |completions| Read::key(key, integer(now), completions.reply(slot)))
    })
}

/// Whether a key has a value.
#[napi(catch_unwind)]
pub fn storage_has_key(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    now: f64,
    in_order: bool,
) -> Result<()> {
    entry("storageHasKey", || {
        handle.read(in_order, |completions| Read::has_key(key, integer(now), completions.reply(slot)))
    })
}
