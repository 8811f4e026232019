//! Taking hold of the files of a replay, those in the archive included.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use super::{
    Cursor,
    lending::{Held, Slot},
    part::{Part, There},
};
use crate::{
    error::Result,
    event_log::{
        archive, files,
        index::{Entry, Placed, Session, read},
        names,
        opening::index,
        recovery::recover,
    },
};

/// What is archived of a session, as far as it is known by now.
#[derive(Debug)]
pub(super) struct Archived {
    session: Arc<Session>,
    /// Those that are still to be read, oldest first.
    paths: VecDeque<PathBuf>,
    /// Those that are known, and those that are not archived.
    parts: Vec<Part>,
}

impl Cursor {
    /// What there is of a session now: what is moved, deleted or added later changes nothing. Closed files in which nothing is wanted
    /// are left out: a tail would look at all of them for each event.
    pub(super) fn list(&self, session: &Arc<Session>) -> Vec<Part> {
        let files = session.files().clone();
        let wanted = files.iter().filter(|file| !file.closed || !self.filter.excludes(&read(&file.entries).summary));
        wanted.filter_map(|placed| Part::of(placed, session)).collect()
    }

    /// Takes hold of as many files as may be held; `false` where one is no longer where it was. One that somebody else has removed is
    /// passed over when it is reached.
    pub(super) fn hold(&self, parts: &mut [Part]) -> Result<bool> {
        // First the one that is being written, for its name may soon be another's.
        let growing = parts.iter().rposition(|last| !last.placed.closed);
        for at in growing.into_iter().chain((0..parts.len()).filter(|at| Some(*at) != growing)) {
            if let Some(part) = parts.get_mut(at)
                && part.take_hold(&self.view, Slot::take())? == There::Moved
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many of the files, in order, have all that is wanted, unless lines of them are damaged by now.
    pub(super) fn needed(&self) -> usize {
        let mut wanted = self.remaining;
        self.parts
            .iter()
            .take_while(|part| {
                let is_needed = wanted > 0;
                if self.filter.limit.is_some() {
                    let list = &read(&part.placed.entries).list;
                    let covered = list.get(part.next..part.end.min(list.len())).unwrap_or_default();
                    let matches = covered.iter().filter(|entry| self.filter.matches(entry, &part.topics));
                    wanted -= matches.take(wanted).count();
                }
                is_needed
            })
            .count()
    }

    /// Lets go of the files that will most likely not be needed.
    pub(super) fn let_go(&mut self) {
        let needed = self.needed();
        self.parts.iter_mut().skip(needed).for_each(|part| part.held = None);
    }

    /// Lists the archived files as well.
    pub(super) fn list_archived(&self, archive: &Path, id: &str, parts: Vec<Part>) -> Result<Archived> {
        let paths = archive::files_of(archive, &names::stem_of(id), self.filter.after_seq)?.into();
        Ok(Archived { session: Arc::new(Session::new(id)), paths, parts })
    }
}

impl Archived {
    /// Reads the next file to index it, for nobody writes to it; whether there was one.
    pub(super) fn read_next(&mut self) -> Result<bool> {
        let Some(path) = self.paths.pop_front() else { return Ok(false) };
        let slot = Slot::take();
        let (Some(file), Some(bytes)) = (files::open_found(&path)?, files::read_all(&path)?) else { return Ok(true) };
        let entries = index(&recover(&bytes, Some(&self.session.id), None).found, &mut self.session.topics());
        let entries = Arc::new(RwLock::new(entries));
        let placed = Placed { path, going: None, closed: true, bytes: bytes.len() as u64, entries };
        let held = slot.map(|slot| Arc::new(Held { file, slot: Some(slot) }));
        self.parts.extend(Part::of(&placed, &self.session).map(|part| Part { held, ..part }));
        Ok(true)
    }

    /// All of them, in order.
    pub(super) fn into_parts(self, archive: &Path) -> Result<Vec<Part>> {
        // It may have gone away in between, with all that is in it.
        archive::days(archive)?;
        Ok(in_order(self.parts))
    }
}

/// Files by their numbers. Mostly each ends before the next one begins. Where an earlier state of one was put back, it shares
/// its first events with what the archive has, and its later numbers leap over all others; and one that was being moved when
/// its owner was killed is there twice.
fn in_order(mut parts: Vec<Part>) -> Vec<Part> {
    // Those that are not archived stay before their twins.
    parts.sort_by_key(Part::seqs);
    let mut ordered = Vec::with_capacity(parts.len());
    let mut sharing: Vec<Part> = Vec::new();
    let mut reached = 0;
    for part in parts {
        let (first_seq, last_seq) = part.seqs();
        if first_seq > reached {
            ordered.extend(interleaved(std::mem::take(&mut sharing)));
        }
        reached = last_seq.max(reached);
        sharing.push(part);
    }
    ordered.extend(interleaved(sharing));
    ordered
}

/// Parts of files that share numbers, so that each event comes once. Two of one number that differ both come: it was given
/// twice, as an older version did where an earlier state was put back.
fn interleaved(sharing: Vec<Part>) -> Vec<Part> {
    if sharing.len() < 2 {
        return sharing;
    }
    let mut places = Vec::new();
    for (of, part) in sharing.iter().enumerate() {
        let list = &read(&part.placed.entries).list;
        let place = |(at, entry): (usize, &Entry)| (entry.seq, entry.timestamp.to_bits(), entry.length, of, at);
        places.extend(list.iter().enumerate().map(place));
    }
    places.sort_unstable();
    places.dedup_by_key(|(seq, timestamp, length, ..)| (*seq, *timestamp, *length));
    let runs = places.chunk_by(|(.., one, at), (.., other, next)| one == other && at + 1 == *next);
    let bounds = runs.filter_map(|run| Some((run.first()?, run.last()?)));
    let parts = bounds.filter_map(|((.., of, start), (.., last))| Some(sharing.get(*of)?.cut(*start, last + 1)));
    parts.collect()
}
