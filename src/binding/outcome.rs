//! Answers on their way to JavaScript.

use std::ptr;

use napi::{bindgen_prelude::ToNapiValue, sys};

use crate::{engine_text::EngineText, error::Error};

/// A value on its way to JavaScript.
pub enum Outcome {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    Texts(Vec<Option<String>>),
    /// Texts that were prepared on the thread that answers.
    EngineTexts(Vec<Option<EngineText>>),
    Failed(Error),
}

impl Outcome {
    /// A report as JSON.
    pub fn json(report: &impl serde::Serialize) -> Self {
        match serde_json::to_string(report) {
            Ok(text) => Self::Text(text),
            Err(cause) => Self::Failed(Error::Panic { room: "binding", message: cause.to_string() }),
        }
    }
}

impl Outcome {
    /// JSON texts, made ready on the thread that answers: where JavaScript runs they are lent, or copied as they are.
    pub fn json_texts(texts: impl IntoIterator<Item = Option<String>>) -> Self {
        Self::EngineTexts(texts.into_iter().map(|text| text.map(EngineText::of_json)).collect())
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<bool> for Outcome {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Outcome>> From<Option<T>> for Outcome {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl From<Vec<Option<String>>> for Outcome {
    fn from(texts: Vec<Option<String>>) -> Self {
        Self::Texts(texts)
    }
}

/// An error on its way to JavaScript, which makes the class of it.
#[napi_derive::napi(object)]
#[derive(serde::Serialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub retryable: bool,
    /// The process that stands in the way.
    pub owner: Option<u32>,
    /// The version that was to be there; none where there was to be no session.
    pub expected: Option<f64>,
    /// The version that is there; none where there is no session.
    pub actual: Option<f64>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (expected, actual) = error.versions();
        #[expect(clippy::cast_precision_loss, reason = "versions stay far below 2^53")]
        let number = |version: Option<i64>| version.map(|version| version as f64);
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            retryable: error.retryable(),
            owner: error.owner(),
            expected: number(expected),
            actual: number(actual),
        }
    }
}

/// An outcome as JavaScript takes it, and whether it is a failure. One that the engine refuses, as it does a text beyond its
/// longest, is a failure of that one: the answers beside it are others'.
///
/// # Safety
/// On the thread of `env`.
unsafe fn answer(env: sys::napi_env, outcome: Outcome) -> napi::Result<(bool, sys::napi_value)> {
    let failed = matches!(outcome, Outcome::Failed(_));
    let size = outcome.size();
    // SAFETY: as above.
    unsafe {
        let value = Outcome::to_napi_value(env, outcome);
        if failed || value.is_ok() {
            return Ok((failed, value?));
        }
        let mut exception = ptr::null_mut();
        // With one pending nothing else could be made.
        sys::napi_get_and_clear_last_exception(env, &raw mut exception);
        let failure = Outcome::Failed(Error::ValueTooLarge { size, limit: LONGEST_TEXT });
        Ok((true, Outcome::to_napi_value(env, failure)?))
    }
}

/// What the engine takes as one text, in characters.
const LONGEST_TEXT: usize = (1 << 29) - 24;

impl Outcome {
    /// Of its texts together, in bytes or units.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Texts(texts) => texts.iter().flatten().map(String::len).sum(),
            Self::EngineTexts(texts) => texts.iter().flatten().map(EngineText::len).sum(),
            Self::Nothing | Self::Flag(_) | Self::Number(_) | Self::Failed(_) => 0,
        }
    }
}

impl ToNapiValue for Outcome {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: each conversion below is napi's own, on the thread of `env`.
        unsafe {
            match outcome {
                Self::Nothing => napi::bindgen_prelude::Null::to_napi_value(env, napi::bindgen_prelude::Null),
                Self::Flag(flag) => bool::to_napi_value(env, flag),
                Self::Number(number) => f64::to_napi_value(env, number),
                Self::Text(text) => String::to_napi_value(env, text),
                Self::Texts(texts) => <Vec<Option<String>>>::to_napi_value(env, texts),
                Self::EngineTexts(texts) => <Vec<Option<EngineText>>>::to_napi_value(env, texts),
                Self::Failed(error) => Failure::to_napi_value(env, error.into()),
            }
        }
    }
}

/// What JavaScript gets: `[slot, failed, value, slot, failed, value, …]`.
pub struct Batch(pub Vec<(u32, Outcome)>);

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let mut flat: Vec<sys::napi_value> = Vec::with_capacity(batch.0.len() * 3);
        for (slot, outcome) in batch.0 {
            // SAFETY: called by napi on the thread of `env`, which is what these conversions ask for.
            unsafe {
                let (failed, value) = answer(env, outcome)?;
                flat.push(u32::to_napi_value(env, slot)?);
                flat.push(bool::to_napi_value(env, failed)?);
                flat.push(value);
            }
        }
        let mut array = ptr::null_mut();
        // SAFETY: `env` is live for the whole callback, and every element was made in it.
        unsafe {
            napi::check_status!(sys::napi_create_array_with_length(env, flat.len(), &raw mut array))?;
            for (index, value) in (0u32..).zip(flat) {
                napi::check_status!(sys::napi_set_element(env, array, index, value))?;
            }
        }
        Ok(array)
    }
}
