//! Taking hold of the files of a replay, those in the archive included.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, RwLock},
};

use super::{Cursor, Part};
use crate::{
    error::{Error, Result},
    event_log::{
        archive, files,
        index::{Placed, Session, read, write},
        names,
        opening::index,
        recovery::recover,
        view::View,
    },
};

impl Cursor {
    /// Takes hold of the files as they are now: what is moved, deleted or added later changes nothing. Each comes with the
    /// number of its first event; `None` where one is no longer there. Closed ones in which nothing is wanted stay closed:
    /// a tail would open all of them for each event.
    pub(super) fn hold(&self, view: &View, session: &Arc<Session>) -> Result<Option<Vec<(u64, Part)>>> {
        let guard = session.files();
        let files = guard.clone();
        // What this process writes stays where it is as long as it is looked at; on others that has no effect.
        let _guard = matches!(view, View::Owned(..)).then_some(guard);
        let mut held = Vec::with_capacity(files.len());
        for placed @ Placed { path, entries, closed, .. } in &files {
            if *closed && self.filter.excludes(&read(entries).summary) {
                continue;
            }
            let Some(file) = files::open_found(path)? else {
                if matches!(view, View::Visited(_)) {
                    return Ok(None);
                }
                report_removed(view, placed)?;
                continue;
            };
            if !closed && !view.is_growing(session, &file)? {
                return Ok(None);
            }
            held.extend(Part::of(file, path.clone(), Arc::clone(entries), Arc::clone(session)));
        }
        Ok(Some(held))
    }

    /// Takes hold of archived files as well. Nobody writes to them; they are read to be indexed.
    pub(super) fn hold_archived(&self, archive: &Path, id: &str, held: &mut Vec<(u64, Part)>) -> Result<()> {
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
