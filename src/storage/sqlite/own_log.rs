//! The write-ahead log that a connection has open, which is to be the one under its name. Where it is not, somebody who does not
//! see this process's locks has closed the database, or a hand has removed the log: SQLite would write on into a file that
//! nobody will ever find again, and fold old pages over newer ones.
//!
//! From its first read until it is closed a connection has a lock on the database. Whoever sees that lock, in this process or
//! another, neither takes the log away when he closes the file nor has the file use none. So it is looked for in that time only:
//!
//! - A file that had no log, as a new one, a restored backup or one that was set to use none, has one after the opening's first read.
//! - Of a file that is only read, as a backup on a read-only disk, there may be none: nobody is told that there is.
//! - Whoever closes the file, at the end or to open it anew after a doubt, first takes back what he has told others: he may be the
//!   last, in this process and in any.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, config::DbConfig};

use super::birth;
use crate::{
    durability::Durability,
    error::{Error, Result},
    found::{Found, Identity},
};

/// For so long a look at the name is enough for commits that are not synced.
const TRUSTED: Duration = Duration::from_millis(10);

/// Which log it is.
#[derive(Debug)]
pub struct OwnLog {
    database: PathBuf,
    path: PathBuf,
    /// None where there was none to be seen: a backup on a read-only disk has none. Of that nobody says that it is gone.
    opened: Option<Identity>,
    /// SQLite holds no locks on the log itself, which closing a file of one's own would end.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there an open file cannot be removed"))]
    file: Option<File>,
    /// When a commit last had the name looked at.
    looked: Mutex<Instant>,
}

impl OwnLog {
    /// The log of the database at `path`, which was read just now.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        let path = path_of(database);
        let file = cfg!(unix).then(|| File::open(&path).ok()).flatten();
        Self {
            database: database.to_owned(),
            opened: Identity::of(&path),
            file,
            path,
            looked: Mutex::new(Instant::now()),
        }
    }

    /// Checks that the name still means the log that was opened. Only Unix lets a file be removed that is open.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not.
    pub fn still_there(&self, doing: &str) -> Result<()> {
        // Its directory may have another name by now, and whoever opens the database finds the same log there.
        let there =
            !cfg!(unix) || self.opened.is_none() || self.is_at(&self.path) || self.is_at(&path_of(&self.database));
        if there { Ok(()) } else { Err(self.gone(doing)) }
    }

    /// Where nobody lets us look, as where the rights of the directory were taken, it is there as long as it has a name.
    fn is_at(&self, path: &Path) -> bool {
        match Found::at(path) {
            Ok(found) => self.opened == Some(found.identity),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
            Err(_) => self.names() != Some(0),
        }
    }

    /// The same after each commit. Where that was not synced, mostly at a third of the price: whoever takes a log away removes
    /// it, and one that was only moved is noticed soon enough.
    ///
    /// # Errors
    /// [`Error::Io`] where it was removed, or was moved.
    pub fn after_commit(&self, durability: Durability, doing: &str) -> Result<()> {
        // Not every file system counts the names: then the name itself tells.
        let has_name = || self.names().is_some_and(|names| names > 0);
        if durability == Durability::Process && !self.look_is_due() && has_name() {
            Ok(())
        } else {
            self.still_there(doing)
        }
    }

    fn look_is_due(&self) -> bool {
        let (now, mut looked) = (Instant::now(), self.looked.lock().unwrap_or_else(PoisonError::into_inner));
        let due = now.duration_since(*looked) > TRUSTED;
        if due {
            *looked = now;
        }
        due
    }

    /// How many names the file that was opened has still.
    #[cfg(unix)]
    fn names(&self) -> Option<u64> {
        Found::of(self.file.as_ref()?).ok().map(|found| found.names)
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
    /// two. Says whether it is one.
    pub fn before_closing(&self, connection: &Connection) -> bool {
        let there = self.still_there("closing the database").is_ok();
        if !there {
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        there
    }
}

/// Where the engine has the log of a database.
fn path_of(database: &Path) -> PathBuf {
    birth::with_ending(&birth::own_name(database), "-wal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_not_to_be_seen_is_not_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let log = OwnLog::of(&path);
        assert!(log.still_there("reading").is_ok() && log.after_commit(Durability::Process, "committing").is_ok());
        std::fs::write(path_of(&path), "").unwrap();
        assert!(log.still_there("reading").is_ok() && log.after_commit(Durability::Process, "committing").is_ok());
    }
}
