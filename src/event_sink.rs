//! Where a room that is no log puts an event which must outlive the process. Rooms never import one another: they meet here.

/// A log, as far as others need it. Held without keeping it open.
pub trait EventSink: Send + Sync {
    /// The same for every way into the same log.
    fn place(&self) -> Option<usize>;

    /// Stores an event as one JSON object with topic, priority and timestamp, synced, without waiting for it. `false`: the
    /// log is closed.
    fn store(&self, session: &str, body: String) -> bool;
}
