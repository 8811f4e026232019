//! What the threads of a store know of its file together.

use std::{
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::identity::{Identity, still_there};
use crate::error::Result;

/// The file that a store was opened with.
#[derive(Debug, Default)]
pub struct SharedFile {
    first: OnceLock<Identity>,
    read_only: AtomicBool,
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

    /// Checks that the path still means that file, where it has been opened already.
    ///
    /// # Errors
    /// [`crate::Error::Io`] where it does not.
    pub fn still_there(&self, path: &Path, doing: &str) -> Result<()> {
        self.identity().map_or(Ok(()), |first| still_there(path, Some(first), doing))
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
