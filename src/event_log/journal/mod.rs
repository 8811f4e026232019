//! The journal beside the session files: what was promised to survive the power is written to it as well, so that one sync
//! serves a batch, however many files it went to, and that file need not grow for it, which is what makes a sync slow. The
//! session files are synced later, all that are due at once. Readers never look here; whoever opens a log after the power
//! went does, see [`redo`].
//!
//! It is written from its beginning again and again, under another epoch each time, once everything it speaks of is on the
//! disk in its own place.

pub mod entry;
pub mod redo;

use std::fs::File;

use self::entry::Part;
use super::{directory::Layout, files};
use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

/// It is written from its beginning again before it gets larger.
const CAPACITY: u64 = 4 << 20;
/// A log gets one with the first batch that goes to several files, or with so many that go to one.
const WORTH: u32 = 16;
/// To write so much of a file twice takes longer than a sync of it.
const LARGE: u64 = 128 << 10;
/// Where it cannot be had, it is asked for again after so many times as many.
const AGAIN: u32 = 64;

/// What became of an entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// It is on the disk.
    Yes,
    /// There is no room before everything is in its own place.
    Full,
    /// There is no journal, or none that can be relied on.
    No,
}

/// The writing end.
pub struct Journal {
    layout: Layout,
    /// What it is written to, and which file that is.
    file: Option<(File, Identity)>,
    /// A write failed: nobody relies on what comes after it.
    broken: bool,
    epoch: u64,
    position: u64,
    /// So many batches have to go to one file each before it is worth having.
    missing: u32,
    #[cfg(test)]
    fails: bool,
}

impl Journal {
    /// None yet.
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            file: None,
            broken: false,
            epoch: 1,
            position: 0,
            missing: WORTH,
            #[cfg(test)]
            fails: false,
        }
    }

    /// Puts bytes of files on the disk that are with the kernel already. Where this fails nobody knows which of them are, and
    /// the journal [`Journal::is_broken`]: it has to be removed before it takes more.
    pub fn add(&mut self, parts: &[Part<'_>]) -> Result<Added> {
        let files = parts.len() as u64;
        let estimated: u64 = parts.iter().map(|part| part.bytes.len() as u64 + part.file.len() as u64 + 64).sum();
        if estimated > (LARGE * files).min(CAPACITY) || !self.is_there(parts.len())? {
            return Ok(Added::No);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(estimated).unwrap_or(0));
        entry::push(&mut bytes, self.epoch, &[], parts);
        if self.position + bytes.len() as u64 > CAPACITY {
            return Ok(Added::Full);
        }
        self.write(&bytes).map(|()| Added::Yes)
    }

    /// Nothing that was said of these files holds any more: they are about to get other names, or to be read again.
    pub fn forget(&mut self, files: &[String]) -> Result<()> {
        let mut bytes = Vec::new();
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        entry::push(&mut bytes, self.epoch, &files, &[]);
        self.write(&bytes)
    }

    /// Everything that it speaks of is on the disk in its own place: the next entry is the first again. It says nothing until
    /// then, lest it bring back what somebody removes. That need not reach the disk, and where it fails, nothing is lost.
    pub fn restart(&mut self) {
        if self.position > 0 {
            self.epoch += 1;
            self.position = 0;
            let mut nothing = Vec::new();
            entry::push(&mut nothing, self.epoch, &[], &[]);
            let _ = self.file.as_ref().map(|(file, _)| files::write_at(file, &nothing, 0));
        }
    }

    /// Removes it, for the same reason; it comes again where it is of use.
    pub fn remove(&mut self) -> Result<()> {
        if let Some((_, identity)) = &self.file {
            if self.named()?.map(|found| found.identity) == Some(*identity) {
                files::remove(&self.layout.journal)?;
            }
            files::sync_directory(&self.layout.root)?;
        }
        *self = Self::new(&self.layout);
        Ok(())
    }

    /// Whether a write to it failed.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// As after a write that failed.
    #[cfg(test)]
    pub fn break_it(&mut self) {
        self.broken = self.file.is_some();
    }

    /// The next entry gets to the disk, and its sync fails.
    #[cfg(test)]
    pub fn fail_next(&mut self) {
        self.fails = true;
    }

    /// Sees to it that there is one where it is worth it, with its name on the disk.
    fn is_there(&mut self, files: usize) -> Result<bool> {
        if self.file.is_some() {
            return Ok(true);
        }
        self.missing = self.missing.saturating_sub(if files > 1 { WORTH } else { 1 });
        if self.missing > 0 {
            return Ok(false);
        }
        self.missing = AGAIN * WORTH;
        // What an attempt has left that failed halfway says nothing.
        redo::discard(&self.layout)?;
        let file = files::create_new(&self.layout.journal)?;
        files::sync_directory(&self.layout.root)?;
        let identity = files::identity(&file, &self.layout.journal)?;
        self.file = Some((file, identity));
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((file, identity)) = &self.file else { return Ok(()) };
        // Until all is well: whatever goes wrong, nobody relies on it.
        let well = !std::mem::replace(&mut self.broken, true);
        let ours = |found: Found| found.identity == *identity && found.length >= self.position;
        if !self.named()?.is_some_and(ours) {
            return Err(self.failure(&std::io::Error::other("somebody else has removed, replaced or cut the file")));
        }
        let written = files::write_at(file, bytes, self.position).and_then(|()| file.sync_data());
        #[cfg(test)]
        let written =
            if std::mem::take(&mut self.fails) { written.and(Err(std::io::Error::other("a test"))) } else { written };
        written.map_err(|cause| self.failure(&cause))?;
        self.position += bytes.len() as u64;
        self.broken = !well;
        Ok(())
    }

    /// What has its name now.
    fn named(&self) -> Result<Option<Found>> {
        files::look(&self.layout.journal)
    }

    fn failure(&self, cause: &std::io::Error) -> Error {
        Error::io(format!("writing {}", self.layout.journal.display()), cause)
    }
}
