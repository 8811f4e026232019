//! The door of every export: it catches panics and translates errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{error::Error, fault, worker};

/// What an export returns: an error carries its code where JavaScript looks for it. (napi recognises it by its name.)
pub type Result<T> = std::result::Result<T, napi::Error<String>>;

/// Runs the body of the export `name`. A panic in it becomes `ERR_PANIC`; a core error keeps its code.
pub fn entry<T>(name: &'static str, body: impl FnOnce() -> crate::Result<T>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        fault::point(name);
        body()
    }));
    outcome
        .unwrap_or_else(|panic| Err(Error::Panic { room: name, message: worker::panic_text(panic.as_ref()).into() }))
        .map_err(|error| napi::Error::new(error.code().to_owned(), error.to_string()))
}

/// Translates an error of napi's own, which means that the environment is going away or out of memory.
pub fn foreign(error: napi::Error) -> napi::Error<String> {
    napi::Error::new("ERR_UNAVAILABLE".to_owned(), error.reason)
}
