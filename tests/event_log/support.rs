//! A log in a directory of its own, and answers waited for.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use smalltalk_native::{
    Result,
    event_log::{EventLog, LogOptions, Receipt, ReplayFilter, Statistics},
    reply::Reply,
};
use tempfile::TempDir;

pub const SESSION: &str = "s";

pub struct Place {
    _directory: TempDir,
    pub root: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let root = directory.path().join("events");
        Self { _directory: directory, root }
    }

    pub fn options(&self) -> LogOptions {
        LogOptions::new(&self.root)
    }

    pub fn open(&self) -> EventLog {
        EventLog::open(self.options()).unwrap()
    }

    pub fn active(&self) -> PathBuf {
        self.root.join("active")
    }

    /// The file that session `s` is written to.
    pub fn file(&self) -> PathBuf {
        self.active().join("s.jsonl")
    }

    /// Makes the last close look as if it had not happened.
    pub fn forget_the_close(&self) {
        fs::remove_file(self.root.join("closed.json")).unwrap();
    }

    /// A directory with the same files that was closed in order.
    pub fn copy_of(&self, bytes: &[u8]) -> Self {
        let copy = Self::new();
        fs::create_dir_all(copy.active()).unwrap();
        for name in ["lock", "closed.json"] {
            fs::copy(self.root.join(name), copy.root.join(name)).unwrap();
        }
        fs::write(copy.file(), bytes).unwrap();
        copy
    }
}

/// Waits for one answer.
pub fn wait<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T> {
    let (reply, answer) = Reply::channel();
    ask(reply);
    answer.recv().unwrap()
}

pub fn now_ms() -> f64 {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0).floor()
}

pub fn now_micros() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

pub fn body(topic: &str, priority: &str, timestamp: f64, payload: &str) -> String {
    format!(r#"{{"topic":"{topic}","priority":"{priority}","timestamp":{timestamp},"payload":{payload}}}"#)
}

pub fn append_body(log: &EventLog, session: &str, body: String) -> Result<Receipt> {
    wait(|reply| log.append(session.into(), body, None, None, reply))
}

/// Appends a normal event of now, whose payload is a number.
pub fn append(log: &EventLog, session: &str, payload: u64) -> Receipt {
    append_body(log, session, body("t", "normal", now_ms(), &payload.to_string())).unwrap()
}

pub fn close(log: &EventLog) {
    wait(|reply| log.close(reply)).unwrap();
}

pub fn statistics(log: &EventLog) -> Statistics {
    wait(|reply| log.statistics(reply)).unwrap()
}

/// A whole replay.
pub fn replay(log: &EventLog, session: &str, filter: ReplayFilter) -> Vec<serde_json::Value> {
    let replay = log.replay(session.into(), filter).unwrap();
    let mut events = Vec::new();
    while let Some(piece) = wait(|reply| replay.pull(reply)).unwrap() {
        events.extend(serde_json::from_str::<Vec<serde_json::Value>>(&piece).unwrap());
    }
    events
}

pub fn all(log: &EventLog, session: &str) -> Vec<serde_json::Value> {
    replay(log, session, ReplayFilter::default())
}

pub fn seqs(events: &[serde_json::Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

pub fn payloads(events: &[serde_json::Value]) -> Vec<u64> {
    events.iter().map(|event| event["payload"].as_u64().unwrap()).collect()
}

/// The names in a directory, sorted; none where it is not there.
pub fn names(directory: &Path) -> Vec<String> {
    let Ok(items) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
