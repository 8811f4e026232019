//! How much of a cleanup is done at once.

use std::time::{Duration, Instant};

/// So many files are touched before the syncs that they share. Few in tests: whatever happens in between is to be met there.
const FILES: usize = if cfg!(test) { 2 } else { 128 };
/// So long it takes before them, but for a file that takes longer by itself. Long in tests: they count what a slice does, on
/// whatever machine.
const TIME: Duration = Duration::from_millis(if cfg!(test) { 60_000 } else { 10 });

/// A part of a cleanup, for which whoever appends waits.
pub struct Slice {
    begun: Instant,
    files: usize,
}

impl Slice {
    pub fn begin() -> Self {
        Self { begun: Instant::now(), files: 0 }
    }

    /// Takes note of a file that was touched.
    pub fn count(&mut self) {
        self.files += 1;
    }

    pub fn is_over(&self) -> bool {
        self.files >= FILES || self.begun.elapsed() >= TIME
    }

    /// The next one, as long as the slice is not over.
    pub fn next<T>(&self, of: &mut Vec<T>) -> Option<T> {
        if self.is_over() { None } else { of.pop() }
    }
}
