//! Lines on their way: to the kernel, and then to readers.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use super::{Draft, Fresh, Lane, Outcome, Surroundings, indeterminate};
use crate::{
    error::{Error, Result},
    event_log::{
        append::Parcel,
        checkpoint,
        current::Current,
        files,
        index::{Entries, Entry, Placed, read, write},
        stamp::Stamp,
    },
};

impl Lane {
    /// Hands the lines to the kernel; then readers see them.
    pub(super) fn put(&mut self, around: &Surroundings, draft: Draft, parcels: &mut [Parcel], outcome: &mut Outcome) {
        if draft.events.is_empty() {
            return;
        }
        // Events stay in order: none is written before an earlier one.
        let stored = match &outcome.unopened {
            Some((error, _)) => Err(error.clone()),
            None => self.store(around, &draft.bytes),
        };
        if let Err(error @ Error::Exhausted { .. }) = stored {
            self.next_seq = draft.entries.first().map_or(self.next_seq, |first| first.seq);
            let (_, unopened) = outcome.unopened.get_or_insert_with(|| (error, Vec::new()));
            return unopened.extend(draft.events.into_iter().map(|(item, _)| item));
        }
        if stored.is_ok() {
            let offset = self.current.length;
            self.current.length += draft.bytes.len() as u64;
            self.current.ends_open = false;
            self.dirty = true;
            let first_seq = self.publish(around, draft.entries);
            match &mut self.fresh {
                Some(fresh) => fresh.bytes.extend_from_slice(&draft.bytes),
                None => self.fresh = Some(Fresh { file: self.file_name(), first_seq, offset, bytes: draft.bytes }),
            }
        }
        for (item, receipt) in draft.events {
            let Some(parcel) = parcels.get_mut(item.parcel) else { continue };
            if let Err(error) = &stored {
                parcel.fail(item.index, error.clone());
                continue;
            }
            if let Some(receipt) = receipt {
                parcel.note(item.index, receipt);
            }
            outcome.written.push(item);
        }
    }

    fn store(&mut self, around: &Surroundings, bytes: &[u8]) -> Result<()> {
        if self.broken {
            return Err(indeterminate("an earlier write of this batch", "the file is read again before the next one"));
        }
        let path = self.path(around);
        self.check_file(&path, around.names)?;
        self.load_current()?;
        let opened = self.current.open(&path);
        // Where all files were removed with their directory, it is made anew before they are read again.
        self.broken |= opened.is_err() && !around.layout.active.is_dir();
        let file = opened?;
        let Err(cause) = files::add(&file, &path, bytes) else { return Ok(()) };
        // What was written of it goes away again: a rejected event is absent.
        if file.set_len(self.current.length).is_ok() {
            drop(file);
            self.remove_unused(&path);
            return Err(Error::io(format!("writing {}", path.display()), &cause));
        }
        self.broken = true;
        Err(indeterminate(&format!("writing {}", path.display()), &cause.to_string()))
    }

    /// Removes a file that was made for what could not be written. Otherwise a full disk would keep an empty one for each session
    /// that it has refused. One that cannot be removed takes the next event.
    fn remove_unused(&mut self, path: &Path) {
        let is_placed = self.session.files().last().is_some_and(|file| !file.closed);
        if self.current.length > 0 || is_placed || self.current.in_journal {
            return;
        }
        // Somebody may have put another one in its place.
        if self.current.is_unchanged(path, None).unwrap_or(false) {
            self.current = Current::of(0, false);
            let _ = files::remove(path);
        }
    }

    /// Its file, where it has no other one and no event.
    pub fn unused_file(&self) -> Option<PathBuf> {
        let files = self.session.files();
        let [file] = files.as_slice() else { return None };
        let is_unused = !file.closed && file.bytes == 0 && read(&file.entries).is_empty();
        let is_at_rest = !self.broken && !self.dirty && !self.current.in_journal && self.current.length == 0;
        (is_unused && is_at_rest).then(|| file.path.clone())
    }

    pub(super) fn check_file(&mut self, path: &Path, names: Option<Stamp>) -> Result<()> {
        let unchanged = self.current.is_unchanged(path, names)?;
        self.broken |= !unchanged;
        if unchanged {
            return Ok(());
        }
        let cause = std::io::Error::other("somebody else has removed, replaced or changed the file");
        Err(Error::io(format!("writing {}", path.display()), &cause))
    }

    /// Shows readers what was added, and gives the number of the event that the file begins with.
    fn publish(&self, around: &Surroundings, added: Vec<Entry>) -> Option<u64> {
        let (first, first_seq) = self.session.change(|files| {
            if files.last().is_none_or(|file| file.closed) {
                let entries = Arc::new(RwLock::new(Entries::default()));
                files.push(Placed { path: self.path(around), going: None, closed: false, bytes: 0, entries });
            }
            let first = files.len() == 1;
            let Some(file) = files.last_mut() else { return (first, None) };
            file.bytes = self.current.length;
            let mut entries = write(&file.entries);
            for entry in added {
                entries.push(entry);
            }
            (first, entries.list.first().filter(|first| first.offset == 0).map(|first| first.seq))
        });
        if first && around.catalog.find(&self.session.id).is_none() {
            around.catalog.insert(Arc::clone(&self.session));
        }
        around.bell.ring(&self.session.id, self.next_seq - 1);
        first_seq
    }

    pub(super) fn path(&self, around: &Surroundings) -> PathBuf {
        around.layout.active.join(self.file_name())
    }

    /// Sees to it that the events of the file being written are at hand, before more are added.
    fn load_current(&self) -> Result<()> {
        let placed = self.session.files().last().filter(|file| !file.closed).cloned();
        if let Some(placed) = placed
            && read(&placed.entries).stored.is_some()
            && let Some(file) = files::open_found(&placed.path)?
        {
            checkpoint::load(&placed.entries, &self.session, &file)?;
        }
        Ok(())
    }
}
