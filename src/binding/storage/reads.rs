//! Questions.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::{
        entry::{Result, entry},
        outcome::Outcome,
    },
    StorageHandle,
    shapes::{StorageFilter, integer},
};
use crate::storage::{
    session::Encoded,
    sqlite::{KeyEnd, KeyFilter, LastSession, Read, SessionInfo, SessionPage},
};

/// What is to know about a session: a JSON object with `messageCount`, `messageBytes`, `dataBytes`, `activeAgent`,
/// `createdAt`, `updatedAt`, `version`; or null.
#[napi(catch_unwind)]
pub fn storage_session_info(handle: &External<StorageHandle>, slot: u32, id: String, in_order: bool) -> Result<()> {
    entry("storageSessionInfo", || handle.read(in_order, |completions| Read::session_info(id, completions.reply(slot))))
}

/// The versions of sessions at one moment, in the order of their ids: a JSON array of numbers, null where there is none.
#[napi(catch_unwind)]
pub fn storage_session_versions(
    handle: &External<StorageHandle>,
    slot: u32,
    ids: Vec<String>,
    in_order: bool,
) -> Result<()> {
    entry("storageSessionVersions", || {
        handle.read(in_order, |completions| Read::session_versions(ids, completions.reply(slot)))
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
        let filter = filter.into();
        handle.read(in_order, |completions| Read::list(filter, completions.reply(slot)))
    })
}

/// Lists ids behind the last one of the page before; both of its values, or none for the first page. Sessions whose version
/// is beyond `until` are passed over behind the first page. The last texts are what the page's last id is ordered by, null
/// where the page is empty, and the version given out last.
#[napi(catch_unwind)]
pub fn storage_page_sessions(
    handle: &External<StorageHandle>,
    slot: u32,
    filter: StorageFilter,
    after_value: Option<f64>,
    after_id: Option<String>,
    until: Option<f64>,
    in_order: bool,
) -> Result<()> {
    entry("storagePageSessions", || {
        let until = until.map(integer);
        let after = after_id.map(|id| LastSession { value: after_value.map_or(0, integer), id, until });
        let filter = filter.into();
        handle.read(in_order, |completions| Read::session_page(filter, after, completions.reply(slot)))
    })
}

/// Lists keys that begin with `prefix`, in order, behind the key `after`.
#[napi(catch_unwind)]
pub fn storage_page_keys(
    handle: &External<StorageHandle>,
    slot: u32,
    prefix: String,
    after: Option<String>,
    limit: f64,
    now: f64,
    in_order: bool,
) -> Result<()> {
    entry("storagePageKeys", || {
        let filter = KeyFilter { prefix, after, limit: integer(limit), now: integer(now) };
        handle.read(in_order, |completions| Read::key_page(filter, completions.reply(slot)))
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

/// Reads keys: text and types of each in turn; a null text where there is no value.
#[napi(catch_unwind)]
pub fn storage_get_keys(
    handle: &External<StorageHandle>,
    slot: u32,
    keys: Vec<String>,
    now: f64,
    in_order: bool,
) -> Result<()> {
    entry("storageGetKeys", || {
        handle.read(in_order, |completions| Read::keys(keys, integer(now), completions.reply(slot)))
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

/// When a key ends, in milliseconds since the epoch, infinity where it stays; null where it has no value.
#[napi(catch_unwind)]
pub fn storage_key_end(
    handle: &External<StorageHandle>,
    slot: u32,
    key: String,
    now: f64,
    in_order: bool,
) -> Result<()> {
    entry("storageKeyEnd", || {
        handle.read(in_order, |completions| Read::key_end(key, integer(now), completions.reply(slot)))
    })
}

impl From<KeyEnd> for Outcome {
    fn from(end: KeyEnd) -> Self {
        Self::Number(match end {
            #[expect(clippy::cast_precision_loss, reason = "the face gives whole numbers below 2^53")]
            KeyEnd::At(end) => end as f64,
            KeyEnd::Never => f64::INFINITY,
        })
    }
}

impl From<SessionInfo> for Outcome {
    fn from(info: SessionInfo) -> Self {
        Self::json(&info)
    }
}

impl From<SessionPage> for Outcome {
    fn from(page: SessionPage) -> Self {
        let last = page.last_value.map(|value| value.to_string());
        let version = Some(page.version.to_string());
        Self::Texts(page.ids.into_iter().map(Some).chain([last, version]).collect())
    }
}

impl From<Vec<Option<Encoded>>> for Outcome {
    fn from(values: Vec<Option<Encoded>>) -> Self {
        Self::json_texts(values.into_iter().flat_map(|value| match value {
            Some(value) => [Some(value.text), value.types],
            None => [None, None],
        }))
    }
}
