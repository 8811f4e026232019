//! Changes.

use std::sync::Arc;

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::{
        entry::{Result, entry},
        spliced_text::SplicedText,
    },
    StorageHandle,
    shapes::{StorageChanges, StorageSession, integer},
};
use crate::storage::{
    session::{Appendix, Encoded, Lines, SessionImage},
    sqlite::{self, Write},
};

/// Messages of a save, or of several, that come in pieces, so that no crossing is long.
pub struct ComingMessages(Arc<sqlite::ComingMessages>);

/// A place for messages that a save takes as they come.
#[napi(catch_unwind)]
pub fn coming_messages() -> Result<External<ComingMessages>> {
    entry("comingMessages", || Ok(External::new(ComingMessages(Arc::default()))))
}

/// Brings messages over, one a line, with as many lines of their tables of types. An error where the queue has no room.
#[napi(catch_unwind)]
pub fn add_messages(
    coming: &External<ComingMessages>,
    #[napi(ts_arg_type = "Array<string>")] texts: SplicedText,
    types: String,
) -> Result<()> {
    entry("addMessages", || coming.0.add(Lines { texts: texts.0, types }))
}

/// All messages have been brought over. `false`: too slowly for the save, which has to be asked for again.
#[napi(catch_unwind)]
pub fn complete_messages(coming: &External<ComingMessages>) -> Result<bool> {
    entry("completeMessages", || Ok(coming.0.complete()))
}

/// No more messages will come, and the save must store none.
#[napi(catch_unwind)]
pub fn abandon_messages(coming: &External<ComingMessages>) -> Result<()> {
    entry("abandonMessages", || {
        coming.0.abandon();
        Ok(())
    })
}

/// Stores a session whose messages are coming. Answers with its version, or null where they did not come in time; with
/// `again`, once they are complete, always with its version.
#[napi(catch_unwind)]
pub fn storage_save_coming(
    handle: &External<StorageHandle>,
    slot: u32,
    session: StorageSession,
    power: bool,
    coming: &External<ComingMessages>,
    again: bool,
) -> Result<()> {
    entry("storageSaveComing", || {
        let (image, messages) = (session.into(), Arc::clone(&coming.0));
        handle.write(power, |completions| {
            if again {
                Write::save_come(image, messages, completions.reply(slot))
            } else {
                Write::save_coming(image, messages, completions.reply(slot))
            }
        })
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
        handle.write(power, |completions| Write::save_session(session.into(), completions.reply(slot)))
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
    #[napi(ts_arg_type = "Array<string>")] messages: SplicedText,
    message_types: String,
    count: f64,
    now: f64,
    now_iso: String,
    stamp: f64,
    power: bool,
) -> Result<()> {
    entry("storageAppendMessages", || {
        let messages = Lines { texts: messages.0, types: message_types };
        let now = (integer(now), now_iso);
        let appendix = Appendix { id, messages, count: integer(count), now, stamp: integer(stamp) };
        handle.write(power, |completions| Write::append_messages(appendix, completions.reply(slot)))
    })
}

/// Stores sessions, all or none. Their messages have been brought over before, one session's behind the other's, so that no
/// crossing is long; of each session in so many `pieces`.
#[napi(catch_unwind)]
pub fn storage_save_sessions(
    handle: &External<StorageHandle>,
    slot: u32,
    sessions: Vec<StorageSession>,
    come: &External<ComingMessages>,
    pieces: Vec<u32>,
    power: bool,
) -> Result<()> {
    entry("storageSaveSessions", || {
        let mut come = come.0.take().into_iter();
        let with_messages = |(session, pieces): (StorageSession, u32)| SessionImage {
            messages: come.by_ref().take(pieces as usize).collect(),
            ..session.into()
        };
        let images = sessions.into_iter().zip(pieces).map(with_messages).collect();
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

/// Sets a key; `expires_at` and `now` in milliseconds since the epoch.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments, reason = "an object would be read member by member")]
pub fn storage_set_key(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    text: String,
    types: Option<String>,
    expires_at: Option<f64>,
    now: f64,
    power: bool,
) -> Result<()> {
    entry("storageSetKey", || {
        let value = Encoded { text, types };
        let expires_at = expires_at.map(integer);
        handle.write_at(now, power, |completions| Write::set_key(key, value, expires_at, completions.reply(slot)))
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
        handle.write_at(now, power, |completions| Write::delete_key(key, integer(now), completions.reply(slot)))
    })
}

/// Sets keys, all or none; their values one a line, with as many lines of their tables of types.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments, reason = "an object would be read member by member")]
pub fn storage_set_keys(
    handle: &External<StorageHandle>,
    slot: u32,
    keys: Vec<String>,
    texts: String,
    types: String,
    expires_at: Option<f64>,
    now: f64,
    power: bool,
) -> Result<()> {
    entry("storageSetKeys", || {
        let values = Lines { texts, types };
        let expires_at = expires_at.map(integer);
        handle.write_at(now, power, |completions| Write::set_keys(keys, values, expires_at, completions.reply(slot)))
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
        handle.write_at(now, power, |completions| Write::delete_keys(keys, integer(now), completions.reply(slot)))
    })
}

/// Removes everything.
#[napi(catch_unwind)]
pub fn storage_clear(handle: &External<StorageHandle>, slot: u32, power: bool) -> Result<()> {
    entry("storageClear", || handle.write(power, |completions| Write::clear(completions.reply(slot))))
}
