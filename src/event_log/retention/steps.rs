//! The steps of a cleanup, each as far as a slice takes it. Files that it moves share one sync of each directory: nothing
//! else happens before.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::UNIX_EPOCH};

use super::{Cleanup, Slice};
use crate::{
    error::Result,
    event_log::{
        confirm::Powered,
        files,
        index::{Placed, Session, read},
        lane::Lane,
        moving,
        opening::{Damage, RecoveryReport},
        owned::Owned,
        time::{date_text, day_of, millis},
    },
};

/// What was moved: by the directory of its day, the paths that it had.
type Moved = BTreeMap<PathBuf, Vec<PathBuf>>;

impl Cleanup {
    /// What cannot be deleted keeps nothing else.
    pub(super) fn delete_some(&mut self, files: &mut Vec<PathBuf>, slice: &mut Slice) {
        while let Some(path) = slice.next(files) {
            let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
            match files::remove_found(&path) {
                Ok(true) => {
                    self.report.deleted += 1;
                    self.report.bytes_freed += bytes;
                }
                // Its session was erased since it was listed.
                Ok(false) => {}
                Err(error) => self.note(Err(error)),
            }
            slice.count();
        }
    }

    /// Reads files that are to be closed and may hold something else than we think: there may never be another append that does.
    pub(super) fn read_some(&mut self, owned: &mut Owned, sessions: &mut Vec<Arc<str>>, slice: &mut Slice) {
        let (least_ms, now) = (self.retention_ms(owned) / 4.0, self.now);
        // Where one cannot be put in its place from the journal, each of these is tried once.
        let batch: Vec<Powered> = sessions.iter().map(|id| (Arc::clone(id), Vec::new())).collect();
        // A file that was closed already is not old; whether its name is on the disk is as doubtful.
        let is_due = |lane: &Lane| lane.broken && (lane.begins_a_file() || lane.first_is_older(least_ms, now));
        while let Some(id) = slice.next(sessions) {
            if owned.lanes.get(&id).is_some_and(is_due) {
                slice.count();
                self.note(owned.with_room(|owned| owned.read_again(&id, &batch)));
            }
        }
        owned.sync_read_again();
    }

    /// Closes files whose first event is older than a quarter of the retention, and the handles of sessions at rest.
    pub(super) fn close_some(&self, owned: &mut Owned, sessions: &mut Vec<Arc<str>>, slice: &mut Slice) {
        let least_ms = self.retention_ms(owned) / 4.0;
        let mut closed = Vec::new();
        while let Some(id) = slice.next(sessions) {
            let Some(lane) = owned.lanes.get_mut(&id) else { continue };
            if lane.first_is_older(least_ms, self.now) {
                slice.count();
                if lane.close_unsynced(&mut owned.around) {
                    closed.push(Arc::clone(&id));
                }
            }
            lane.rest();
        }
        let Err(error) = owned.around.sync_names() else { return };
        if !closed.is_empty() {
            tracing::warn!(target: "smalltalk::event_log", %error, "closed files may not have their names");
            owned.around.doubts.raise(error.to_string());
        }
        for id in closed {
            owned.lanes.get_mut(&id).into_iter().for_each(|lane| lane.broken = true);
        }
    }

    /// Moves closed files whose events are all older than the retention to the archive.
    pub(super) fn archive_some(&mut self, owned: &mut Owned, sessions: &mut Vec<Arc<str>>, slice: &mut Slice) {
        let mut moved = Moved::new();
        while let Some(id) = slice.next(sessions) {
            let Some(session) = owned.around.catalog.find(&id) else { continue };
            if self.remove_unused(owned, &id, slice) {
                continue;
            }
            let outcome = self.archive_session(owned, &session, slice, &mut moved);
            match outcome {
                // There may be more of it.
                Ok(false) => sessions.push(id),
                Ok(true) => forget_if_empty(owned, &session),
                Err(error) => {
                    self.note(Err(error));
                    forget_if_empty(owned, &session);
                }
            }
        }
        self.sync_moved(owned, moved);
    }

