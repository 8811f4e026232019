//! The file that a session is being written to, as it was left by the last write.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{files, stamp::Stamp};
use crate::{
    error::Result,
    found::{Found, Identity},
};

/// The file being written.
pub struct Current {
    /// Open while it is in use.
    pub handle: Option<Arc<File>>,
    /// So many bytes of it are ours.
    pub length: u64,
    /// It ends in the middle of a damaged line: the next line needs one of its own.
    pub ends_open: bool,
    /// When its first line was written, or when it was found.
    pub begun: Instant,
    /// Whether its name is on the disk: that of a file that was found is, because whoever finds files syncs their names.
    pub name_on_disk: Arc<AtomicBool>,
    /// So many bytes of it are on the disk at least, in their own place.
    pub on_disk: Arc<AtomicU64>,
    /// Whether a sync of it failed: those after it say nothing of what it has lost.
    pub lost: Arc<AtomicBool>,
    /// So many bytes of it survive the power, those that the journal has included.
    pub journaled: u64,
    /// Whether the journal may speak of it.
    pub in_journal: bool,
    /// Which file it is; `None` while it was never open.
    identity: Option<Identity>,
    /// The state of its directory when its name was last seen to be that of the open file.
    named_under: Option<Stamp>,
}

impl Current {
    /// A file of this length, all of which is on the disk; of zero: one that may not be there yet.
    pub fn of(length: u64, ends_open: bool) -> Self {
        Self {
            handle: None,
            length,
            ends_open,
            begun: Instant::now(),
            name_on_disk: Arc::new(AtomicBool::new(length > 0)),
            on_disk: Arc::new(AtomicU64::new(length)),
            lost: Arc::default(),
            journaled: 0,
            in_journal: false,
            identity: None,
            named_under: None,
        }
    }

    /// So many bytes of it survive the power, at the least.
    pub fn safe(&self) -> u64 {
        self.on_disk().max(self.journaled)
    }

    /// So many bytes of it are on the disk in their own place, at the least.
    pub fn on_disk(&self) -> u64 {
        if self.lost.load(Ordering::Acquire) { 0 } else { self.on_disk.load(Ordering::Acquire) }
    }

    /// Takes note of so many bytes that are.
    pub fn is_on_disk(&self, length: u64) {
        self.on_disk.fetch_max(length, Ordering::AcqRel);
    }

    /// Whether what has its name is still what was written last. Where somebody has removed, replaced or cut it, an
    /// acknowledgement would be a lie. The name need not be looked up while its directory has the same `names`, and the file
    /// says that it has one: not on every file system it does.
    pub fn is_unchanged(&mut self, path: &Path, names: Option<Stamp>) -> Result<bool> {
        if let Some(file) = self.handle.as_ref().filter(|_| names.is_some() && names == self.named_under)
            && let Some(found) = files::named(file)
        {
            return Ok(self.length == found.length);
        }
        let found = files::look(path)?;
        let unchanged = self.is(found) && self.length == found.map_or(0, |found| found.length);
        self.named_under = names.filter(|_| unchanged && self.handle.is_some());
        Ok(unchanged)
    }

    /// Whether what the journal has of it may be written to it once more: it is there, and nobody has cut or replaced it.
    /// What stands behind may be half a line that could not be taken away again.
    pub fn may_be_mended(&self, path: &Path) -> Result<bool> {
        let found = files::look(path)?;
        Ok(self.is(found) && found.is_some_and(|found| found.length >= self.journaled))
    }

    /// Whether what was found is the same file, as far as it was ever open.
    fn is(&self, found: Option<Found>) -> bool {
        self.identity.is_none() || self.identity == found.map(|found| found.identity)
    }

    /// What the journal has of it is on the disk in its own place, whatever a sync has lost, and so is its name.
    pub fn is_settled(&self) {
        if self.lost.load(Ordering::Acquire) {
            self.on_disk.store(self.journaled, Ordering::Release);
            self.lost.store(false, Ordering::Release);
        }
        self.is_on_disk(self.journaled);
        self.name_on_disk.store(true, Ordering::Release);
    }

    /// Opens it, creating it where it is not there.
    pub fn open(&mut self, path: &Path) -> Result<Arc<File>> {
        if let Some(file) = &self.handle {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(files::open_append(path)?);
        self.identity = Some(files::identity(&file, path)?);
        if self.length == 0 {
            self.begun = Instant::now();
        }
        self.handle = Some(Arc::clone(&file));
        Ok(file)
    }
}
