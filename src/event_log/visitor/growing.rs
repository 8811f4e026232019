//! The file that a session of another process's log is being written to.

use std::{fs::File, io, path::Path, time::SystemTime};

use super::super::{
    files,
    index::{Entries, Entry, Session, read, write},
    record,
    recovery::{self, recover},
};
use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

/// The file that the session is being written to. It stays open, so that no other one gets its identity, as long as there
/// are not too many of them.
#[derive(Debug)]
pub struct Growing {
    file: Option<File>,
    /// What tells it from others.
    pub identity: Identity,
    /// Read up to here.
    offset: u64,
    /// Where the file ended when what stood there was no line; it may have been on its way.
    doubted: Option<u64>,
    /// When it was written last, as far as it has been read.
    written: Option<SystemTime>,
}

impl Growing {
    /// The file that is there; nothing of it is read.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let Some(file) = files::open_found(path)? else { return Ok(None) };
        let found = Found::of(&file).map_err(|cause| Error::io(format!("looking at {}", path.display()), &cause))?;
        let growing = Self { file: Some(file), identity: found.identity, offset: 0, doubted: None, written: None };
        Ok((!found.is_directory).then_some(growing))
    }

    /// Whether a handle is held.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Lets go of the handle; [`Growing::take_up`] gets another one.
    pub fn let_go(&mut self) {
        self.file = None;
    }

    /// Opens it once more, where nobody has it open; `false` where it is not known to be the same one: as long as none was
    /// held, its identity may have been given to another, but the number of its last event was not. One without events may be
    /// any: files may have been closed meanwhile.
    pub fn take_up(&mut self, path: &Path, session: &Session) -> Result<bool> {
        if self.file.is_some() {
            return Ok(true);
        }
        let Some(again) = Self::open(path)? else { return Ok(false) };
        let Some(file) = &again.file else { return Ok(false) };
        let there = last_of(session).is_some() && still_has_last(file, session)?;
        let same = there && again.identity == self.identity;
        self.file = again.file.filter(|_| same);
        Ok(same)
    }

    /// Adds the lines that have come to the last file of the session; `false` where some that were there are gone.
    pub fn read_more(&mut self, session: &Session, last_seq: &mut Option<u64>) -> Result<bool> {
        let reading = |cause: io::Error| reading(session, &cause);
        let Some(file) = &self.file else { return Ok(false) };
        let found = file.metadata().map_err(reading)?;
        let (length, written) = (found.len(), found.modified().ok());
        if length == self.offset && written == self.written {
            return Ok(true);
        }
        // A write that failed half-way is taken back, and others go where it was: then it may be as long as before, or longer.
        if length < self.offset || !still_has_last(file, session)? {
            return Ok(false);
        }
        self.written = written;
        let mut bytes = vec![0; usize::try_from(length - self.offset).unwrap_or(usize::MAX)];
        let there = files::read_at(file, &mut bytes, self.offset).map_err(reading)?;
        bytes.truncate(there);
        let outcome = recover(&bytes, Some(&session.id), *last_seq);
        let mut end = outcome.torn.unwrap_or(bytes.len());
        if let Some(damage) = outcome.damage.last().filter(|damage| damage.end + 1 >= end)
            && self.doubted.replace(length) != Some(length)
        {
            // It may be on its way. Whoever looks again and finds the same takes it for what it is.
            end = damage.start;
        }
        let mut damaged = outcome.told(&bytes, self.offset);
        damaged.retain(|range| range.start < self.offset + end as u64);
        let found = outcome.found.iter().filter(|found| found.offset < end);
        let mut added = Entries::default();
        recovery::entries(found, self.offset, &mut session.topics(), |entry| added.push(entry));
        *last_seq = added.list.last().map(|entry| entry.seq).max(*last_seq);
        self.offset += end as u64;
        session.change(|files| {
            if let Some(file) = files.last_mut() {
                file.bytes = self.offset;
                let mut entries = write(&file.entries);
                added.list.into_iter().for_each(|entry| entries.push(entry));
                for range in damaged {
                    entries.note_damage(range);
                }
            }
        });
        Ok(true)
    }
}

/// Whether a file that was opened by its name just now is the one that the session was being written to when it was read, whatever
/// is known by now: somebody else may have read it anew, and the events are those of the file from then. A file of the same
/// identity that is another one does not have the last of them. Where none is known while it is looked for, more are found only as
/// long as the file is held, whose identity no other one has then.
pub fn is_growing(session: &Session, file: &File) -> Result<bool> {
    let opened = Found::of(file).map_err(|cause| reading(session, &cause))?;
    Ok(session.growing == Some(opened.identity) && still_has_last(file, session)?)
}

/// Whether the last event that is known still stands where it stood: no other one gets its number.
fn still_has_last(file: &File, session: &Session) -> Result<bool> {
    let Some(last) = last_of(session) else { return Ok(true) };
    let mut line = vec![0; last.length as usize];
    files::read_at(file, &mut line, last.offset).map_err(|cause| reading(session, &cause))?;
    Ok(record::read_line(&line).is_some_and(|line| line.seq == last.seq))
}

/// The last event that is known of the file being written.
fn last_of(session: &Session) -> Option<Entry> {
    session.files().last().and_then(|file| read(&file.entries).list.last().copied())
}

fn reading(session: &Session, cause: &io::Error) -> Error {
    Error::io(format!("reading session {:?}", session.id), cause)
}
