//! A replay: fixed when it starts, pulled piece by piece. From the index to the bytes to one JSON array.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use super::{
    archive, checkpoint, files,
    index::{Entries, Entry, Placed, Session, Summary, Topics, read, write},
    names,
    opening::index,
    record,
    recovery::recover,
    view::View,
};
use crate::error::{Error, Result};

/// As many events as one piece has at the most.
const PIECE_EVENTS: usize = 512;
/// As many bytes as one piece has, unless its first event alone has more.
const PIECE_BYTES: u64 = 128 * 1024;
/// Lines that do not match, up to this many bytes, are read along rather than skipped by another read.
const READ_ALONG: u64 = 4096;

/// Which events a replay brings.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// Not earlier than this, in milliseconds since the epoch.
    pub since: Option<f64>,
    /// Not later than this.
    pub until: Option<f64>,
    /// Only numbers greater than this.
    pub after_seq: Option<f64>,
    /// Only critical ones.
    pub critical_only: bool,
    /// Only these topics, by their [`topic_key`](super::topic_key).
    pub topics: Option<Vec<String>>,
    /// The newest so many of those.
    pub last: Option<usize>,
    /// The oldest so many of what is left.
    pub limit: Option<usize>,
    /// Those in the archive, too.
    pub archived: bool,
}

/// A replay under way.
#[derive(Debug)]
pub struct Cursor {
    source: Option<(View, String)>,
    filter: ReplayFilter,
    parts: VecDeque<Part>,
    remaining: usize,
}

/// One file of the replay: as much of it as there was at the start.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    entries: Arc<RwLock<Entries>>,
    session: Arc<Session>,
    topics: Wanted,
    next: usize,
    end: usize,
}

impl Part {
    /// A file with the number of its first event; `None` where it has none.
    fn of(file: File, path: PathBuf, entries: Arc<RwLock<Entries>>, session: Arc<Session>) -> Option<(u64, Self)> {
        let summary = read(&entries).summary;
        let part = Self { file, path, entries, session, topics: None, next: 0, end: 0 };
        (summary.count > 0).then_some((summary.first_seq, part))
    }
}

/// The numbers of the topics that are wanted; `None`: of all.
type Wanted = Option<Arc<HashSet<u32>>>;

