//! A long text on its way out of the engine, in one pass: where there is room for the longest encoding that it may have, the
//! engine does not ask for its length first.

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
        let mut units = 0;
        // SAFETY: without a buffer the engine only tells the length.
        check_status!(
            unsafe { sys::napi_get_value_string_utf16(env, value, std::ptr::null_mut(), 0, &raw mut units) },
            "a text was expected"
        )?;
        let mut bytes: Vec<u8> = Vec::with_capacity(units * LONGEST + 1);
        let mut length = 0;
        // SAFETY: the buffer has the capacity that is told, and the engine says how much of it has been written.
        unsafe {
            check_status!(sys::napi_get_value_string_utf8(
                env,
                value,
                bytes.as_mut_ptr().cast(),
                bytes.capacity(),
                &raw mut length
            ))?;
            bytes.set_len(length);
        }
        let text = String::from_utf8(bytes);
        text.map(Self).map_err(|_| napi::Error::from_reason("the engine gave a text that is none"))
    }
}
