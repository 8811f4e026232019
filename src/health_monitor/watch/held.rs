//! A monitor as the watching thread has it.

use std::sync::{Arc, Weak};

use crate::health_monitor::monitor::Monitor;

/// A monitor in the hands of the thread. Held weakly: whoever opened it decides how long it lives.
pub struct Held {
    pub monitor: Weak<Monitor>,
    /// Let go of in order: else the thread has panicked.
    pub released: bool,
}

impl Held {
    pub fn new(monitor: &Arc<Monitor>) -> Self {
        Self { monitor: Arc::downgrade(monitor), released: false }
    }

    pub fn open(&self) -> Option<Arc<Monitor>> {
        self.monitor.upgrade().filter(|monitor| monitor.listens())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nobody let go of it, so the thread did, by a panic.
        if !self.released
            && let Some(monitor) = self.monitor.upgrade()
        {
            monitor.lose();
        }
    }
}
