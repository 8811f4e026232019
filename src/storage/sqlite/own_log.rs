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
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, config::DbConfig};

use super::{log_index::Indexed, named_file::NamedFile, view::ReadMark};
use crate::{
    durability::Durability,
    error::{Error, Result},
};

/// For so long a look at the names is enough for commits that are not synced.
const TRUSTED: Duration = Duration::from_millis(10);

/// So often the index of a log is read that others go on changing.
const TRIES: usize = 3;

/// What whoever has to close has to close.
const OF_THIS_PROCESS: &str = "every store of this process that has the file open";
const OF_ALL: &str = "every store that has the file open, in every process";

/// Which log it is.
#[derive(Debug)]
pub struct OwnLog {
    log: NamedFile,
    /// In it are the locks of all who use the file as well. Whoever opens the file when it has gone makes another one, and neither
    /// sees the other's locks.
    index: NamedFile,
    /// Where the index can be read, and there is one.
    read_mark: Option<ReadMark>,
    /// When whoever writes last had the names looked at; none where they were not what they should be.
    looked: Mutex<Option<Instant>>,
}

impl OwnLog {
    /// The log of the database at `path`, which was read just now.
    #[must_use]
    pub fn of(database: &Path, read_mark: Option<ReadMark>) -> Self {
        let [log, index] = [NamedFile::log(database), NamedFile::index(database)];
        Self { log, index, read_mark, looked: Mutex::new(Some(Instant::now())) }
    }

    /// Checks that the names still mean the log that was opened, and its index.
    ///
    /// # Errors
    /// [`Error::Io`] where they do not.
    pub fn still_there(&self, doing: &str) -> Result<()> {
        for (file, what) in [(&self.log, "write-ahead log"), (&self.index, "index of the write-ahead log")] {
            if !file.is_there() {
                let cause = "was deleted or replaced while it was open, as by another SQLite in this process";
                return Err(unusable(doing, &format!("the {what} {} {cause}", file.path().display()), OF_THIS_PROCESS));
            }
        }
        Ok(())
    }

    /// The same, and that there is in the log what is in its index. The connection has read before.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not so.
    pub fn still_whole(&self, connection: &Connection, doing: &str) -> Result<()> {
        self.still_there(doing)?;
        self.holds(connection, doing, |log, indexed| {
            let long_enough = log.found().is_none_or(|found| found.length >= indexed.length);
            long_enough && log.file().is_none_or(|file| indexed.begins(file))
        })
    }

    /// The same for whoever has the right to write, before the first byte is written: into another log, or behind what another
    /// index says, it would go over what others have written. Mostly at a third of the price: whoever takes a file away removes
    /// it, and one that was only moved is noticed soon enough.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not so.
    pub fn before_writing(&self, connection: &Connection) -> Result<()> {
        const DOING: &str = "writing";
        let found = self.log.found().filter(|found| found.names > 0 && self.index.has_name());
        match found.filter(|_| !self.look_is_due()) {
            Some(found) => self.holds(connection, DOING, |_, indexed| found.length >= indexed.length),
            None => self.look(connection, DOING),
        }
    }

    /// The same before the commit of what has taken its time.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not so.
    pub fn before_commit(&self, connection: &Connection) -> Result<()> {
        if self.look_is_due() { self.look(connection, "committing") } else { Ok(()) }
    }

    /// The same after each commit; where that was not synced, for its price, only that the log has a name, and what else may have
    /// happened since the look before it is noticed by the next.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not so.
    pub fn after_commit(&self, connection: &Connection, durability: Durability) -> Result<()> {
        if durability == Durability::Process && !self.look_is_due() && self.log.has_name() {
            Ok(())
        } else {
            self.look(connection, "committing")
        }
    }

    /// Others may be writing, or emptying the log, unless they are kept from it: then the index is another one behind the look.
    fn holds(&self, connection: &Connection, doing: &str, look: impl Fn(&NamedFile, Indexed) -> bool) -> Result<()> {
        let Some(read_mark) = self.read_mark else { return Ok(()) };
        for _ in 0..TRIES {
            let mark = read_mark(connection);
            let Some(indexed) = mark.as_ref().and_then(Indexed::told_by) else { return Ok(()) };
            if look(&self.log, indexed) {
                return Ok(());
            }
            if read_mark(connection) == mark {
                let cause = "was emptied, cut off or written over while it was open";
                let cause = format!("the write-ahead log {} {cause}", self.log.path().display());
                return Err(unusable(doing, &cause, OF_ALL));
            }
        }
        Ok(())
    }

    /// Looks, and does so again before anything else is written where it was not so.
    fn look(&self, connection: &Connection, doing: &str) -> Result<()> {
        let now = Instant::now();
        let found = self.still_whole(connection, doing);
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = found.is_ok().then_some(now);
        found
    }

    fn look_is_due(&self) -> bool {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.is_none_or(|looked| looked.elapsed() > TRUSTED)
    }

    /// Whoever closes a database last folds the log that it has open, and removes the one that has the name: not where these are
    /// two, nor where there is not in the log what should be. Says whether it may be.
    pub fn before_closing(&self, connection: &Connection) -> bool {
        let sound = self.still_whole(connection, "closing the database").is_ok();
        if !sound {
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        sound
    }
}

fn unusable(doing: &str, cause: &str, whose: &str) -> Error {
    Error::Io { doing: doing.into(), cause: format!("{cause}: close {whose}, and open it anew") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::birth;

    #[test]
    fn a_log_that_was_not_to_be_seen_is_not_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = Connection::open_in_memory().unwrap();
        let log = OwnLog::of(&path, None);
        let looks = || {
            let looks = [
                log.still_there("reading"),
                log.before_writing(&connection),
                log.before_commit(&connection),
                log.after_commit(&connection, Durability::Process),
            ];
            assert!(looks.iter().all(Result::is_ok), "{looks:?}");
        };
        looks();
        for ending in ["-wal", "-shm"] {
            std::fs::write(birth::with_ending(&path, ending), "").unwrap();
        }
        looks();
    }
}
