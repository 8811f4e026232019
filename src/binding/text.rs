//! Text that was prepared for the engine, on its way into it.

use std::ptr;

use napi::{bindgen_prelude::ToNapiValue, check_status, sys};

use crate::engine_text::EngineText;

impl ToNapiValue for EngineText {
    unsafe fn to_napi_value(env: sys::napi_env, text: Self) -> napi::Result<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: called by napi on the thread of `env`, and the text lives until it is copied.
        let status = unsafe {
            match &text {
                Self::OneByte(bytes) => {
                    sys::napi_create_string_latin1(env, bytes.as_ptr().cast(), length(bytes), &raw mut value)
                }
                Self::TwoByte(units) => {
                    sys::napi_create_string_utf16(env, units.as_ptr(), length(units), &raw mut value)
                }
            }
        };
        check_status!(status, "making a string")?;
        Ok(value)
    }
}

fn length<T>(units: &[T]) -> isize {
    // No vector is longer.
    units.len().cast_signed()
}
