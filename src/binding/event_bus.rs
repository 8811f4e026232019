//! The bus's clock for JavaScript.

use std::{ffi::c_void, sync::Arc};

use napi::{bindgen_prelude::External, sys};
use napi_derive::napi;

use super::{
    entry::{Result, entry},
    shared_memory::{AtomicWords, SharedMemory},
};
use crate::event_bus::clock::{self, Face};

impl AtomicWords for Face {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::int32_array;
    const BYTES: usize = size_of::<i32>();

    fn words(&self) -> (*const c_void, usize) {
        let words = Face::words(self);
        (words.as_ptr().cast(), words.len())
    }
}

/// The clock of one environment.
pub struct ClockHandle(Arc<Face>);

/// A clock that stands.
#[napi(catch_unwind)]
pub fn clock_open() -> Result<External<ClockHandle>> {
    entry("clockOpen", || Ok(External::new(ClockHandle(Arc::new(Face::default())))))
}

/// What it shows: `[the tick, or 0 while it stands; set this to 1 when you read]`. Null where the runtime shares no
/// memory. To be asked for once: memory is never shared twice.
#[napi(catch_unwind, ts_return_type = "Int32Array | null")]
pub fn clock_face(handle: &External<ClockHandle>) -> Result<SharedMemory<Face>> {
    entry("clockFace", || Ok(SharedMemory(Some(Arc::clone(&handle.0)))))
}

/// Starts it; it stops by itself when nobody reads it.
#[napi(catch_unwind)]
pub fn clock_wake(handle: &External<ClockHandle>) -> Result<()> {
    entry("clockWake", || clock::wake(&handle.0))
}
