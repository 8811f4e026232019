//! The index in memory: where each event stands, and what a replay may ask of it. The writer adds, readers look; nothing
//! that a reader has seen ever changes, but for a note of what readers found damaged.

use std::{
    collections::HashMap,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::found::Identity;

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Where its line starts in the file.
    pub offset: u64,
    /// Its number within the session.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub timestamp: f64,
    /// The bytes of its line, without the newline.
    pub length: u32,
    /// The number of its topic, see [`Topics`].
    pub topic: u32,
    /// Whether a default replay brings it.
    pub critical: bool,
}

/// What is known of the events of a file without looking at each.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// How many they are.
    pub count: u64,
    /// The number of the first, and of the last; 0 where there is none.
    pub first_seq: u64,
    pub last_seq: u64,
    /// When the first was, in milliseconds since the epoch.
    pub first_timestamp: f64,
    /// The earliest timestamp; infinity while there is none.
    pub oldest: f64,
    /// The latest one.
    pub newest: f64,
}

/// The events of one file.
#[derive(Debug)]
pub struct Entries {
    /// In the order of the file, which is that of their numbers. Empty while they are stored elsewhere.
    pub list: Vec<Entry>,
    /// What is true of them, wherever they are.
    pub summary: Summary,
    /// Where the index is as long as nobody has asked for it, and the length of the file that it is of.
    pub stored: Option<(PathBuf, u64)>,
    /// Whether the file has damaged lines that the opening found, and has to find again.
    pub flawed: bool,
    /// Whether what is here is stored as well.
    pub kept: bool,
    /// Where lines were found damaged since the index was made, neighbours joined.
    pub damaged: Vec<Range<u64>>,
}

impl Default for Entries {
    fn default() -> Self {
        let (oldest, newest) = (f64::INFINITY, f64::NEG_INFINITY);
        let summary = Summary { count: 0, first_seq: 0, last_seq: 0, first_timestamp: 0.0, oldest, newest };
        Self { list: Vec::new(), summary, stored: None, flawed: false, kept: false, damaged: Vec::new() }
    }
}

impl Entries {
    /// Adds an event at the end.
    pub fn push(&mut self, entry: Entry) {
        let summary = &mut self.summary;
        if summary.count == 0 {
            (summary.first_seq, summary.first_timestamp) = (entry.seq, entry.timestamp);
        }
        summary.count += 1;
        summary.last_seq = entry.seq;
        summary.oldest = summary.oldest.min(entry.timestamp);
        summary.newest = summary.newest.max(entry.timestamp);
        self.list.push(entry);
        self.kept = false;
    }

    /// The events have come from where they were stored.
    pub fn fill(&mut self, list: Vec<Entry>) {
        *self = Self { damaged: std::mem::take(&mut self.damaged), ..Self::default() };
        for entry in list {
            self.push(entry);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.summary.count == 0
    }

    /// Takes note of a line that is damaged; whether that is news, and no more of what was found before.
    pub fn note_damage(&mut self, line: Range<u64>) -> bool {
        // There is a newline between neighbours.
        let known = |range: &&mut Range<u64>| range.start <= line.start && line.start <= range.end + 1;
        if let Some(range) = self.damaged.iter_mut().find(known) {
            range.end = range.end.max(line.end);
            return false;
        }
        self.damaged.push(line);
        true
    }
}

/// A file of a session and what it holds.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Where it is.
    pub path: PathBuf,
    /// Where it is about to be: there it is where it is not in its place any more. See [`moving`](super::moving).
    pub going: Option<PathBuf>,
    /// Whether it is closed: nothing is added to it any more.
    pub closed: bool,
    /// Its length, as far as the index reaches.
    pub bytes: u64,
    /// Its events.
    pub entries: Arc<RwLock<Entries>>,
}

/// The topics of a session, each by a number.
#[derive(Debug, Default)]
pub struct Topics {
    numbers: HashMap<Arc<str>, u32>,
}

impl Topics {
    /// The number of a topic, a new one where it is new.
    pub fn number(&mut self, topic: &str) -> u32 {
        if let Some(number) = self.numbers.get(topic) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(topic.into(), number);
        number
    }

    /// Those that have other numbers elsewhere, in the order of these.
    pub fn renumbered(&self, numbers: &HashMap<u32, u32>) -> Vec<Arc<str>> {
        let all = self.numbers.iter().filter_map(|(topic, number)| Some((*numbers.get(number)?, Arc::clone(topic))));
        let mut all: Vec<_> = all.collect();
        all.sort();
        all.into_iter().map(|(_, topic)| topic).collect()
    }

    /// The number of a topic that the session has seen.
    pub fn find(&self, topic: &str) -> Option<u32> {
        self.numbers.get(topic).copied()
    }
}

/// One session: its files, oldest first, the one being written last.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: Arc<str>,
    /// Which file is the one being written, where another process writes it.
    pub growing: Option<Identity>,
    files: RwLock<Vec<Placed>>,
    /// The number of its newest event, for whoever may wait for nothing: the thread of JavaScript asks for it.
    newest: AtomicU64,
    topics: Arc<Mutex<Topics>>,
}

impl Session {
    /// A session without files.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            growing: None,
            files: RwLock::default(),
            newest: AtomicU64::new(0),
            topics: Arc::default(),
        }
    }

    /// The same session as another process's files have it now, without files still. What was known of it before may be in use:
    /// both have the same topics, for the events of a file that both know go by their numbers, whoever reads that file's index.
    pub fn visited(id: &str, before: Option<&Self>, growing: Option<Identity>) -> Self {
        let topics = before.map_or_else(Arc::default, |before| Arc::clone(&before.topics));
        Self { growing, topics, ..Self::new(id) }
    }

    /// Its files. Whoever holds them still touches no disk meanwhile: the writer waits for it, and with it all sessions.
    pub fn files(&self) -> RwLockReadGuard<'_, Vec<Placed>> {
        read(&self.files)
    }

    /// Changes what readers see of its files, or of the events in them; touches no disk meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Placed>) -> T) -> T {
        let mut files = write(&self.files);
        let outcome = change(&mut files);
        let last = |file: &Placed| Some(read(&file.entries).summary.last_seq).filter(|seq| *seq > 0);
        let newest = files.iter().rev().find_map(last).unwrap_or(0);
        // With the files held still: whoever sees the number finds the event. In one order with the count of those who wait, see
        // `Bell::wait`.
        self.newest.store(newest, Ordering::SeqCst);
        outcome
    }

    /// The number of its newest event; 0 where it has none. Waits for nobody.
    pub fn last_seq(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// Whether it has an event: there may be a file of it whose only line was never finished.
    pub fn has_events(&self) -> bool {
        self.files().iter().any(|file| !read(&file.entries).is_empty())
    }

    /// Its topics.
    pub fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads under a lock. A thread that panicked with the lock held has left a list whose events are all whole: each is
/// added in one step.
pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Writes under a lock; see [`read`].
pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
