//! What becomes of the write-ahead log: when it is folded into the database, and when it is only synced.

use super::Writer;
use crate::{durability::Durability, error::Error, storage::sqlite::write_connection::WriteConnection};

/// A checkpoint that failed.
pub(super) const UNFOLDED: &str = "the write-ahead log stays as it is";

impl Writer {
    /// The connection where what it has in its log may be folded: out of a log that is not the file's any more that would be old
    /// pages.
    pub(super) fn foldable(&mut self) -> Option<&mut WriteConnection> {
        let opened = self.opened.as_ref().filter(|_| !self.doubt.is_there())?;
        let whole = opened.log.still_whole(&opened.connection, "folding the write-ahead log into the database");
        self.heed(whole, UNFOLDED);
        self.opened.as_mut().filter(|_| !self.doubt.is_there())
    }

    /// Has in the log on the disk what was acknowledged without a sync.
    pub(super) fn sync_owed(&mut self) {
        if self.opened.as_ref().is_some_and(|opened| opened.checkpoints.is_sync_owed())
            && let Some(opened) = self.foldable()
        {
            let synced = opened.checkpoints.sync_log();
            self.heed(synced, "what was acknowledged is not on the disk yet");
        }
    }

    /// The same where there may be no other chance.
    pub(super) fn sync_at_last(&mut self) {
        self.sync_owed();
        if self.doubt.is_there() {
            self.recover();
        }
    }

    /// After the answers were given.
    pub(super) fn fold(&mut self) {
        if let Some(opened) = self.opened.as_mut().filter(|_| !self.doubt.is_there()) {
            let synced = opened.synchronous != Some(Durability::Process);
            let folded = opened.checkpoints.after_batch(&opened.connection, synced);
            self.heed(folded, UNFOLDED);
        }
    }

    /// Before the file is closed: on the way out SQLite says nothing of what fails, and where others have the file open it
    /// folds nothing.
    pub(super) fn fold_at_last(&mut self) {
        let Some(opened) = self.foldable() else { return };
        let owed = opened.checkpoints.is_sync_owed();
        let folded = opened.checkpoints.fold(&opened.connection);
        if matches!(folded, Err(Error::Full { .. })) {
            self.reserve.release();
        }
        if owed {
            self.heed(folded, UNFOLDED);
        }
    }
}