/// As often a replay begins anew when the owner of the files moves them while they are being opened.
const TRIES: usize = 100;

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
                self.hold_archived(view.archive(), id, &mut held)?;
            }
            let mut wanted = self.filter.last.unwrap_or(usize::MAX);
            for (_, part) in held.into_iter().rev() {
                self.add(part, &mut wanted)?;
            }
            return Ok(());
        }
        let cause = std::io::Error::other("its owner moves its files faster than they can be opened");
        Err(Error::io(format!("replaying session {id:?}"), &cause))
    }

    /// Takes hold of the files as they are now: what is moved, deleted or added later changes nothing. Each comes with the
    /// number of its first event; `None` where one is no longer there. Closed ones in which nothing is wanted stay closed:
    /// a tail would open all of them for each event.
    fn hold(&self, view: &View, session: &Arc<Session>) -> Result<Option<Vec<(u64, Part)>>> {
        let guard = session.files();
        let files = guard.clone();
        // What this process writes stays where it is as long as it is looked at; on others that has no effect.
        let _guard = matches!(view, View::Owned(..)).then_some(guard);
        let mut held = Vec::with_capacity(files.len());
        for placed @ Placed { path, entries, closed, .. } in &files {
            if *closed && self.excludes(&read(entries).summary) {
                continue;
            }
            let Some(file) = files::open_found(path)? else {
                if matches!(view, View::Visited(_)) {
                    return Ok(None);
                }
                report_removed(view, placed)?;
                continue;
            };
            if !closed && !view.is_growing(session, &file) {
                return Ok(None);
            }
            held.extend(Part::of(file, path.clone(), Arc::clone(entries), Arc::clone(session)));
        }
        Ok(Some(held))
    }

    /// Takes hold of archived files as well. Nobody writes to them; they are read to be indexed.
    fn hold_archived(&self, archive: &Path, id: &str, held: &mut Vec<(u64, Part)>) -> Result<()> {
        let mut known: HashSet<u64> = held.iter().map(|(first_seq, _)| *first_seq).collect();
        let session = Arc::new(Session::new(id));
        for path in archive::files_of(archive, &names::stem_of(id), self.filter.after_seq)? {
            let (Some(file), Some(bytes)) = (files::open_found(&path)?, files::read_all(&path)?) else { continue };
            let entries = index(&recover(&bytes, Some(id), None).found, &mut session.topics());
            let part = Part::of(file, path, Arc::new(RwLock::new(entries)), Arc::clone(&session));
            // One that was being moved when its owner was killed is there twice.
            held.extend(part.filter(|(first_seq, _)| known.insert(*first_seq)));
        }
        held.sort_by_key(|(first_seq, _)| *first_seq);
        Ok(())
    }

    fn wanted_topics(&self, known: &Topics) -> Wanted {
        let wanted = self.filter.topics.as_ref()?;
        Some(Arc::new(wanted.iter().filter_map(|topic| known.find(topic)).collect()))
    }

    /// Adds a file before the others, as far as the replay covers it. Its index is asked for only where it may.
    fn add(&mut self, mut part: Part, wanted: &mut usize) -> Result<()> {
        if *wanted == 0 || self.excludes(&read(&part.entries).summary) {
            return Ok(());
        }
        checkpoint::load(&part.entries, &part.session, &part.file)?;
        part.topics = self.wanted_topics(&part.session.topics());
        let (start, end) = self.span(&read(&part.entries), &part.topics, wanted);
        if start < end {
            (part.next, part.end) = (start, end);
            self.parts.push_front(part);
        }
        Ok(())
    }

    /// Whether no event of a file can match.
    fn excludes(&self, file: &Summary) -> bool {
        self.filter.since.is_some_and(|since| file.newest < since)
            || self.filter.until.is_some_and(|until| file.oldest > until)
            || self.filter.after_seq.is_some_and(|after| number(file.last_seq) <= after)
    }

    /// The part of a file that the replay covers: all that the numbers leave, and of that, where only the newest matches
    /// are wanted, what reaches back to the first of them. What is not found here stays wanted.
    fn span(&self, entries: &Entries, topics: &Wanted, wanted: &mut usize) -> (usize, usize) {
        let list = &entries.list;
        let after = self.filter.after_seq.unwrap_or(f64::NEG_INFINITY);
        let from = list.partition_point(|entry| number(entry.seq) <= after);
        if self.filter.last.is_none() {
            return (from, list.len());
        }
        let mut start = list.len();
        for (at, entry) in list.iter().enumerate().skip(from).rev() {
            if self.matches(entry, topics) {
                start = at;
                *wanted -= 1;
            }
            if *wanted == 0 {
                break;
            }
        }
        (start, list.len())
    }

    fn matches(&self, entry: &Entry, topics: &Wanted) -> bool {
        let filter = &self.filter;
        (entry.critical || !filter.critical_only)
            && filter.since.is_none_or(|since| entry.timestamp >= since)
            && filter.until.is_none_or(|until| entry.timestamp <= until)
            && topics.as_ref().is_none_or(|topics| topics.contains(&entry.topic))
    }

    /// The matches of the next piece.
    fn choose(&self, part: &mut Part) -> Vec<Entry> {
        let entries = read(&part.entries);
        let mut chosen: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        while part.next < part.end && chosen.len() < PIECE_EVENTS.min(self.remaining) {
            let Some(entry) = entries.list.get(part.next) else { break };
            if self.matches(entry, &part.topics) {
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

/// A number as JavaScript has it. Ours stay below 2^53 until the year 2255.
#[allow(clippy::cast_precision_loss)]
fn number(seq: u64) -> f64 {
    seq as f64
}

/// The events of a piece as a JSON array, and how many they are. A line that was damaged since the index was made is
/// left out: it costs itself, like one that the opening found.
fn read_piece(part: &Part, piece: &[Entry]) -> Result<(String, usize)> {
    let mut text = String::with_capacity(piece.iter().map(|entry| entry.length as usize + 1).sum::<usize>() + 2);
    let mut events = 0;
    text.push('[');
    for run in piece.chunk_by(|one, two| two.offset.saturating_sub(end_of(one)) <= READ_ALONG) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let size = usize::try_from(end_of(last) - first.offset).unwrap_or(usize::MAX);
        let mut buffer = vec![0_u8; size];
        let there = files::read_at(&part.file, &mut buffer, first.offset)
            .map_err(|cause| Error::io(format!("reading {}", part.path.display()), &cause))?;
        buffer.truncate(there);
        for entry in run {
            let start = usize::try_from(entry.offset - first.offset).unwrap_or(usize::MAX);
            let line = buffer.get(start..start.saturating_add(entry.length as usize)).unwrap_or_default();
            match push_event(&mut text, line) {
                Some(()) => events += 1,
                None => report(part, entry),
            }
        }
    }
    text.push(']');
    Ok((text, events))
}

/// Takes note of a file of this process's log that is not there: nobody of ours has moved it, unless the log is no longer
/// ours. It costs itself, like a damaged line. Where all are gone with their directory, that may be on a disk which is not there just now.
fn report_removed(view: &View, placed: &Placed) -> Result<()> {
    let (file, active) = (placed.path.display(), &view.layout().active);
    if view.is_lost() {
        return Err(view.layout().lost());
    }
    if !active.is_dir() {
        let cause = std::io::Error::other("somebody else has removed its directory");
        return Err(Error::io(format!("opening {file}"), &cause));
    }
    if write(&placed.entries).note_damage(0..placed.bytes) {
        tracing::error!(target: "smalltalk::event_log", %file, "skipped a file that somebody else has removed");
    }
    Ok(())
}

/// Takes note of a damaged line, for the statistics. Said once for each, and once for neighbours.
fn report(part: &Part, entry: &Entry) {
    if write(&part.entries).note_damage(entry.offset..end_of(entry)) {
        let (file, offset, seq) = (part.path.display(), entry.offset, entry.seq);
        tracing::warn!(target: "smalltalk::event_log", %file, offset, seq, "skipped a line that was damaged while the log was open");
    }
}

/// Adds the event of a line, which is the line without its checksum.
fn push_event(text: &mut String, line: &[u8]) -> Option<()> {
    let event = std::str::from_utf8(record::sealed(line)?).ok()?;
    if text.len() > 1 {
        text.push(',');
    }
    text.push_str(event);
    text.push('}');
    Some(())
}

fn end_of(entry: &Entry) -> u64 {
    entry.offset + u64::from(entry.length)
}
