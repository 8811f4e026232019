//! Changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::entry::{Result, entry},
    StorageHandle,
    shapes::{StorageChanges, StorageSession, integer},
};
use crate::storage::{
    session::{Appendix, Encoded, Lines, SessionImage},
    sqlite::Write,
};

/// Messages of a first save that were brought over ahead of it, so that no crossing is long.
#[derive(Default)]
pub struct StagedMessages(Mutex<Vec<Lines>>);

/// A place for messages that a save will take.
#[napi(catch_unwind)]
pub fn staged_messages() -> Result<External<StagedMessages>> {
    entry("stagedMessages", || Ok(External::new(StagedMessages::default())))
}

/// Brings messages over, one a line, with as many lines of their tables of types.
#[napi(catch_unwind)]
pub fn stage_messages(staged: &External<StagedMessages>, texts: String, types: String) -> Result<()> {
    entry("stageMessages", || {
        staged.lock().push(Lines { texts, types });
        Ok(())
    })
}

impl StagedMessages {
    fn lock(&self) -> MutexGuard<'_, Vec<Lines>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores a session, the staged messages before its own; answers with its version.
#[napi(catch_unwind)]
pub fn storage_save_session(
    handle: &External<StorageHandle>,
    slot: u32,
    session: StorageSession,
    power: bool,
    staged: Option<&External<StagedMessages>>,
) -> Result<()> {
    entry("storageSaveSession", || {
        let mut image = SessionImage::from(session);
        if let Some(staged) = staged {
            image.messages.splice(0..0, staged.lock().drain(..));
        }
        handle.write(power, |completions| Write::save_session(image, completions.reply(slot)))
    })
}

/// Stores what changed of a session; answers with its version, or null where another state is stored than the one that
/// the changes are made to.
#[napi(catch_unwind)]
pub fn storage_save_changes(
    handle: &External<StorageHandle>,
    slot: u32,
    changes: StorageChanges,
    power: bool,
) -> Result<()> {
    entry("storageSaveChanges", || {
        handle.write(power, |completions| Write::save_changes(changes.into(), completions.reply(slot)))
    })
}

/// Puts messages at the end of a session; answers with the texts of its count of messages, the position of the first new
/// one, and the stamp it had before.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments, reason = "an object would be read member by member")]
pub fn storage_append_messages(
    handle: &External<StorageHandle>,
    slot: u32,
    id: String,
    messages: String,
    message_types: String,
    count: f64,
    now: f64,
    now_iso: String,
    stamp: f64,
    power: bool,
) -> Result<()> {
    entry("storageAppendMessages", || {
        let messages = Lines { texts: messages, types: message_types };
        let now = (integer(now), now_iso);
        let appendix = Appendix { id, messages, count: integer(count), now, stamp: integer(stamp) };
        handle.write(power, |completions| Write::append_messages(appendix, completions.reply(slot)))
    })
}

/// Stores sessions, all or none.
#[napi(catch_unwind)]
pub fn storage_save_sessions(
    handle: &External<StorageHandle>,
    slot: u32,
    sessions: Vec<StorageSession>,
    power: bool,
) -> Result<()> {
    entry("storageSaveSessions", || {
        let images = sessions.into_iter().map(Into::into).collect();
        handle.write(power, |completions| Write::save_sessions(images, completions.reply(slot)))
    })
}

/// Removes sessions; answers how many were there.
#[napi(catch_unwind)]
pub fn storage_delete_sessions(
    handle: &External<StorageHandle>,
    slot: u32,
    ids: Vec<String>,
    power: bool,
) -> Result<()> {
    entry("storageDeleteSessions", || {
        handle.write(power, |completions| Write::delete_sessions(ids, completions.reply(slot)))
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

/// Sets keys, all or none; their values one a line, with as many lines of their tables of types.
#[napi(catch_unwind)]
pub fn storage_set_keys(
    handle: &External<StorageHandle>,
    slot: u32,
    keys: Vec<String>,
    texts: String,
    types: String,
    expires_at: Option<f64>,
    power: bool,
) -> Result<()> {
    entry("storageSetKeys", || {
        let values = Lines { texts, types };
        let expires_at = expires_at.map(integer);
        handle.write(power, |completions| Write::set_keys(keys, values, expires_at, completions.reply(slot)))
    })
}

/// Removes keys; answers how many had a value.
#[napi(catch_unwind)]
pub fn storage_delete_keys(
    handle: &External<StorageHandle>,
    slot: u32,
    keys: Vec<String>,
    now: f64,
    power: bool,
) -> Result<()> {
    entry("storageDeleteKeys", || {
        handle.write(power, |completions| Write::delete_keys(keys, integer(now), completions.reply(slot)))
    })
}

/// Removes everything.
#[napi(catch_unwind)]
pub fn storage_clear(handle: &External<StorageHandle>, slot: u32, power: bool) -> Result<()> {
    entry("storageClear", || handle.write(power, |completions| Write::clear(completions.reply(slot))))
}
