//! Small reads on the calling thread.

use napi::{
    bindgen_prelude::{External, Float64Array, Null, ToNapiValue},
    sys,
};
use napi_derive::napi;

use super::{
    super::entry::{Result, entry},
    StorageHandle,
    pieces::float_positions,
    shapes::integer,
};
use crate::{
    engine_text::EngineText,
    storage::{
        session::Encoded,
        sqlite::{Glance, SmallSession},
    },
};

/// Reads a small session: `[data, types, version, stamp, messages as a JSON array, their types one a line, positions]`.
/// Null where there is none, undefined where it has to be read elsewhere: it is larger than 64 KB, the file is not open
/// yet, somebody is in the way, or it is damaged.
#[napi(
    catch_unwind,
    ts_return_type = "[string, string | null, number, number, string, string, Float64Array] | null | undefined"
)]
pub fn storage_read_small(handle: &External<StorageHandle>, id: String) -> Result<Glance<SmallSession>> {
    entry("storageReadSmall", || Ok(handle.store.small_session(&id)))
}

/// Reads a small value: its text where it is plain JSON, else text and types. Null and undefined likewise.
#[napi(catch_unwind, ts_return_type = "string | [string, string] | null | undefined")]
pub fn storage_get_key_now(handle: &External<StorageHandle>, key: String, now: f64) -> Result<Glance<Encoded>> {
    entry("storageGetKeyNow", || Ok(handle.store.small_key(&key, integer(now))))
}

/// Reads small values, whose keys have a NUL between them, as one JSON array, null for each key that has none. Undefined where
/// one of them is not plain JSON, or has to be read elsewhere.
#[napi(catch_unwind, ts_return_type = "string | undefined")]
pub fn storage_get_keys_now(handle: &External<StorageHandle>, keys: String, now: f64) -> Result<Glance<EngineText>> {
    entry("storageGetKeysNow", || Ok(handle.store.small_keys(&keys, integer(now))))
}

impl<T: ToNapiValue> ToNapiValue for Glance<T> {
    unsafe fn to_napi_value(env: sys::napi_env, glance: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: each conversion is made on the thread of `env`, on which napi calls this.
        unsafe {
            match glance {
                Self::Found(value) => T::to_napi_value(env, value),
                Self::Nothing => Null::to_napi_value(env, Null),
                Self::AskReader => <()>::to_napi_value(env, ()),
            }
        }
    }
}

impl ToNapiValue for Encoded {
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        let text = EngineText::of_json(value.text);
        // SAFETY: as above.
        unsafe {
            match value.types {
                None => EngineText::to_napi_value(env, text),
                Some(types) => <(EngineText, EngineText)>::to_napi_value(env, (text, EngineText::of_json(types))),
            }
        }
    }
}

impl ToNapiValue for SmallSession {
    unsafe fn to_napi_value(env: sys::napi_env, session: Self) -> napi::Result<sys::napi_value> {
        type Parts = (EngineText, Option<EngineText>, f64, f64, EngineText, EngineText, Float64Array);
        let Self { head, messages } = session;
        #[expect(clippy::cast_precision_loss, reason = "versions stay below 2^53, and the face gives safe integers")]
        let parts: Parts = (
            EngineText::of_json(head.data.text),
            head.data.types.map(EngineText::of_json),
            head.version as f64,
            head.stamp as f64,
            messages.messages,
            messages.types,
            float_positions(&messages.positions),
        );
        // SAFETY: as above.
        unsafe { Parts::to_napi_value(env, parts) }
    }
}
