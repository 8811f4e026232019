//! What concerns the store as a whole.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::{
        entry::{Result, entry},
        outcome::Outcome,
    },
    StorageHandle,
    shapes::integer,
};
use crate::storage::sqlite::{Orphans, Pruned, Read, SqliteStore, Verification, Write};

/// Counts: a JSON object with `sessions`, `messages`, `keys`, `sizeBytes`.
#[napi(catch_unwind)]
pub fn storage_get_stats(handle: &External<StorageHandle>, slot: u32, now: f64, in_order: bool) -> Result<()> {
    entry("storageGetStats", || handle.read(in_order, |completions| Read::stats(integer(now), completions.reply(slot))))
}

/// Removes sessions last updated before then, the oldest first, at the most `limit`: a JSON object with `sessions`,
/// `messages`, `bytes`, and `more` where it stopped at the limit. A dry run counts all of them and removes none.
#[napi(catch_unwind)]
pub fn storage_prune(
    handle: &External<StorageHandle>,
    slot: u32,
    updated_before: f64,
    limit: f64,
    dry_run: bool,
    power: bool,
) -> Result<()> {
    entry("storagePrune", || {
        let updated_before = integer(updated_before);
        if dry_run {
            return handle.ask(slot, |store, reply| store.preview_prune(updated_before, reply));
        }
        let limit = integer(limit).unsigned_abs().try_into().unwrap_or(usize::MAX);
        handle.write_stoppable(slot, power, |reply| Write::prune(updated_before, limit, reply))
    })
}

/// Looks for messages whose session is gone: a JSON object with `numbers`, those of the sessions, and `miscounted`: whether the
/// other messages have to be counted anew.
#[napi(catch_unwind)]
pub fn storage_orphans(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageOrphans", || handle.ask(slot, SqliteStore::orphans))
}

/// Removes some of those that one of them has left; answers as `storagePrune` does.
#[napi(catch_unwind)]
pub fn storage_remove_orphans(handle: &External<StorageHandle>, slot: u32, number: f64, power: bool) -> Result<()> {
    entry("storageRemoveOrphans", || {
        handle.write_stoppable(slot, power, |reply| Write::remove_orphans(integer(number), reply))
    })
}

/// Counts messages anew, where `storageOrphans` has found that they are miscounted.
#[napi(catch_unwind)]
pub fn storage_count_messages(handle: &External<StorageHandle>, slot: u32, power: bool) -> Result<()> {
    entry("storageCountMessages", || handle.write_stoppable(slot, power, Write::count_messages))
}

/// Gives pages that nothing uses back to the disk; answers with the bytes.
#[napi(catch_unwind)]
pub fn storage_reclaim(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageReclaim", || handle.ask(slot, SqliteStore::reclaim))
}

/// Copies the store to a new file, while it is used.
#[napi(catch_unwind)]
pub fn storage_backup(handle: &External<StorageHandle>, slot: u32, path: String) -> Result<()> {
    entry("storageBackup", || handle.ask(slot, |store, reply| store.backup(path.into(), reply)))
}

/// Reads everything there is: a JSON object with `sessions`, `messages`, `keys`, and `damaged`, an array of objects with
/// `kind` (`session`, `key` or `file`), `id`, `detail`.
#[napi(catch_unwind)]
pub fn storage_verify(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageVerify", || handle.ask(slot, SqliteStore::verify))
}

impl From<Pruned> for Outcome {
    fn from(pruned: Pruned) -> Self {
        Self::json(&pruned)
    }
}

impl From<Orphans> for Outcome {
    fn from(orphans: Orphans) -> Self {
        Self::json(&orphans)
    }
}

impl From<Verification> for Outcome {
    fn from(found: Verification) -> Self {
        Self::json(&found)
    }
}
