//! A replay: fixed when it starts, pulled piece by piece. From the index to the bytes to one JSON array.

mod filter;
mod holding;
mod piece;

use std::{
    collections::VecDeque,
    fs::File,
    path::PathBuf,
    sync::{Arc, RwLock},
};

pub use self::filter::ReplayFilter;
use self::{filter::Wanted, piece::read_piece};
use super::{
    checkpoint,
    index::{Entries, Entry, Session, read},
    view::View,
};
use crate::error::{Error, Result};

/// As many events as one piece has at the most.
const PIECE_EVENTS: usize = 512;
/// As many bytes as one piece has, unless its first event alone has more.
const PIECE_BYTES: u64 = 128 * 1024;
/// As often a replay begins anew when the owner of the files moves them while they are being opened.
const TRIES: usize = 100;

/// A replay under way.
#[derive(Debug)]
pub struct Cursor {
    source: Option<(View, String)>,
    filter: ReplayFilter,
    parts: VecDeque<Part>,
    remaining: usize,
}

/// One file of the replay: as much of it as there was at the start.
#[derive(Debug, Clone)]
struct Part {
    file: Arc<File>,
    path: PathBuf,
    entries: Arc<RwLock<Entries>>,
    session: Arc<Session>,
    topics: Wanted,
    next: usize,
    end: usize,
}

impl Part {
    /// A whole file; `None` where it has no event.
    fn of(file: File, path: PathBuf, entries: Arc<RwLock<Entries>>, session: Arc<Session>) -> Option<Self> {
        let is_empty = read(&entries).is_empty();
        let part = Self { file: file.into(), path, entries, session, topics: None, next: 0, end: usize::MAX };
        (!is_empty).then_some(part)
    }

    /// The numbers of its first event and of its last one.
    fn seqs(&self) -> (u64, u64) {
        let summary = read(&self.entries).summary;
        (summary.first_seq, summary.last_seq)
    }

    /// Some of its events.
    fn cut(&self, start: usize, end: usize) -> Self {
        Self { next: start, end, ..self.clone() }
    }
}

impl Cursor {
    /// A replay of a session. It is fixed by the first [`Cursor::pull`].
    pub fn new(view: View, session: String, filter: ReplayFilter) -> Self {
        let remaining = filter.limit.unwrap_or(usize::MAX);
        Self { source: Some((view, session)), remaining, parts: VecDeque::new(), filter }
    }

    /// The next piece, as a JSON array of events; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn pull(&mut self) -> Result<Option<String>> {
        if let Some((view, id)) = self.source.take() {
            self.begin(&view, &id)?;
        }
        while self.remaining > 0 {
            let Some(mut part) = self.parts.pop_front() else { return Ok(None) };
            let piece = self.choose(&mut part);
            let (text, events) = read_piece(&part, &piece)?;
            if part.next < part.end {
                self.parts.push_front(part);
            }
            if events > 0 {
                self.remaining = self.remaining.saturating_sub(events);
                return Ok(Some(text));
            }
        }
        self.release();
        Ok(None)
    }

    /// Lets go of the files.
    pub fn release(&mut self) {
        self.source = None;
        self.parts.clear();
        self.remaining = 0;
    }

    fn begin(&mut self, view: &View, id: &str) -> Result<()> {
        for _ in 0..TRIES {
            let session = view.session(id)?;
            let held = session.map_or(Ok(Some(Vec::new())), |session| self.hold(view, &session))?;
            let Some(mut held) = held else {
                view.forget(id);
                continue;
            };
            if self.filter.archived {
                // After the others: what is archived meanwhile is held already.
                held = self.hold_archived(view.archive(), id, held)?;
            }
            let mut wanted = self.filter.last.unwrap_or(usize::MAX);
            for part in held.into_iter().rev() {
                self.add(part, &mut wanted)?;
            }
            return Ok(());
        }
        let cause = std::io::Error::other("its owner moves its files faster than they can be opened");
        Err(Error::io(format!("replaying session {id:?}"), &cause))
    }

    /// Adds a file before the others, as far as the replay covers it. Its index is asked for only where it may.
    fn add(&mut self, mut part: Part, wanted: &mut usize) -> Result<()> {
        if *wanted == 0 || self.filter.excludes(&read(&part.entries).summary) {
            return Ok(());
        }
        checkpoint::load(&part.entries, &part.session, &part.file)?;
        // First where it ends: a topic has its number before the first event of it can be seen. One that is new since would be
        // passed over, and whoever goes on behind a later event never gets it.
        part.end = part.end.min(read(&part.entries).list.len());
        part.topics = self.filter.wanted_topics(&part.session.topics());
        #[cfg(test)]
        if let Some(work) = MEANWHILE.take() {
            work();
        }
        let (start, end) = self.filter.span(&read(&part.entries), part.next..part.end, &part.topics, wanted);
        if start < end {
            (part.next, part.end) = (start, end);
            self.parts.push_front(part);
        }
        Ok(())
    }

    /// The matches of the next piece.
    fn choose(&self, part: &mut Part) -> Vec<Entry> {
        let entries = read(&part.entries);
        let mut chosen: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        while part.next < part.end && chosen.len() < PIECE_EVENTS.min(self.remaining) {
            let Some(entry) = entries.list.get(part.next) else { break };
            if self.filter.matches(entry, &part.topics) {
                bytes += u64::from(entry.length);
                if bytes > PIECE_BYTES && !chosen.is_empty() {
                    break;
                }
                chosen.push(*entry);
            }
            part.next += 1;
        }
        chosen
    }
}

#[cfg(test)]
thread_local! {
    /// What somebody else does once while a replay begins, after it has looked up the numbers of its topics.
    static MEANWHILE: std::cell::Cell<Option<Box<dyn FnOnce()>>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
mod tests;
