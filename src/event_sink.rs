//! Where a room that is no log puts an event which must outlive the process. Rooms never import one another: they meet here.

/// A log, as far as others need it. Held without keeping it open.
pub trait EventSink: Send + Sync {
    /// The same for every way into the same log.
    fn place(&self) -> Option<usize>;

    /// Stores an event as one JSON object with topic, priority and timestamp, without waiting for it. `done` is called once it
    /// is on the disk, or cannot be brought there. `false`: the log is closed, and `done` is not called.
    fn store(&self, session: &str, body: String, done: Done) -> bool;
}

/// What is to happen when an event is stored.
pub type Done = Box<dyn FnOnce() + Send>;
