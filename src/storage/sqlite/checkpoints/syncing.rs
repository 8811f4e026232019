//! What was acknowledged without a sync: that it is on the disk in time, whatever keeps the log from being folded.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{Checkpoints, SYNCED_WITHIN, later, wait_for_others};
use crate::{
    error::{Error, Result},
    storage::sqlite::{failure::uncertain, own_log::OwnLog, transaction},
};

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

    /// Has the log on the disk where that is owed, and folds nothing: for those who have no time for more, or must not.
    ///
    /// # Errors
    /// A sync that failed.
    pub fn sync_log(&mut self) -> Result<()> {
        let owed = self.sync_by.take().is_some();
        self.owe(owed, Ok(false))
    }

    /// Begins to write. While another process does, that is waited for; what is to be on the disk meanwhile waits for nobody.
    ///
    /// # Errors
    /// [`Error::Busy`] after the busy time-out, [`Error::Indeterminate`] where such a sync failed, else what kept it from
    /// beginning.
    pub fn begin(&mut self, connection: &Connection, log: &OwnLog) -> Result<()> {
        let begun = Instant::now();
        let until_due = self.sync_by.map(|due| due.saturating_duration_since(begun));
        let Some(until_due) = until_due.filter(|time| *time < self.busy_timeout) else {
            return transaction::begin(connection);
        };
        match self.begin_within(connection, until_due) {
            Err(Error::Busy) => {}
            outcome => return outcome,
        }
        log.still_there("waiting to write").and_then(|()| self.sync_log()).map_err(uncertain)?;
        self.begin_within(connection, self.busy_timeout.saturating_sub(begun.elapsed()))
    }

    fn begin_within(&self, connection: &Connection, patience: Duration) -> Result<()> {
        wait_for_others(connection, patience)?;
        let outcome = transaction::begin(connection);
        // It is in the memory of the process alone, and cannot fail.
        let _ = wait_for_others(connection, self.busy_timeout);
        outcome
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