    /// Removes the old file of a session that has no event, and forgets the session; whether it had one. An event that was refused
    /// may have left it. One that cannot be removed is in nobody's way.
    fn remove_unused(&self, owned: &mut Owned, id: &str, slice: &mut Slice) -> bool {
        let Some(path) = owned.lanes.get(id).and_then(Lane::unused_file) else { return false };
        slice.count();
        let retention_ms = self.retention_ms(owned);
        let remove = || {
            let found = files::look_at_times(&path)?.filter(|found| found.is_file() && found.len() == 0);
            let written = found.and_then(|found| found.modified().ok()?.duration_since(UNIX_EPOCH).ok());
            let is_old = written.is_some_and(|written| self.now - millis(written) >= retention_ms);
            if is_old { files::remove_found(&path) } else { Ok(false) }
        };
        let removed = remove().unwrap_or_else(|error| {
            tracing::warn!(target: "smalltalk::event_log", %error, "a file without an event stays");
            false
        });
        if removed {
            owned.forget(id);
        }
        removed
    }

    /// Whether it has no more files for the archive.
    fn archive_session(
        &self,
        owned: &mut Owned,
        session: &Session,
        slice: &mut Slice,
        moved: &mut Moved,
    ) -> Result<bool> {
        let mut gone = Vec::new();
        let outcome = self.archive_files(owned, session, slice, moved, &mut gone);
        session.lose(&gone);
        outcome
    }

    /// The same; what is `gone` the session has no longer.
    fn archive_files(
        &self,
        owned: &mut Owned,
        session: &Session,
        slice: &mut Slice,
        moved: &mut Moved,
        gone: &mut Vec<Placed>,
    ) -> Result<bool> {
        let limit = self.now - self.retention_ms(owned);
        let old = |file: &Placed| {
            let entries = read(&file.entries);
            file.closed && !entries.is_empty() && entries.summary.newest <= limit
        };
        let mut looked_at = 0;
        while !slice.is_over() {
            let next = session
                .files()
                .iter()
                .enumerate()
                .skip(looked_at)
                .find(|(_, file)| old(file))
                .map(|(at, file)| (at, file.clone()));
            let Some((at, file)) = next else { return Ok(true) };
            looked_at = at + 1;
            slice.count();
            let layout = &owned.around.layout;
            if files::look(&file.path)?.is_none() && layout.active.is_dir() {
                tracing::error!(target: "smalltalk::event_log", file = %file.path.display(), "somebody else has removed a file of the log");
                let RecoveryReport { damaged, .. } = &mut owned.report;
                owned.removed.extend(Damage::removed(&file, damaged));
                gone.push(file);
                continue;
            }
            let day = layout.archive.join(date_text(day_of(read(&file.entries).summary.newest)));
            files::create_directory(&day)?;
            // Whoever begins a replay meanwhile finds it in the one place or in the other; those under way hold theirs open.
            moving::move_file(session, &file, &day)?;
            moved.entry(day).or_default().push(file.path.clone());
            gone.push(file);
        }
        Ok(false)
    }

    /// The names in the archive are on the disk before those in `active/` are gone from it.
    fn sync_moved(&mut self, owned: &Owned, moved: Moved) {
        if moved.is_empty() {
            return;
        }
        let mut synced = Ok(());
        for (day, paths) in moved {
            let outcome = files::sync_directory(&day);
            if outcome.is_ok() {
                self.report.archived += paths.len() as u64;
                owned.around.keeper.remove(&owned.around.layout, paths);
            }
            synced = synced.and(outcome);
        }
        self.note(synced.and_then(|()| files::sync_directory(&owned.around.layout.active)));
    }
}

/// A session without files is forgotten; its numbers stay used.
fn forget_if_empty(owned: &mut Owned, session: &Arc<Session>) {
    if session.files().is_empty() {
        owned.forget(&session.id);
    }
}
