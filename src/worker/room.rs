//! A part of the queue's bytes, held by whoever gives it back before the answer.

use std::sync::{Arc, atomic::Ordering};

use super::Shared;
use crate::error::{Error, Result};

/// Room in a queue, free again when this is dropped.
pub struct Room {
    shared: Arc<Shared>,
    bytes: usize,
    /// Whether this is the one that has more than there is.
    over: bool,
}

impl Room {
    /// What was taken already.
    pub(super) fn of(shared: Arc<Shared>, bytes: usize) -> Self {
        Self { shared, bytes, over: false }
    }

    /// Takes more room for a job of which not all is there yet. Of those that need more than there is one goes on at a time,
    /// as one job may that is larger than the whole queue.
    ///
    /// # Errors
    /// [`Error::Backpressure`] when the queue is full; the room that was there stays.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        let Shared { name, queued, limit, over, .. } = &*self.shared;
        let limit = limit.load(Ordering::Relaxed);
        let before = queued.fetch_add(bytes, Ordering::AcqRel);
        if !self.over && before.saturating_add(bytes) > limit {
            if over.swap(true, Ordering::AcqRel) {
                queued.fetch_sub(bytes, Ordering::AcqRel);
                return Err(Error::Backpressure { worker: name, queued: before, limit });
            }
            self.over = true;
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.queued.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.over {
            self.shared.over.store(false, Ordering::Release);
        }
    }
}
