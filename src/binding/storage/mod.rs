//! The SQLite store for JavaScript: opening and closing. What it does once open stands in the files beside this one.

mod copies;
mod direct;
mod maintenance;
mod pieces;
mod reads;
mod shapes;
mod wal_index;
mod writes;

use std::{path::PathBuf, time::Duration};

use napi::bindgen_prelude::External;
use napi_derive::napi;

use self::shapes::integer;
use super::{
    completions::{Completions, Settle},
    entry::{Result, entry},
    outcome::{Batch, Outcome},
};
use crate::{
    durability::Durability,
    reply::Reply,
    storage::sqlite::{Read, SqliteOptions, SqliteStore, Write, ask_others},
};

/// An open store and the way its answers take.
pub struct StorageHandle {
    store: SqliteStore,
    completions: Completions,
}

/// How a store is opened; checked by the face.
#[napi(object)]
pub struct StorageOpenOptions {
    pub path: String,
    pub readers: u32,
    pub busy_timeout_ms: f64,
    pub max_queue_bytes: f64,
    /// Whether small reads may happen on the calling thread.
    pub direct: bool,
    /// What time it is to the program, in milliseconds since the epoch; without it, what it is to the system.
    pub now: Option<f64>,
}

/// Starts the store's threads; `slot` is answered when the file is open.
#[napi(catch_unwind)]
pub fn storage_open(
    options: StorageOpenOptions,
    #[napi(ts_arg_type = "(batch: unknown[]) => void")] settle: Settle<'_>,
    slot: u32,
) -> Result<External<StorageHandle>> {
    let completions = Completions::new(&settle).map_err(super::entry::foreign)?;
    entry("storageOpen", || {
        let now = options.now.map(integer);
        let options = SqliteOptions {
            path: PathBuf::from(options.path),
            readers: options.readers as usize,
            busy_timeout: Duration::from_secs_f64(options.busy_timeout_ms / 1000.0),
            max_queue_bytes: integer(options.max_queue_bytes).unsigned_abs().try_into().unwrap_or(usize::MAX),
            direct: options.direct,
            read_mark: Some(wal_index::read_mark),
        };
        ask_others(copies::other_holder);
        let store = SqliteStore::open(&options, completions.reply(slot))?;
        if let Some(now) = now {
            store.clock_says(now);
        }
        Ok(External::new(StorageHandle { store, completions }))
    })
}

/// Lets what is queued land, and closes the file. Whatever is asked for later fails at once, a second close as well.
#[napi(catch_unwind)]
pub fn storage_close(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageClose", || {
        handle.ask(slot, SqliteStore::close)?;
        handle.completions.end();
        Ok(())
    })
}

/// Waits for an answer, awake for the first moments, for `limit_ms` at the most; gives the batch that the callback would get,
/// which may be empty.
#[napi(catch_unwind, ts_return_type = "unknown[]")]
pub fn storage_watch(handle: &External<StorageHandle>, limit_ms: f64) -> Result<Batch> {
    entry("storageWatch", || Ok(handle.completions.watch(Duration::from_secs_f64(limit_ms / 1000.0))))
}

/// Withdraws what was asked for in these slots and has not been begun; each is answered with `ERR_TIMEOUT`.
#[napi(catch_unwind)]
pub fn storage_withdraw(handle: &External<StorageHandle>, slots: Vec<u32>) -> Result<()> {
    entry("storageWithdraw", || {
        handle.store.withdraw(&handle.completions.tags(&slots));
        Ok(())
    })
}

/// Stops upkeep that was asked for in this slot: what has not been begun never is, what is under way ends soon. It is answered in
/// any case.
#[napi(catch_unwind)]
pub fn storage_stop(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageStop", || {
        handle.store.stop(&handle.completions.tags(&[slot]));
        Ok(())
    })
}

/// Waits until what is queued has landed, and at the `last` is on the disk as well; `false` where the time was too short. For the
/// way out of the process.
#[napi(catch_unwind)]
pub fn storage_drain(handle: &External<StorageHandle>, limit_ms: f64, last: bool) -> Result<bool> {
    entry("storageDrain", || Ok(handle.store.drain(Duration::from_secs_f64(limit_ms / 1000.0), last)))
}

/// What is asked for after the close is refused here: an answer might find nobody who takes it.
fn durability(power: bool) -> Durability {
    if power { Durability::Power } else { Durability::Process }
}

impl StorageHandle {
    fn write(&self, power: bool, write: impl FnOnce(&Completions) -> Write) -> crate::Result<()> {
        self.completions.check("the store")?;
        self.store.write(write(&self.completions), durability(power));
        Ok(())
    }

    /// A change that `storageStop` keeps from being begun.
    fn write_stoppable<T: Into<Outcome> + Send + 'static>(
        &self,
        slot: u32,
        power: bool,
        make: impl FnOnce(Reply<T>) -> Write,
    ) -> crate::Result<()> {
        self.completions.check("the store")?;
        self.store.write_stoppable(self.completions.reply(slot), durability(power), make);
        Ok(())
    }

    /// A change by someone to whom it is that time.
    fn write_at(&self, now: f64, power: bool, write: impl FnOnce(&Completions) -> Write) -> crate::Result<()> {
        self.store.clock_says(integer(now));
        self.write(power, write)
    }

    fn read(&self, in_order: bool, read: impl FnOnce(&Completions) -> Read) -> crate::Result<()> {
        self.completions.check("the store")?;
        self.store.read(read(&self.completions), in_order);
        Ok(())
    }

    fn ask<T: Into<Outcome> + 'static>(
        &self,
        slot: u32,
        ask: impl FnOnce(&SqliteStore, Reply<T>),
    ) -> crate::Result<()> {
        self.completions.check("the store")?;
        ask(&self.store, self.completions.reply(slot));
        Ok(())
    }
}
