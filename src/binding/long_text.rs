//! A long text on its way out of the engine, in one pass: where there is room for the longest encoding that it may have, the
//! engine does not ask for its length first.

use std::ptr;

use napi::{
    bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue},
    check_status, sys,
};

/// A text of any length. Half a surrogate pair, which is no text, has become U+FFFD.
pub struct LongText(pub String);

impl TypeName for LongText {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> napi::ValueType {
        napi::ValueType::String
    }
}

impl ValidateNapiValue for LongText {}

/// The most bytes that one unit of UTF-16 takes.
const LONGEST: usize = 3;

impl FromNapiValue for LongText {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut bytes = Vec::new();
        // SAFETY: both are what napi has handed over.
        unsafe { push(env, value, &mut bytes)? };
        finished(bytes).map(Self)
    }
}

/// Adds a text as UTF-8.
///
/// # Safety
/// The text is a value of the environment.
pub unsafe fn push(env: sys::napi_env, value: sys::napi_value, bytes: &mut Vec<u8>) -> napi::Result<()> {
    // SAFETY: by this function's contract.
    let units = unsafe { length(env, value)? };
    // No more room is told than it may need: the engine counts it in 32 bits, which this stays within.
    let room = units * LONGEST + 1;
    bytes.reserve(room);
    let end = bytes.spare_capacity_mut().as_mut_ptr();
    let mut written = 0;
    // SAFETY: the buffer has the room that is told, and the engine says how much of it has been written.
    unsafe {
        check_status!(sys::napi_get_value_string_utf8(env, value, end.cast(), room, &raw mut written))?;
        bytes.set_len(bytes.len() + written);
    }
    Ok(())
}

/// How many units of UTF-16 a text has.
///
/// # Safety
/// The text is a value of the environment.
pub unsafe fn length(env: sys::napi_env, value: sys::napi_value) -> napi::Result<usize> {
    let mut units = 0;
    // SAFETY: without a buffer the engine only tells the length.
    check_status!(
        unsafe { sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut units) },
        "a text was expected"
    )?;
    Ok(units)
}

/// The text that was added to a buffer. It may wait for long, and what it was given in reserve does not.
pub fn finished(mut bytes: Vec<u8>) -> napi::Result<String> {
    if bytes.capacity() > bytes.len() + bytes.len() / 4 {
        bytes.shrink_to_fit();
    }
    String::from_utf8(bytes).map_err(|_| napi::Error::from_reason("the engine gave a text that is none"))
}
