//! The door of every export: it catches panics and translates errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    error::{Error, Result},
    fault, worker,
};

/// What an export returns: an error carries its code where JavaScript looks for it.
pub type Export<T> = std::result::Result<T, napi::Error<String>>;

/// Runs the body of the export `name`. A panic in it becomes `ERR_PANIC`; a core error keeps its code.
pub fn entry<T>(name: &'static str, body: impl FnOnce() -> Result<T>) -> Export<T> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        fault::point(name);
        body()
    }));
    outcome
        .unwrap_or_else(|panic| Err(Error::Panic { room: name, message: worker::panic_text(panic.as_ref()).into() }))
        .map_err(|error| napi::Error::new(error.code().to_owned(), error.to_string()))
}
