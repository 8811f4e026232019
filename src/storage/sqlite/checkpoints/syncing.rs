//! What was acknowledged without a sync: that it is on the disk in time, whatever keeps the log from being folded.

use std::{sync::atomic::Ordering, time::Instant};

use rusqlite::Connection;

use super::{Checkpoints, SYNCED_WITHIN, later};
use crate::error::{Error, Result};

impl Checkpoints {
    /// Whether something that was acknowledged is not synced.
    #[must_use]
    pub fn is_sync_owed(&self) -> bool {
        self.sync_by.is_some()
    }

    pub(super) fn sync_is_due(&self) -> bool {
        self.sync_by.is_some_and(|due| due <= Instant::now())
    }

    /// For those who want to survive a power cut and have changed nothing: what they have found may not be on the disk yet.
    /// Where they have changed something, their commit has synced it with theirs.
    ///
    /// # Errors
    /// A sync that failed.
    pub fn sync_what_is_owed(&mut self, connection: &Connection) -> Result<()> {
        let nothing_written = self.committed.load(Ordering::Relaxed) == 0;
        if !nothing_written || !self.is_sync_owed() {
            return Ok(());
        }
        let folded = self.fold(connection);
        // The log may be on the disk although there is no room for it in the file.
        if self.is_sync_owed() { folded } else { Ok(()) }
    }

    /// After the log was folded, as a whole or not, where a sync was owed: what failed is owed still.
    ///
    /// Folding begins with syncing the log, but only where there is something that may be folded: what a reader holds up, or
    /// another process that folds at this moment, has to be synced apart. So has what there is no room for in the file.
    pub(super) fn owe(&mut self, owed: bool, folded: Result<bool>) -> Result<()> {
        if !owed {
            return folded.map(drop);
        }
        let synced = match &folded {
            Ok(true) => Ok(()),
            Ok(false) | Err(Error::Full { .. }) => self.room.sync(),
            Err(error) => Err(error.clone()),
        };
        if synced.is_err() {
            self.sync_by = Some(later(&mut self.sync_pause));
        } else {
            self.sync_pause = SYNCED_WITHIN;
        }
        synced.and(folded.map(drop))
    }
}
