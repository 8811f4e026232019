//! Whether the log is still this process's, and what becomes of it where it may not be.

use super::Owned;
use crate::{
    error::{Error, Result},
    event_log::record,
};

impl Owned {
    /// Whether nobody else can own the log, see [`super::Ownership::holds`].
    ///
    /// # Errors
    /// Where that cannot be told.
    pub fn holds(&mut self) -> Result<bool> {
        self.ownership.holds()
    }

    /// The same for each batch, see [`super::Ownership::seems_to_hold`].
    ///
    /// # Errors
    /// Where that cannot be told.
    pub fn seems_to_hold(&mut self) -> Result<bool> {
        self.ownership.seems_to_hold()
    }

    /// Whether nobody else can have begun to own the log while it was written to.
    pub(super) fn still_holds(&mut self) -> bool {
        self.seems_to_hold().unwrap_or(false)
    }

    /// Whether a look has told that somebody else may own it.
    pub fn has_lost(&self) -> bool {
        self.ownership.is_lost()
    }

    /// No number above this was given, but to sessions that have come to those of another program.
    pub fn given(&self) -> u64 {
        self.lanes.values().map(|lane| lane.next_seq() - 1).fold(self.highest_seq, record::higher)
    }

    /// Lets go of a log that somebody else may own. What was acknowledged still gets to the disk; nothing else is touched.
    pub fn abandon(mut self) -> Error {
        if self.sync_dirty().is_err() && self.lanes.values().any(|lane| lane.dirty) {
            self.around.doubts.raise("a file could not be opened".to_owned());
        }
        let lost = self.ownership.lost();
        self.end_cleanups(&Err(lost.clone()));
        lost
    }

    /// Looks up whose the lock's name is, once a batch: where a file is not what it was, its directory may be another one.
    pub(super) fn look_once(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.has_looked, true) {
            self.holds()?;
        }
        Ok(())
    }
}
