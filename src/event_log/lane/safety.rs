//! How much of a session's file survives the power, and what has to be done for the rest.

use std::sync::{Arc, atomic::Ordering};

use super::{Fresh, Lane, Surroundings};
use crate::{
    error::{Error, Result},
    event_log::{
        files,
        journal::entry::Part,
        names,
        sync::{Name, Reach, Task},
    },
};

impl Fresh {
    /// As the journal takes it.
    pub fn as_part(&self) -> Part<'_> {
        Part {
            file: &self.file,
            first_seq: self.first_seq.unwrap_or_default(),
            offset: self.offset,
            bytes: &self.bytes,
        }
    }
}

impl Lane {
    /// What has to be synced, if anything; whoever takes it sees to it that it happens. A file that was closed meanwhile is
    /// opened again: a sync of it is one of everything that was written to it.
    pub fn take_sync(&mut self, around: &Surroundings, with_name: bool) -> Option<Task<Arc<str>>> {
        if !self.dirty {
            return None;
        }
        let file = match &self.current.handle {
            Some(file) => Arc::clone(file),
            None => match files::open_written(&self.path(around)) {
                Ok(file) => Arc::new(file),
                Err(Error::Exhausted { .. }) => {
                    // Nothing is in doubt: the sync is still to come.
                    around.exhausted.set(true);
                    return None;
                }
                Err(error) => {
                    // It may be tried many times.
                    if !std::mem::replace(&mut self.broken, true) {
                        tracing::error!(target: "smalltalk::event_log", %error, "a file cannot be synced; it is read again before the next write");
                    }
                    return None;
                }
            },
        };
        let name = if with_name && !self.name_on_disk() {
            // As long as that cannot be opened, the sync is still to come.
            let directory = around.directory()?;
            Some(Name { directory, on_disk: Arc::clone(&self.current.name_on_disk) })
        } else {
            None
        };
        self.dirty = false;
        self.due = false;
        let reach = Reach {
            on_disk: Arc::clone(&self.current.on_disk),
            lost: Arc::clone(&self.current.lost),
            length: self.current.length,
        };
        Some(Task { key: Arc::clone(&self.session.id), file, reach, name })
    }

    /// Whether something waits for a sync that may be had: its file is there.
    pub fn may_be_synced(&self, around: &Surroundings) -> bool {
        self.dirty && !matches!(files::look(&self.path(around)), Ok(None))
    }

    /// What the last batch has written, where the journal alone makes it safe: everything before it is. `None` where it has
    /// to be synced in its place.
    pub fn take_fresh(&mut self) -> Option<Fresh> {
        let fresh = self.fresh.take()?;
        (!self.broken && fresh.first_seq.is_some() && fresh.offset == self.current.safe()).then_some(fresh)
    }

    /// Takes note that the journal is about to speak of its file, whether or not it can be relied on for that.
    pub fn goes_to_journal(&mut self) {
        self.current.in_journal = true;
    }

    /// Takes note that the journal says nothing of its file any more.
    pub fn left_journal(&mut self) {
        self.current.in_journal = false;
    }

    /// Takes note that the journal has all that was written.
    pub fn is_journaled(&mut self) {
        self.current.journaled = self.current.length;
    }

    /// So many bytes of the file being written are on the disk in their own place, at the least.
    #[cfg(test)]
    pub fn bytes_on_disk(&self) -> u64 {
        self.current.on_disk()
    }

    /// Whether everything that was written survives the power.
    pub fn is_safe(&self) -> bool {
        self.current.safe() >= self.current.length
    }

    /// Whether the journal has what is not on the disk in its own place, or vouches for the file's name.
    pub fn needs_journal(&self) -> bool {
        self.current.journaled > self.current.on_disk() || (self.current.journaled > 0 && !self.name_on_disk())
    }

    /// Takes note that what the journal has is on the disk in its own place, under its name.
    pub fn is_settled(&self) {
        self.current.is_settled();
    }

    /// Takes note that what was found in its file may not be on the disk.
    pub fn is_to_be_synced(&mut self) {
        self.current.on_disk = Arc::default();
        self.dirty = self.current.length > 0;
    }

    /// Whether the journal may speak of its file.
    pub fn is_in_journal(&self) -> bool {
        self.current.in_journal
    }

    /// Whether what the journal has of its file may be written to it once more.
    pub fn may_be_mended(&self, around: &Surroundings) -> Result<bool> {
        self.current.may_be_mended(&self.path(around))
    }

    /// Whether its next event is the first one of a file.
    pub fn begins_a_file(&self) -> bool {
        self.current.length == 0
    }

    /// The name of the file being written.
    pub fn file_name(&self) -> String {
        names::active_name(&self.stem)
    }

    /// Whether the name of the file being written is on the disk.
    pub fn name_on_disk(&self) -> bool {
        self.current.name_on_disk.load(Ordering::Acquire)
    }

    /// Takes note that somebody else has synced the name of the file being written.
    pub fn name_is_on_disk(&self) {
        self.current.name_on_disk.store(true, Ordering::Release);
    }

    /// Closes the file's handle where nothing of it waits for a sync.
    pub fn rest(&mut self) {
        if !self.dirty {
            self.current.handle = None;
        }
    }

    /// Closes the file's handle, whatever waits for a sync.
    pub fn let_go(&mut self) {
        self.current.handle = None;
    }

    /// As where the disk takes nothing.
    #[cfg(all(test, unix))]
    pub fn hold(&mut self, file: std::fs::File) {
        self.current.handle = Some(Arc::new(file));
    }

    /// Whether its file is open.
    pub fn holds_a_handle(&self) -> bool {
        self.current.handle.is_some()
    }
}
