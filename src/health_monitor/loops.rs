//! The event loops of the process, as the watching thread sees them; and what is told of them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::Value;

use super::gauge::{Change, Sight};
use crate::event_sink::EventSink;

/// The session of the log for what concerns the process as a whole.
const SYSTEM_SESSION: &str = "_system";

/// How one loop can be seen from another thread.
pub trait Pulse: Send + Sync {
    /// A look at it; `None` once it is gone.
    fn look(&self) -> Option<Sight>;

    /// What it is running synchronously right now, as far as it says so.
    fn holder(&self) -> Option<Label>;
}

/// What a loop says that it is running: a JSON object with `agentId`, `event` and `listeners`, and which of the listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The object, as text.
    pub text: String,
    /// The place among its listeners.
    pub listener: usize,
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
    /// It thawed by coming to its end.
    pub ended: bool,
    /// For how long it has been frozen.
    pub lasted: Duration,
    /// The threshold it went past.
    pub threshold: Duration,
    /// What it was running synchronously when it froze.
    pub holder: Option<Value>,
    /// When that was, in milliseconds since the epoch.
    pub at: u64,
}

impl LoopNews {
    /// News of a loop, as of now.
    #[must_use]
    pub fn of(seen: &EventLoop, change: Change, threshold: Duration, holder: Option<Value>) -> Self {
        let (frozen, ended, lasted) = match change {
            Change::Froze(lasted) => (true, false, lasted),
            Change::Thawed(lasted) => (false, false, lasted),
            Change::Ended(lasted) => (false, true, lasted),
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { thread: seen.thread, frozen, ended, lasted, threshold, holder, at: whole_ms(since_epoch) }
    }

    /// Puts it into logs: once into each, however many ways lead there. Gives how many took it; for each of them `done` is
    /// called when it is on the disk, or cannot be brought there.
    pub fn record(&self, sinks: &[Arc<dyn EventSink>], done: &Arc<dyn Fn() + Send + Sync>) -> usize {
        let mut places: Vec<usize> = Vec::new();
        let mut taken = 0;
        for sink in sinks {
            let Some(place) = sink.place().filter(|place| !places.contains(place)) else { continue };
            places.push(place);
            let done = Arc::clone(done);
            taken += usize::from(sink.store(SYSTEM_SESSION, self.event(), Box::new(move || done())));
        }
        taken
    }

    /// As an event of the log: lines begin with topic, priority and timestamp.
    fn event(&self) -> String {
        let topic = if self.frozen { "loop_frozen" } else { "loop_thawed" };
        let agent = self.holder.as_ref().and_then(|holder| holder.get("agentId"));
        let agent = agent.map_or_else(String::new, |id| format!(r#""agentId":{id},"#));
        let payload = serde_json::to_string(&self.payload()).unwrap_or_else(|_| "null".into());
        format!(r#"{{"topic":"{topic}","priority":"critical","timestamp":{},{agent}"payload":{payload}}}"#, self.at)
    }

    /// What listeners and the log get to know.
    #[must_use]
    pub fn payload(&self) -> LoopInfo<'_> {
        LoopInfo {
            name: if self.thread == 0 { "main".into() } else { format!("worker {}", self.thread) },
            thread_id: self.thread,
            pid: std::process::id(),
            frozen_for: whole_ms(self.lasted),
            threshold: whole_ms(self.threshold),
            holder: self.holder.as_ref(),
            at: self.at,
        }
    }
}

/// News of a loop as JavaScript knows them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopInfo<'a> {
    /// `main`, or `worker` and the id of its thread.
    #[serde(rename = "loop")]
    name: String,
    thread_id: u32,
    pid: u32,
    /// In milliseconds, like the threshold.
    frozen_for: u64,
    threshold: u64,
    holder: Option<&'a Value>,
    at: u64,
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What the loop says that it is running; nothing where it says nothing that can be read.
pub fn holder_of(seen: &EventLoop) -> Option<Value> {
    let Label { text, listener } = seen.pulse.holder()?;
    let mut holder: Value = serde_json::from_str(&text).ok()?;
    let members = holder.as_object_mut()?;
    if let Some(Value::Array(names)) = members.remove("listeners")
        && let Some(name) = names.into_iter().nth(listener)
    {
        members.insert("listener".into(), name);
    }
    Some(holder)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use serde_json::json;

    use super::*;
    use crate::event_sink::Done;

    struct Says(Option<Label>);

    impl Pulse for Says {
        fn look(&self) -> Option<Sight> {
            None
        }

        fn holder(&self) -> Option<Label> {
            self.0.clone()
        }
    }

    fn says(text: &str, listener: usize) -> Option<Value> {
        let pulse = Box::new(Says(Some(Label { text: text.into(), listener })));
        holder_of(&EventLoop { thread: 3, pulse })
    }

    #[test]
    fn a_holder_is_named_as_far_as_it_says() {
        let text = r#"{"agentId":"ada","event":"task","listeners":["first","second"]}"#;
        assert_eq!(says(text, 1), Some(json!({ "agentId": "ada", "event": "task", "listener": "second" })));
        assert_eq!(says(text, 9), Some(json!({ "agentId": "ada", "event": "task" })));
        assert_eq!(says("{}", 0), Some(json!({})));
        assert_eq!(says("torn", 0), None);
        assert_eq!(holder_of(&EventLoop { thread: 3, pulse: Box::new(Says(None)) }), None);
    }

    struct Sink(Option<usize>, Arc<Mutex<Vec<(String, Value)>>>);

    impl EventSink for Sink {
        fn place(&self) -> Option<usize> {
            self.0
        }

        fn store(&self, session: &str, body: String, done: Done) -> bool {
            assert!(body.starts_with(r#"{"topic":"loop_frozen","priority":"critical","timestamp":"#), "{body}");
            self.1.lock().unwrap().push((session.into(), serde_json::from_str(&body).unwrap()));
            done();
            true
        }
    }

    #[test]
    fn a_freeze_is_recorded_once_in_each_log_that_is_open() {
        let stored = Arc::new(Mutex::new(Vec::new()));
        let sink = |place| Arc::new(Sink(place, Arc::clone(&stored))) as Arc<dyn EventSink>;
        let seen = EventLoop { thread: 3, pulse: Box::new(Says(None)) };
        let second = Duration::from_secs(1);
        let news = LoopNews::of(&seen, Change::Froze(second), second, Some(json!({ "agentId": "ada" })));
        let synced = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&synced);
        let done: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(news.record(&[], &done) + news.record(&[sink(None)], &done), 0);
        assert_eq!(news.record(&[sink(Some(1)), sink(Some(1)), sink(None), sink(Some(2))], &done), 2);
        assert_eq!(synced.load(Ordering::Relaxed), 2);
        let stored = stored.lock().unwrap();
        assert_eq!(stored.len(), 2);
        let (session, event) = &stored[0];
        assert_eq!(session, "_system");
        assert_eq!((&event["topic"], &event["priority"]), (&json!("loop_frozen"), &json!("critical")));
        assert_eq!((&event["agentId"], &event["payload"]["loop"]), (&json!("ada"), &json!("worker 3")));
        assert_eq!(event["payload"]["frozenFor"], json!(1000));
    }
}
