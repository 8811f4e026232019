//! The bus's clock for JavaScript.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI32, Ordering},
};

use napi::bindgen_prelude::{External, Int32Array};
use napi_derive::napi;

use super::entry::{Result, entry};
use crate::event_bus::clock::{self, Face};

/// The clock of one environment.
pub struct ClockHandle(Arc<Words>);

/// JavaScript's own memory, which stays where it is and is kept alive until it is let go of here.
struct Words(Mutex<Option<Int32Array>>);

impl Words {
    /// Locked: whoever lets go of the memory waits for whoever is writing to it.
    fn lock(&self) -> MutexGuard<'_, Option<Int32Array>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, index: usize, value: i32) -> i32 {
        let words = self.lock();
        let Some(word) = words.as_ref().and_then(|words| words.get(index)) else { return 0 };
        // SAFETY: the array lives while the lock is held; it is aligned, and JavaScript writes whole words to it.
        unsafe { AtomicI32::from_ptr(std::ptr::from_ref(word).cast_mut()) }.swap(value, Ordering::Relaxed)
    }
}

impl Face for Words {
    fn set(&self, tick: i32) {
        self.swap(0, tick);
    }

    fn was_read(&self) -> bool {
        self.swap(1, 0) != 0
    }
}

impl Drop for ClockHandle {
    fn drop(&mut self) {
        drop(self.0.lock().take());
    }
}

/// A clock that stands. It shows `[the tick, or 0 while it stands; set this to 1 when you read]` in `face`, which must not
/// be memory that the engine moves: an array over an `ArrayBuffer` of its own.
#[napi(catch_unwind)]
pub fn clock_open(face: Int32Array) -> Result<External<ClockHandle>> {
    entry("clockOpen", || Ok(External::new(ClockHandle(Arc::new(Words(Mutex::new(Some(face))))))))
}

/// Starts it; it stops by itself when nobody reads it.
#[napi(catch_unwind)]
pub fn clock_wake(handle: &External<ClockHandle>) -> Result<()> {
    entry("clockWake", || {
        let face: Arc<dyn Face> = Arc::clone(&handle.0) as _;
        clock::wake(&face)
    })
}
