//! What concerns the store as a whole.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::entry::{Result, entry},
    StorageHandle,
    shapes::integer,
};
use crate::storage::sqlite::Read;

/// Counts: a JSON object with `sessions`, `messages`, `keys`, `sizeBytes`.
#[napi(catch_unwind)]
pub fn storage_get_stats(handle: &External<StorageHandle>, slot: u32, now: f64, in_order: bool) -> Result<()> {
    entry("storageGetStats", || handle.read(in_order, |completions| Read::stats(integer(now), completions.reply(slot))))
}
