//! The index of a file, kept beside it, so that a large log is open at once: opening looks at its head only, and the rest is
//! read when somebody asks for events of that file. It repeats what the file says and is trusted only where it fits it: one
//! that is missing, damaged, or of another state of the file is made anew from the file.
//!
//! All numbers are little-endian: the head, its checksum, a JSON array of its topics, 32 bytes for each event, and a checksum
//! of these.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    path::{Path, PathBuf},
    sync::RwLock,
    time::UNIX_EPOCH,
};

use super::{
    directory::Layout,
    files,
    index::{Entries, Entry, Session, Summary, read, write},
    opening::index,
    record,
    recovery::recover,
};
use crate::error::{Error, Result};

const MAGIC: u64 = u64::from_le_bytes(*b"stlogix1");
/// The index of a smaller file is not kept: the file itself is read as fast.
pub const WORTH_IT: u64 = 256 * 1024;
const HEAD_WORDS: usize = 11;
const HEAD: usize = HEAD_WORDS * 8 + 4;
const EVENT: usize = 32;
const CRITICAL: u32 = 1 << 31;

/// Where the index of a file is.
fn path_of(layout: &Layout, name: &str) -> PathBuf {
    layout.index.join(format!("{name}.index"))
}

/// What identifies the state of a file: its length, and when it was written last.
fn state_of(found: &Metadata) -> Option<(u64, u64)> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((found.len(), u64::try_from(since.as_nanos()).ok()?))
}

/// Keeps the index of a file that is whole. Where that fails the log is none the worse: the next opening reads the file.
pub fn keep(layout: &Layout, file: &Path, session: &Session, entries: &RwLock<Entries>) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if let Err(error) = try_keep(layout, &name, file, session, entries) {
        tracing::warn!(target: "smalltalk::event_log", %error, file = &*name, "could not keep the index of a file");
    }
}

fn try_keep(layout: &Layout, name: &str, file: &Path, session: &Session, held: &RwLock<Entries>) -> Result<()> {
    // Before the events are held still: others wait for them.
    let Some(found) = files::look_at_times(file)? else { return Ok(()) };
    let Some((length, written)) = state_of(&found) else { return Ok(()) };
    let entries = read(held);
    if entries.stored.is_some()
        || entries.kept
        || entries.flawed
        || entries.list.is_empty()
        || !entries.damaged.is_empty()
    {
        return Ok(());
    }
    let numbers = numbers_of(&entries.list);
    let topics = session.topics().renumbered(&numbers);
    let topics = serde_json::to_vec(&topics.iter().map(|topic| &**topic).collect::<Vec<_>>()).unwrap_or_default();
    let Summary { count, first_seq, last_seq, first_timestamp, oldest, newest } = entries.summary;
    let (last_offset, last_length) = entries.list.last().map_or((0, 0), |last| (last.offset, u64::from(last.length)));
    let times = [first_timestamp, oldest, newest].map(f64::to_bits);
    let words = [MAGIC, length, written, count, first_seq, last_seq, times[0], times[1], times[2]];
    let place = [last_offset, last_length | ((topics.len() as u64) << 32)];
    let mut bytes = Vec::with_capacity(HEAD + topics.len() + entries.list.len() * EVENT + 4);
    for word in words.into_iter().chain(place) {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(&topics);
    for Entry { offset, seq, timestamp, length, topic, critical } in &entries.list {
        for word in [*offset, *seq, timestamp.to_bits()] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let topic = numbers.get(topic).copied().unwrap_or_default();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(topic | if *critical { CRITICAL } else { 0 }).to_le_bytes());
    }
    drop(entries);
    let body = crc32c::crc32c(bytes.get(HEAD..).unwrap_or_default());
    bytes.extend_from_slice(&body.to_le_bytes());
    files::create_unsynced(&layout.index)?;
    files::replace_unsynced(&path_of(layout, name), &bytes)?;
    write(held).kept = true;
    Ok(())
}

/// The numbers that topics have in the index of a file, by those that they have in its session: without those of other files
/// every index would have all topics that the session ever had.
fn numbers_of(list: &[Entry]) -> HashMap<u32, u32> {
    let mut numbers = HashMap::new();
    for entry in list {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbers.entry(entry.topic).or_insert(next);
    }
    numbers
}

