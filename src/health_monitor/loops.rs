//! The event loops of the process, as the watching thread sees them; and what is told of them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::gauge::{Change, Sight};
use crate::event_sink::EventSink;

/// The session of the log for what concerns the process as a whole.
const SYSTEM_SESSION: &str = "_system";

/// How one loop can be seen from another thread.
pub trait Pulse: Send + Sync {
    /// A look at it; `None` once it is gone.
    fn look(&self) -> Option<Sight>;

    /// What it is running synchronously right now, as far as it says so: a JSON object.
    fn holder(&self) -> Option<String>;
}

/// An event loop of the process.
pub struct EventLoop {
    /// The id of its thread; 0 is the main one.
    pub thread: u32,
    /// The way to see it.
    pub pulse: Box<dyn Pulse>,
}

/// What is told of a loop that froze or thawed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopNews {
    /// The id of its thread.
    pub thread: u32,
    /// Whether it froze; else it thawed.
    pub frozen: bool,
    /// For how long it has been frozen.
    pub lasted: Duration,
    /// The threshold it went past.
    pub threshold: Duration,
    /// What it was running synchronously when it froze.
    pub holder: Option<Value>,
    /// When that was, in milliseconds since the epoch.
    pub at: u64,
    /// Whether it stands in a log that the watching thread can write to.
    pub recorded: bool,
}

impl LoopNews {
    /// News of a loop, as of now.
    pub fn of(seen: &EventLoop, change: Change, threshold: Duration, holder: Option<Value>) -> Self {
        let (frozen, lasted) = match change {
            Change::Froze(lasted) => (true, lasted),
            Change::Thawed(lasted) => (false, lasted),
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { thread: seen.thread, frozen, lasted, threshold, holder, at: whole_ms(since_epoch), recorded: false }
    }

    /// Puts it into logs: once into each, however many ways lead there.
    pub fn record(&mut self, sinks: &[Arc<dyn EventSink>]) {
        let mut places: Vec<usize> = Vec::new();
        for sink in sinks {
            let Some(place) = sink.place().filter(|place| !places.contains(place)) else { continue };
            places.push(place);
            self.recorded |= sink.store(SYSTEM_SESSION, self.event().to_string());
        }
    }

    /// As an event of the log.
    fn event(&self) -> Value {
        let mut event = json!({
            "topic": if self.frozen { "loop_frozen" } else { "loop_thawed" },
            "priority": "critical",
            "timestamp": self.at,
        });
        if let Some(agent) = self.holder.as_ref().and_then(|holder| holder.get("agentId"))
            && let Some(members) = event.as_object_mut()
        {
            members.insert("agentId".into(), agent.clone());
        }
        if let Some(members) = event.as_object_mut() {
            members.insert("payload".into(), self.payload());
        }
        event
    }

    /// What listeners and the log get to know.
    #[must_use]
    pub fn payload(&self) -> Value {
        let name = if self.thread == 0 { "main".to_owned() } else { format!("worker {}", self.thread) };
        json!({
            "loop": name,
            "threadId": self.thread,
            "pid": std::process::id(),
            "frozenFor": whole_ms(self.lasted),
            "threshold": whole_ms(self.threshold),
            "holder": self.holder,
            "at": self.at,
        })
    }
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What the loop says that it is running; nothing where it says nothing that can be read.
pub fn holder_of(seen: &EventLoop) -> Option<Value> {
    let text = seen.pulse.holder()?;
    serde_json::from_str(&text).ok().filter(Value::is_object)
}
