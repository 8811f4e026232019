//! The SQLite store for JavaScript.

use std::{path::PathBuf, time::Duration};

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    completions::{Completions, Outcome, Settle},
    entry::{Result, entry},
};
use crate::{
    durability::Durability,
    storage::{
        session::{Encoded, Lines, OrderBy, SessionFilter, SessionImage, Stats, StoredSession},
        sqlite::{Read, SqliteOptions, SqliteStore, Write},
    },
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
}

/// One session, encoded: its messages one a line, and as many lines with their tables of types.
#[napi(object)]
pub struct StorageSession {
    pub id: String,
    pub data: String,
    pub types: Option<String>,
    pub active_agent: Option<String>,
    pub created_at: f64,
    pub updated_at: f64,
    pub messages: String,
    pub message_types: String,
}

/// Which sessions to list; times in milliseconds since the epoch.
#[napi(object)]
pub struct StorageFilter {
    pub limit: Option<f64>,
    pub offset: Option<f64>,
    pub active_agent: Option<String>,
    pub created_after: Option<f64>,
    pub created_before: Option<f64>,
    pub updated_after: Option<f64>,
    pub updated_before: Option<f64>,
    pub id_prefix: Option<String>,
    /// `updatedAt`, `createdAt` or `id`.
    pub order_by: Option<String>,
    pub ascending: bool,
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
        let options = SqliteOptions {
            path: PathBuf::from(options.path),
            readers: options.readers as usize,
            busy_timeout: Duration::from_secs_f64(options.busy_timeout_ms / 1000.0),
            max_queue_bytes: integer(options.max_queue_bytes).unsigned_abs().try_into().unwrap_or(usize::MAX),
        };
        let store = SqliteStore::open(&options, completions.reply(slot))?;
        Ok(External::new(StorageHandle { store, completions }))
    })
}

/// Stores a session; answers with its version.
#[napi(catch_unwind)]
pub fn storage_save_session(
    handle: &External<StorageHandle>,
    slot: u32,
    session: StorageSession,
    power: bool,
) -> Result<()> {
    entry("storageSaveSession", || {
        let image = SessionImage {
            id: session.id,
            head: Encoded { text: session.data, types: session.types },
            active_agent: session.active_agent,
            created_at: integer(session.created_at),
            updated_at: integer(session.updated_at),
            messages: Lines { texts: session.messages, types: session.message_types },
        };
        handle.write(power, |completions| Write::SaveSession(Box::new(image), completions.reply(slot)))
    })
}

/// Reads a session: `[data, types, messages as a JSON array, their types one a line]`, or null.
#[napi(catch_unwind)]
pub fn storage_get_session(handle: &External<StorageHandle>, slot: u32, id: String, in_order: bool) -> Result<()> {
    entry("storageGetSession", || handle.read(in_order, |completions| Read::Session(id, completions.reply(slot))))
}

/// Removes a session; answers whether it was there.
#[napi(catch_unwind)]
pub fn storage_delete_session(handle: &External<StorageHandle>, slot: u32, id: String, power: bool) -> Result<()> {
    entry("storageDeleteSession", || {
        handle.write(power, |completions| Write::DeleteSession(id, completions.reply(slot)))
    })
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
        let filter = Box::new(filter.into());
        handle.read(in_order, |completions| Read::List(filter, completions.reply(slot)))
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
        handle.write(power, |completions| Write::SetKey(key, value, expires_at.map(integer), completions.reply(slot)))
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
        handle.read(in_order, |completions| Read::Key(key, integer(now), completions.reply(slot)))
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
        handle.read(in_order, |completions| Read::HasKey(key, integer(now), completions.reply(slot)))
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
        handle.write(power, |completions| Write::DeleteKey(key, integer(now), completions.reply(slot)))
    })
}

/// Removes everything.
#[napi(catch_unwind)]
pub fn storage_clear(handle: &External<StorageHandle>, slot: u32, power: bool) -> Result<()> {
    entry("storageClear", || handle.write(power, |completions| Write::Clear(completions.reply(slot))))
}

/// Counts: a JSON object with `sessions`, `messages`, `keys`, `sizeBytes`.
#[napi(catch_unwind)]
pub fn storage_get_stats(handle: &External<StorageHandle>, slot: u32, now: f64, in_order: bool) -> Result<()> {
    entry("storageGetStats", || handle.read(in_order, |completions| Read::Stats(integer(now), completions.reply(slot))))
}

/// Lets what is queued land, and closes the file.
#[napi(catch_unwind)]
pub fn storage_close(handle: &External<StorageHandle>, slot: u32) -> Result<()> {
    entry("storageClose", || {
        handle.store.close(handle.completions.reply(slot));
        handle.completions.end();
        Ok(())
    })
}

/// Waits until what is queued has landed; `false` where the time was too short. For the way out of the process.
#[napi(catch_unwind)]
pub fn storage_drain(handle: &External<StorageHandle>, limit_ms: f64) -> Result<bool> {
    entry("storageDrain", || Ok(handle.store.drain(Duration::from_secs_f64(limit_ms / 1000.0))))
}

// They answer what the body of an export answers, of which each is the last expression.
#[allow(clippy::unnecessary_wraps)]
impl StorageHandle {
    fn write(&self, power: bool, write: impl FnOnce(&Completions) -> Write) -> crate::Result<()> {
        let durability = if power { Durability::Power } else { Durability::Process };
        self.store.write(write(&self.completions), durability);
        Ok(())
    }

    fn read(&self, in_order: bool, read: impl FnOnce(&Completions) -> Read) -> crate::Result<()> {
        self.store.read(read(&self.completions), in_order);
        Ok(())
    }
}

impl From<StorageFilter> for SessionFilter {
    fn from(filter: StorageFilter) -> Self {
        Self {
            limit: filter.limit.map(integer),
            offset: filter.offset.map_or(0, integer),
            active_agent: filter.active_agent,
            created_after: filter.created_after.map(integer),
            created_before: filter.created_before.map(integer),
            updated_after: filter.updated_after.map(integer),
            updated_before: filter.updated_before.map(integer),
            id_prefix: filter.id_prefix,
            order_by: match filter.order_by.as_deref() {
                Some("createdAt") => OrderBy::CreatedAt,
                Some("id") => OrderBy::Id,
                _ => OrderBy::UpdatedAt,
            },
            ascending: filter.ascending,
        }
    }
}

impl From<StoredSession> for Outcome {
    fn from(session: StoredSession) -> Self {
        // One line a message becomes one array of them all: one parse on the other side.
        let messages = format!("[{}]", session.messages.texts.replace('\n', ","));
        Self::Texts(vec![Some(session.head.text), session.head.types, Some(messages), Some(session.messages.types)])
    }
}

impl From<Encoded> for Outcome {
    fn from(value: Encoded) -> Self {
        Self::Texts(vec![Some(value.text), value.types])
    }
}

impl From<Vec<String>> for Outcome {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts.into_iter().map(Some).collect())
    }
}

impl From<i64> for Outcome {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a version reaches 2^53 after 28 years of ten million writes a second"
    )]
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<Stats> for Outcome {
    fn from(stats: Stats) -> Self {
        let Stats { sessions, messages, keys, size_bytes } = stats;
        Self::Text(format!(r#"{{"sessions":{sessions},"messages":{messages},"keys":{keys},"sizeBytes":{size_bytes}}}"#))
    }
}

/// A JavaScript number that the face has checked to be an integer.
#[expect(clippy::cast_possible_truncation, reason = "the face has checked that it is a safe integer")]
fn integer(number: f64) -> i64 {
    number as i64
}
