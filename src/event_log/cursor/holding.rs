//! Taking hold of the files of a replay, those in the archive included.

use std::{
    path::Path,
    sync::{Arc, RwLock},
};

use super::{Cursor, Part};
use crate::{
    error::{Error, Result},
    event_log::{
        archive, checkpoint, files,
        index::{Entry, Placed, Session, read, write},
        moving::Opened,
        names,
        opening::index,
        recovery::recover,
        view::View,
    },
};

impl Cursor {
    /// Takes hold of the files as they are now: what is moved, deleted or added later changes nothing. `None` where one is no
    /// longer there. Closed ones in which nothing is wanted stay closed: a tail would open all of them for each event.
    pub(super) fn hold(&self, view: &View, session: &Arc<Session>) -> Result<Option<Vec<Part>>> {
        let mut files = session.files().clone();
        // First the one that is being written, for its name may soon be another's.
        let growing = files.pop_if(|last| !last.closed);
        let (mut held, mut last) = (Vec::with_capacity(files.len() + 1), None);
        for placed @ Placed { path, entries, closed, .. } in growing.iter().chain(&files) {
            if *closed && self.filter.excludes(&read(entries).summary) {
                continue;
            }
            let file = match view.open(session, placed)? {
                Opened::File(file) => file,
                Opened::Moved => return Ok(None),
                Opened::Removed => {
                    report_removed(view, placed)?;
                    continue;
                }
            };
            let part = Part::of(file, path.clone(), Arc::clone(entries), Arc::clone(session));
            if *closed { held.extend(part) } else { last = part }
        }
        held.extend(last);
        Ok(Some(held))
    }

    /// Takes hold of archived files as well. Nobody writes to them; they are read to be indexed.
    pub(super) fn hold_archived(&self, archive: &Path, id: &str, mut held: Vec<Part>) -> Result<Vec<Part>> {
        let session = Arc::new(Session::new(id));
        for path in archive::files_of(archive, &names::stem_of(id), self.filter.after_seq)? {
            let (Some(file), Some(bytes)) = (files::open_found(&path)?, files::read_all(&path)?) else { continue };
            let entries = index(&recover(&bytes, Some(id), None).found, &mut session.topics());
            held.extend(Part::of(file, path, Arc::new(RwLock::new(entries)), Arc::clone(&session)));
        }
        // It may have gone away in between, with all that is in it.
        archive::days(archive)?;
        in_order(held)
    }
}

/// Files by their numbers. Mostly each ends before the next one begins. Where an earlier state of one was put back, it shares
/// its first events with what the archive has, and its later numbers leap over all others; and one that was being moved when
/// its owner was killed is there twice.
fn in_order(mut held: Vec<Part>) -> Result<Vec<Part>> {
    // Those that are not archived stay before their twins.
    held.sort_by_key(Part::seqs);
    let mut ordered = Vec::with_capacity(held.len());
    let mut sharing: Vec<Part> = Vec::new();
    let mut reached = 0;
    for part in held {
        let (first_seq, last_seq) = part.seqs();
        if first_seq > reached {
            ordered.extend(interleaved(std::mem::take(&mut sharing))?);
        }
        reached = last_seq.max(reached);
        sharing.push(part);
    }
    ordered.extend(interleaved(sharing)?);
    Ok(ordered)
}

/// Parts of files that share numbers, so that each event comes once. Two of one number that differ both come: it was given
/// twice, as an older version did where an earlier state was put back.
fn interleaved(sharing: Vec<Part>) -> Result<Vec<Part>> {
    if sharing.len() < 2 {
        return Ok(sharing);
    }
    let mut places = Vec::new();
    for (of, part) in sharing.iter().enumerate() {
        checkpoint::load(&part.entries, &part.session, &part.file)?;
        let list = &read(&part.entries).list;
        let place = |(at, entry): (usize, &Entry)| (entry.seq, entry.timestamp.to_bits(), entry.length, of, at);
        places.extend(list.iter().enumerate().map(place));
    }
    places.sort_unstable();
    places.dedup_by_key(|(seq, timestamp, length, ..)| (*seq, *timestamp, *length));
    let runs = places.chunk_by(|(.., one, at), (.., other, next)| one == other && at + 1 == *next);
    let bounds = runs.filter_map(|run| Some((run.first()?, run.last()?)));
    let parts = bounds.filter_map(|((.., of, start), (.., last))| Some(sharing.get(*of)?.cut(*start, last + 1)));
    Ok(parts.collect())
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