/// What the index of a file says of it; `None` where there is none that fits.
pub fn look(layout: &Layout, name: &str, file: &Path) -> Option<Entries> {
    let path = path_of(layout, name);
    let index = File::open(&path).ok()?;
    let mut head = [0; HEAD];
    if files::read_at(&index, &mut head, 0).ok()? != HEAD {
        return None;
    }
    let words = head_words(&head)?;
    let [magic, length, written, count, first_seq, last_seq, first, oldest, newest, last_offset, sizes] = words;
    let file = File::open(file).ok()?;
    if magic != MAGIC || state_of(&file.metadata().ok()?)? != (length, written) {
        return None;
    }
    // The end of the file is what the index was made of.
    let last_length = usize::try_from(sizes & u64::from(u32::MAX)).ok()?;
    let mut line = vec![0; last_length + 1];
    files::read_at(&file, &mut line, last_offset).ok()?;
    let ends = line.pop() == Some(b'\n') && last_offset + last_length as u64 + 1 == length;
    if !ends || record::read_line(&line)?.seq != last_seq {
        return None;
    }
    let [first_timestamp, oldest, newest] = [first, oldest, newest].map(f64::from_bits);
    let summary = Summary { count, first_seq, last_seq, first_timestamp, oldest, newest };
    Some(Entries { summary, stored: Some((path, length)), ..Entries::default() })
}

fn head_words(head: &[u8]) -> Option<[u64; HEAD_WORDS]> {
    let (covered, crc) = head.split_at_checked(HEAD_WORDS * 8)?;
    if crc32c::crc32c(covered).to_le_bytes() != *crc {
        return None;
    }
    let mut words = [0; HEAD_WORDS];
    for (word, bytes) in words.iter_mut().zip(covered.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Some(words)
}

/// Makes sure that the events of a file are at hand; `file` is open, whatever its name is by now. They are read before anybody
/// is kept from looking: the disk may not answer, and the writer would wait with all its sessions. Two may read at once.
pub fn load(entries: &RwLock<Entries>, session: &Session, file: &File) -> Result<()> {
    let (stored, count) = {
        let entries = read(entries);
        (entries.stored.clone(), entries.summary.count)
    };
    let Some((path, length)) = stored else { return Ok(()) };
    let stored = stored_list(&path, session, count);
    let kept = stored.is_some();
    let list = stored.map_or_else(|| scanned(file, length, session), Ok)?;
    let mut entries = write(entries);
    // Another one may have been faster, and the writer have added more since.
    if entries.stored.is_none() {
        return Ok(());
    }
    entries.fill(list);
    entries.kept = kept;
    drop(entries);
    // Of a file that was damaged since, less may be left.
    session.change(|_| ());
    Ok(())
}

fn stored_list(path: &Path, session: &Session, count: u64) -> Option<Vec<Entry>> {
    let bytes = files::read_all(path).ok()??;
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let sizes = head_words(head)?.last().copied()?;
    let (body, crc) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    if crc32c::crc32c(body).to_le_bytes() != *crc {
        return None;
    }
    let (topics, events) = body.split_at_checked(usize::try_from(sizes >> 32).ok()?)?;
    let topics: Vec<String> = serde_json::from_slice(topics).ok()?;
    let numbers: Vec<u32> = {
        let mut known = session.topics();
        topics.iter().map(|topic| known.number(topic)).collect()
    };
    let (events, rest) = events.as_chunks::<EVENT>();
    let complete = rest.is_empty() && events.len() as u64 == count;
    let list = events.iter().map(|event| entry_of(event, &numbers)).collect::<Option<Vec<_>>>()?;
    complete.then_some(list)
}

fn entry_of(event: &[u8; EVENT], numbers: &[u32]) -> Option<Entry> {
    let mut words = event.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let (offset, seq, timestamp, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (length, topic) = (u32::try_from(rest & u64::from(u32::MAX)).ok()?, u32::try_from(rest >> 32).ok()?);
    let number = numbers.get(usize::try_from(topic & !CRITICAL).ok()?).copied()?;
    let critical = topic & CRITICAL != 0;
    Some(Entry { offset, seq, timestamp: f64::from_bits(timestamp), length, topic: number, critical })
}

/// The events of a file whose index cannot be read.
fn scanned(file: &File, length: u64, session: &Session) -> Result<Vec<Entry>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let there = files::read_at(file, &mut bytes, 0);
    let there = there.map_err(|cause| Error::io(format!("reading session {:?}", session.id), &cause))?;
    bytes.truncate(there);
    Ok(index(&recover(&bytes, Some(&session.id), None).found, &mut session.topics()).list)
}

/// Removes the index of a file, which has gone.
pub fn remove(layout: &Layout, file: &Path) {
    if let Some(name) = file.file_name() {
        // One that stays is of no file, and removed by the next opening.
        let _ = files::remove(&path_of(layout, &name.to_string_lossy()));
    }
}

/// Removes the indexes of files that are not there. One that stays is in nobody's way: it fits no file.
pub fn remove_strays(layout: &Layout) {
    let is_stray = |name: &str| name.strip_suffix(".index").is_some_and(|file| !layout.active.join(file).exists());
    if let Err(error) = files::remove_where(&layout.index, |name| files::is_temporary(name) || is_stray(name)) {
        tracing::warn!(target: "smalltalk::event_log", %error, "could not tidy the indexes");
    }
}
