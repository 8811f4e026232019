//! The end of a session's file: closed when it is full or old, under its final name, with its index.

use std::sync::{Arc, atomic::Ordering};

use super::{Lane, Surroundings, indeterminate};
use crate::{
    error::{Error, Result},
    event_log::{
        checkpoint,
        current::Current,
        files,
        index::{Placed, Summary, read},
        keeper::Closed,
        moving,
    },
};

impl Lane {
    /// Whether the file being written has an event, and its first one is at least so old.
    pub fn first_is_older(&self, than_ms: f64, now_ms: f64) -> bool {
        self.current_summary().is_some_and(|file| now_ms - file.first_timestamp >= than_ms)
    }

    /// What is known of the file being written, where it has an event.
    fn current_summary(&self) -> Option<Summary> {
        let files = self.session.files();
        let file = files.last().filter(|file| !file.closed)?;
        let summary = read(&file.entries).summary;
        (summary.count > 0).then_some(summary)
    }

    /// Whether the file with its last event is there, as long as it was at the least: otherwise the next opening would take an
    /// earlier event for the last one.
    pub fn has_its_last(&self) -> bool {
        let last = self.session.files().iter().rfind(|file| !read(&file.entries).is_empty()).cloned();
        last.is_none_or(|file| {
            let found = files::look(&file.path).ok().flatten();
            found.is_some_and(|found| !found.is_directory && found.length >= file.bytes)
        })
    }

    /// Keeps the index of a file, for the next opening.
    fn keep_index(&self, around: &mut Surroundings, Placed { path, entries, bytes, .. }: Placed) {
        if bytes < checkpoint::WORTH_IT {
            return;
        }
        let (layout, session) = (around.layout.clone(), Arc::clone(&self.session));
        around.keeper.keep(Closed { layout, path, session, entries });
    }

    /// Keeps the indexes of all files that have none; nothing is written to them any more.
    pub fn keep_indexes(&self, around: &mut Surroundings) {
        let files = self.session.files().clone();
        // One that is stored already fits still, or the opening would not have trusted it.
        for file in files {
            self.keep_index(around, file);
        }
    }

    /// Closes the file being written: on the disk, and under its final name. Where that fails, it goes on being written.
    pub fn close_file(&mut self, around: &mut Surroundings) {
        let closed = self.close_unsynced(around);
        // Where the new name fails to land, so may the old one, which an event of this batch relies on.
        if let Err(error) = around.sync_names()
            && closed
        {
            tracing::warn!(target: "smalltalk::event_log", %error, "a closed file may not have its name");
            self.broken = true;
            around.doubts.raise(error.to_string());
        }
    }

    /// The same but for the sync of its name, which is up to the caller; whether it was closed.
    pub fn close_unsynced(&mut self, around: &mut Surroundings) -> bool {
        if self.broken {
            return false;
        }
        self.try_close_file(around).unwrap_or_else(|error| {
            around.exhausted.set(around.exhausted.get() || matches!(error, Error::Exhausted { .. }));
            tracing::warn!(target: "smalltalk::event_log", %error, "could not close a full file");
            false
        })
    }

    fn try_close_file(&mut self, around: &mut Surroundings) -> Result<bool> {
        if self.current_summary().is_none() {
            return Ok(false);
        }
        let path = self.path(around);
        self.check_file(&path, None)?;
        if self.current.on_disk() < self.current.length
            && let Err(cause) = self.current.open(&path)?.sync_data()
        {
            self.broken = true;
            self.current.lost.store(true, Ordering::Release);
            around.doubts.raise(cause.to_string());
            return Err(indeterminate(&format!("syncing {}", path.display()), &cause.to_string()));
        }
        self.current.is_on_disk(self.current.length);
        if self.current.on_disk() < self.current.length {
            self.broken = true;
            return Err(indeterminate(&format!("syncing {}", path.display()), "an earlier sync of it failed"));
        }
        if self.current.in_journal {
            // The journal would write to whatever has the name next. Until now it has vouched for the name as well.
            if !self.name_on_disk() {
                files::sync_directory(&around.layout.active)?;
                self.name_is_on_disk();
            }
            around.journal.forget(&[self.file_name()])?;
        }
        // Once it is moved, there is no way back: whatever can fail before does.
        if around.directory().is_none() {
            let cause = std::io::Error::other("it cannot be opened");
            return Err(Error::io(format!("syncing {}", around.layout.active.display()), &cause));
        }
        let Some(placed) = self.session.files().last().cloned() else { return Ok(false) };
        let path = moving::move_file(&self.session, &placed, &around.layout.active)?;
        let closed = Placed { path, closed: true, ..placed };
        // Before another file gets the name that it had.
        self.session.change(|files| files.last_mut().map(|last| *last = closed.clone()));
        checkpoint::remove(&around.layout, &self.path(around));
        self.keep_index(around, closed);
        self.dirty = false;
        self.due = false;
        self.fresh = None;
        self.current = Current::of(0, false);
        Ok(true)
    }
}
