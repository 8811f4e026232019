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

/// JavaScript's own memory, which stays where it is and is kept alive until it is let go of here. Only while the clock runs: an
/// array keeps all that its realm can reach, this clock's handle among it, so that nobody would ever collect either.
struct Words(Mutex<Option<Int32Array>>);

impl Words {
    /// Locked: whoever lets go of the memory waits for whoever is writing to it.
    fn lock(&self) -> MutexGuard<'_, Option<Int32Array>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, index: usize, value: i32) -> i32 {
        swap(self.lock().as_ref(), index, value)
    }

    fn show_in(&self, face: Int32Array) {
        let before = self.lock().replace(face);
        drop(before);
    }
}

/// Nobody may let go of the array meanwhile.
fn swap(words: Option<&Int32Array>, index: usize, value: i32) -> i32 {
    let Some(word) = words.and_then(|words| words.get(index)) else { return 0 };
    // SAFETY: the array lives for as long as it is borrowed; it is aligned, and JavaScript writes whole words to it.
    unsafe { AtomicI32::from_ptr(std::ptr::from_ref(word).cast_mut()) }.swap(value, Ordering::Relaxed)
}

impl Face for Words {
    fn set(&self, tick: i32) {
        self.swap(0, tick);
    }

    fn was_read(&self) -> bool {
        self.swap(1, 0) != 0
    }

    fn stand(&self) {
        let mut words = self.lock();
        swap(words.as_ref(), 0, 0);
        let face = words.take();
        drop(words);
        // On the thread of the clock, napi has the array's own thread let go of it.
        drop(face);
    }
}

impl Drop for ClockHandle {
    fn drop(&mut self) {
        drop(self.0.lock().take());
    }
}

/// A clock that stands.
#[napi(catch_unwind)]
pub fn clock_open() -> Result<External<ClockHandle>> {
    entry("clockOpen", || Ok(External::new(ClockHandle(Arc::new(Words(Mutex::new(None)))))))
}

/// Starts it; it stops by itself when nobody reads it. Until then it shows `[the tick, or 0 where it stands; set this to 1 when
/// you read]` in `face`, which must not be memory that the engine moves: an array over an `ArrayBuffer` of its own.
#[napi(catch_unwind)]
pub fn clock_wake(handle: &External<ClockHandle>, face: Int32Array) -> Result<()> {
    entry("clockWake", || {
        handle.0.show_in(face);
        let face: Arc<dyn Face> = Arc::clone(&handle.0) as _;
        clock::wake(&face).inspect_err(|_| face.stand())
    })
}
