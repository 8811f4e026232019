//! The write-ahead log that a connection has open, which is to be the one under its name. Where it is not, somebody who does not
//! see this process's locks has closed the database, or a hand has removed the log: SQLite would write on into a file that
//! nobody will ever find again, and fold old pages over newer ones.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, config::DbConfig};

use super::{birth, identity::Identity};
use crate::error::{Error, Result};

/// Which log it is.
#[derive(Debug)]
pub struct OwnLog {
    path: PathBuf,
    opened: Option<Identity>,
    /// SQLite holds no locks on the log itself, which closing a file of one's own would end.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there an open file cannot be removed"))]
    file: Option<File>,
}

impl OwnLog {
    /// The log of the database at `path`, which was opened just now.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let path = birth::with_ending(&birth::own_name(path), "-wal");
        Self { opened: Identity::of(&path), file: cfg!(unix).then(|| File::open(&path).ok()).flatten(), path }
    }

    /// Checks that the name still means the log that was opened. Only Unix lets a file be removed that is open.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not.
    pub fn still_there(&self, doing: &str) -> Result<()> {
        if !cfg!(unix) || (self.opened.is_some() && Identity::of(&self.path) == self.opened) {
            Ok(())
        } else {
            Err(self.gone(doing))
        }
    }

    /// The same after each commit, at a third of the price of a look at the name: whoever takes a log away removes it. One that
    /// was only moved is noticed by the next look.
    ///
    /// # Errors
    /// [`Error::Io`] where it was removed.
    pub fn has_a_name(&self, doing: &str) -> Result<()> {
        match self.names() {
            Some(0) => Err(self.gone(doing)),
            Some(_) => Ok(()),
            None => self.still_there(doing),
        }
    }

    /// How many names the file that was opened has still.
    #[cfg(unix)]
    fn names(&self) -> Option<u64> {
        use std::os::unix::fs::MetadataExt;
        self.file.as_ref()?.metadata().ok().map(|found| found.nlink())
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "as where it can be told")]
    fn names(&self) -> Option<u64> {
        None
    }

    fn gone(&self, doing: &str) -> Error {
        let cause = format!(
            "the write-ahead log {} was deleted or replaced while it was open, as by another SQLite in this process: close every \
             store of this process that has the file open, and open it anew",
            self.path.display()
        );
        Error::Io { doing: doing.into(), cause }
    }

    /// Whoever closes a database last folds the log that it has open, and removes the one that has the name: not where these are
    /// two.
    pub fn before_closing(&self, connection: &Connection) {
        if self.still_there("closing the database").is_err() {
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}
