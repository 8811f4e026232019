//! The write-ahead log that a connection has open, which is to be the one under its name. Where it is not, somebody who does not
//! see this process's locks has closed the database, or a hand has removed the log: SQLite would write on into a file that
//! nobody will ever find again, and fold old pages over newer ones.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, config::DbConfig};

use super::{birth, identity::Identity};
use crate::error::{Error, Result};

/// Which log it is.
#[derive(Debug)]
pub struct OwnLog {
    path: PathBuf,
    opened: Option<Identity>,
}

impl OwnLog {
    /// The log of the database at `path`, which was opened just now.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let path = birth::with_ending(&birth::own_name(path), "-wal");
        Self { opened: Identity::of(&path), path }
    }

    /// Checks that the name still means the log that was opened. Only Unix lets a file be removed that is open.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not.
    pub fn still_there(&self, doing: &str) -> Result<()> {
        if !cfg!(unix) || (self.opened.is_some() && Identity::of(&self.path) == self.opened) {
            return Ok(());
        }
        let cause = format!(
            "the write-ahead log {} was deleted or replaced while it was open, as by another SQLite in this process: close every \
             store of this process that has the file open, and open it anew",
            self.path.display()
        );
        Err(Error::Io { doing: doing.into(), cause })
    }

    /// Whoever closes a database last folds the log that it has open, and removes the one that has the name: not where these are
    /// two.
    pub fn before_closing(&self, connection: &Connection) {
        if self.still_there("closing the database").is_err() {
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}
