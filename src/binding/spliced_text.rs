//! A text that comes in parts: JSON with a NUL wherever a long text goes, and these as they are. Nobody has looked through
//! them on the other side or joined them, and here each is copied once.

use std::ptr;

use napi::{
    Error,
    bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue},
    check_status, sys,
};

use super::long_text::{finished, length, push};
use crate::escape::escape_from;

/// What stands where a text goes. JSON has this character escaped.
const PLACE: u8 = 0;

/// A text of JSON lines, put together of an array of texts.
pub struct SplicedText(pub String);

impl TypeName for SplicedText {
    fn type_name() -> &'static str {
        "Array<string>"
    }

    fn value_type() -> napi::ValueType {
        napi::ValueType::Object
    }
}

impl ValidateNapiValue for SplicedText {}

impl FromNapiValue for SplicedText {
    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: both are what napi has handed over, and what is in the array is of the same environment.
        unsafe {
            let parts = elements(env, array)?;
            let (json, lifted) = parts.split_first().ok_or_else(|| Error::from_reason("there is no text"))?;
            let mut text = Vec::new();
            push(env, *json, &mut text)?;
            let text = if lifted.is_empty() { text } else { spliced(env, &text, lifted)? };
            finished(text).map(Self)
        }
    }
}

/// The JSON with the texts in their places.
///
/// # Safety
/// The texts are values of the environment.
unsafe fn spliced(env: sys::napi_env, json: &[u8], lifted: &[sys::napi_value]) -> napi::Result<Vec<u8>> {
    let misfit = || Error::from_reason("there are not as many texts as places for them");
    let (mut units, mut last) = (0, 0);
    for text in lifted {
        // SAFETY: by this function's contract.
        last = unsafe { length(env, *text)? };
        units += last;
    }
    // Some of it will be escaped, and while the last part is read it may need three times its length.
    let mut text = Vec::with_capacity(json.len() + units + units / 8 + 2 * last);
    let mut pieces = json.split(|byte| *byte == PLACE);
    text.extend_from_slice(pieces.next().unwrap_or_default());
    for part in lifted {
        text.push(b'"');
        let start = text.len();
        // SAFETY: as above.
        unsafe { push(env, *part, &mut text)? };
        escape_from(&mut text, start);
        text.push(b'"');
        text.extend_from_slice(pieces.next().ok_or_else(misfit)?);
    }
    if pieces.next().is_some() { Err(misfit()) } else { Ok(text) }
}

/// What is in an array.
///
/// # Safety
/// The array is a value of the environment.
unsafe fn elements(env: sys::napi_env, array: sys::napi_value) -> napi::Result<Vec<sys::napi_value>> {
    let mut count = 0;
    // SAFETY: by this function's contract.
    check_status!(unsafe { sys::napi_get_array_length(env, array, &raw mut count) }, "an array was expected")?;
    (0..count)
        .map(|at| {
            let mut element = ptr::null_mut();
            // SAFETY: as above.
            check_status!(unsafe { sys::napi_get_element(env, array, at, &raw mut element) })?;
            Ok(element)
        })
        .collect()
}
