//! What the threads of a store know of its file together.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{held::Held, own_log::OwnLog, still_there::still_there};
use crate::{error::Result, found::Identity};

/// The file that a store was opened with.
#[derive(Debug, Default)]
pub struct SharedFile {
    first: OnceLock<Identity>,
    /// The log that the writer has open.
    log: Mutex<Option<Arc<OwnLog>>>,
    read_only: AtomicBool,
    /// As long as any thread of the store may have the file open.
    held: Mutex<Option<Arc<Held>>>,
}

impl SharedFile {
    /// Which file it is: the one that the writer has opened, and no other for as long as the store is open. What stands in its
    /// place later may be another state of the same store, and what was acknowledged is not in it.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.first.get().copied()
    }

    /// The writer has opened the file.
    pub fn is(&self, identity: Option<Identity>) {
        if let Some(identity) = identity {
            self.first.get_or_init(|| identity);
        }
    }

    /// Other copies leave the file alone until it is let go of, and each connection closed that was opened meanwhile.
    pub fn hold(&self, held: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held.map(Arc::new);
    }

    /// What a connection has to keep for as long as it is open.
    #[must_use]
    pub fn held(&self) -> Option<Arc<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The writer has opened that log, or is about to open another.
    pub fn has_log(&self, log: Option<Arc<OwnLog>>) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    /// Checks that the path still means that file, and its log is the one that is open, where they have been opened already.
    ///
    /// # Errors
    /// [`crate::Error::Io`] where it does not.
    pub fn still_there(&self, path: &Path, doing: &str) -> Result<()> {
        self.identity().map_or(Ok(()), |first| still_there(path, Some(first), doing))?;
        let Some(log) = self.log() else { return Ok(()) };
        // The writer may have let go of it meanwhile, to open the file anew: then it was his to take away.
        log.still_there(doing).or_else(|gone| match self.log() {
            Some(now) if Arc::ptr_eq(&now, &log) => Err(gone),
            _ => Ok(()),
        })
    }

    fn log(&self) -> Option<Arc<OwnLog>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the file could not be written to when it was last opened. Then nobody keeps it open: all connections of a
    /// process share what the first of them was allowed to.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Acquire)
    }

    /// What came out of the last opening.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Release);
    }
}
