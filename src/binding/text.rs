//! Text that was prepared for the engine, on its way into it.

use std::{
    ffi::{c_char, c_void},
    ptr,
};

use napi::{bindgen_prelude::ToNapiValue, check_status, sys};

use super::external_strings;
use crate::engine_text::EngineText;

/// A shorter text is copied for less than the engine asks for keeping track of one outside of its heap.
const WORTH_LENDING: usize = 8 * 1024;

impl ToNapiValue for EngineText {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> napi::Result<sys::napi_value> {
        let functions = external_strings::functions();
        // SAFETY: called by napi on the thread of `env`, with the text's own memory and length.
        unsafe {
            match (text, functions) {
                (Self::OneByte(bytes), Some(external)) if bytes.len() >= WORTH_LENDING => {
                    lend(bytes, |text, length, hint, value, copied| {
                        (external.latin1)(
                            env,
                            text.cast::<c_char>(),
                            length,
                            Some(give_back::<u8>),
                            hint,
                            value,
                            copied,
                        )
                    })
                }
                (Self::TwoByte(units), Some(external)) if units.len() >= WORTH_LENDING => {
                    lend(units, |text, length, hint, value, copied| {
                        (external.utf16)(env, text, length, Some(give_back::<u16>), hint, value, copied)
                    })
                }
                (Self::OneByte(bytes), _) => {
                    made(|value| sys::napi_create_string_latin1(env, bytes.as_ptr().cast(), length(&bytes), value))
                }
                (Self::TwoByte(units), _) => {
                    made(|value| sys::napi_create_string_utf16(env, units.as_ptr(), length(&units), value))
                }
            }
        }
    }
}

/// Lends a text to the engine, which gives it back when it has no use for it, at once where it has copied it.
fn lend<T>(
    text: Vec<T>,
    create: impl FnOnce(*const T, isize, *mut c_void, *mut sys::napi_value, *mut bool) -> sys::napi_status,
) -> napi::Result<sys::napi_value> {
    let length = length(&text);
    let lent = Box::into_raw(Box::new(text));
    let mut copied = false;
    // SAFETY: it was boxed just now.
    let start = unsafe { (*lent).as_ptr() };
    let value = made(|value| create(start, length, lent.cast(), value, &raw mut copied));
    if value.is_err() {
        // SAFETY: without a string nobody gives it back.
        drop(unsafe { Box::from_raw(lent) });
    }
    value
}

/// # Safety
/// Called by the engine, once for each text that was lent to it.
unsafe extern "C" fn give_back<T>(_env: sys::napi_env, _text: *mut c_void, lent: *mut c_void) {
    // SAFETY: the hint is what `lend` handed over.
    drop(unsafe { Box::from_raw(lent.cast::<Vec<T>>()) });
}

fn made(make: impl FnOnce(*mut sys::napi_value) -> sys::napi_status) -> napi::Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    check_status!(make(&raw mut value), "making a string")?;
    Ok(value)
}

fn length<T>(units: &[T]) -> isize {
    // No vector is longer.
    units.len().cast_signed()
}
