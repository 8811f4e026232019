//! A replay: fixed when it starts, pulled piece by piece. From the index to the bytes to one JSON array.

mod filter;
mod holding;
mod lending;
mod part;
mod piece;
mod reaching;

use std::collections::VecDeque;

pub use self::filter::ReplayFilter;
#[cfg(test)]
pub use self::lending::MOST_LENT;
use self::{
    holding::Archived,
    part::{Part, There},
    piece::read_piece,
};
use super::{
    index::{Entry, read},
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
    view: View,
    session: String,
    filter: ReplayFilter,
    stage: Stage,
    parts: VecDeque<Part>,
    remaining: usize,
}

/// How far it has come before its first piece.
#[derive(Debug)]
enum Stage {
    /// Nothing is known of its files.
    New,
    /// Archived ones are being read.
    Archive(Archived),
    /// All are known.
    Ready,
}

impl Cursor {
    /// A replay of a session. It is fixed by the first [`Cursor::pull`].
    pub fn new(view: View, session: String, filter: ReplayFilter) -> Self {
        let remaining = filter.limit.unwrap_or(usize::MAX);
        Self { view, session, remaining, stage: Stage::New, parts: VecDeque::new(), filter }
    }

    /// Does a part of what comes before the first piece; whether that is all. Archived files are read for it, one at a time, and
    /// others may be served in between.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn prepare(&mut self) -> Result<bool> {
        match std::mem::replace(&mut self.stage, Stage::Ready) {
            Stage::Ready => {}
            Stage::New => self.begin()?,
            Stage::Archive(mut archived) => {
                if archived.read_next()? {
                    self.stage = Stage::Archive(archived);
                } else {
                    let parts = archived.into_parts(self.view.archive())?;
                    if self.place(parts)? {
                        self.let_go();
                    } else {
                        self.stage = Stage::New;
                    }
                }
            }
        }
        Ok(matches!(self.stage, Stage::Ready))
    }

    /// The next piece, as a JSON array of events; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn pull(&mut self) -> Result<Option<String>> {
        while !self.prepare()? {}
        while self.remaining > 0 {
            let Some(mut part) = self.parts.pop_front() else { break };
            let piece = self.choose(&mut part);
            let mut found = (String::new(), 0);
            if !piece.is_empty() {
                let Some(held) = part.reach(&self.view)? else { continue };
                found = read_piece(&part, &held.file, &piece)?;
                part.held = Some(held).filter(|held| held.slot.is_some());
            }
            if part.next < part.end {
                self.parts.push_front(part);
            }
            let (text, events) = found;
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
        self.stage = Stage::Ready;
        self.parts.clear();
        self.remaining = 0;
    }

    fn begin(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            self.parts.clear();
            let session = self.view.session(&self.session)?;
            let mut parts = session.map_or_else(Vec::new, |session| self.list(&session));
            if self.filter.archived {
                if self.hold(&mut parts)? {
                    // After the others: what is archived meanwhile is held already, or known.
                    self.stage = Stage::Archive(self.list_archived(self.view.archive(), &self.session, parts)?);
                    return Ok(());
                }
            } else if self.place(parts)? {
                let needed = self.needed();
                let mut parts = std::mem::take(&mut self.parts);
                let is_held = self.hold(parts.make_contiguous().get_mut(..needed).unwrap_or_default())?;
                self.parts = parts;
                if is_held {
                    return Ok(());
                }
            }
            self.view.forget(&self.session);
        }
        let cause = std::io::Error::other("its owner moves its files faster than they can be opened");
        Err(Error::io(format!("replaying session {:?}", self.session), &cause))
    }

    /// Adds files as far as the replay covers them; `false` where one is no longer where it was.
    fn place(&mut self, parts: Vec<Part>) -> Result<bool> {
        let mut wanted = self.filter.last.unwrap_or(usize::MAX);
        for part in parts.into_iter().rev() {
            if !self.add(part, &mut wanted)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds a file before the others, as far as the replay covers it. Its index is asked for only where it may.
    fn add(&mut self, mut part: Part, wanted: &mut usize) -> Result<bool> {
        if *wanted == 0 || self.filter.excludes(&read(&part.placed.entries).summary) {
            return Ok(true);
        }
        if part.is_stored() {
            match part.take_hold(&self.view, None)? {
                There::Yes => {}
                There::Moved => return Ok(false),
                There::No => return Ok(true),
            }
        }
        // First where it ends: a topic has its number before the first event of it can be seen. One that is new since would be
        // passed over, and whoever goes on behind a later event never gets it.
        part.end = part.end.min(read(&part.placed.entries).list.len());
        part.topics = self.filter.wanted_topics(&part.session.topics());
        #[cfg(test)]
        if let Some(work) = MEANWHILE.take() {
            work();
        }
        let (start, end) = self.filter.span(&read(&part.placed.entries), part.next..part.end, &part.topics, wanted);
        if start < end {
            (part.next, part.end) = (start, end);
            self.parts.push_front(part);
        }
        Ok(true)
    }

    /// The matches of the next piece.
    fn choose(&self, part: &mut Part) -> Vec<Entry> {
        let entries = read(&part.placed.entries);
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
