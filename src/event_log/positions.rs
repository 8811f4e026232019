//! How many acknowledgements are still to be taken note of: the way out of the process waits for them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The positions of a log's consumers.
#[derive(Default)]
pub struct Positions {
    asked: AtomicUsize,
}

impl Positions {
    /// Whether an acknowledgement has been asked for that is not answered yet.
    pub fn are_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0
    }
}

/// An acknowledgement that has been asked for. Dropped when it is answered.
pub struct Asked(Arc<Positions>);

impl Asked {
    /// Counts one.
    pub fn of(positions: &Arc<Positions>) -> Self {
        positions.asked.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(positions))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::AcqRel);
    }
}
