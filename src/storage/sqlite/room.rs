//! Room in the write-ahead log, made ahead of the commits that need it. The sync of a file that grows has to put its new
//! length and place on the disk as well: it takes up to twice as long as that of one that has its room already. So
//! zeros are written behind what the log holds, when nobody waits; to SQLite they are the end of the log.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{birth, still_there::still_there};
use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

/// So much is made at once while commits come: enough for a dozen small ones, and done in less time than they take.
const AHEAD: u64 = 256 * 1024;

/// With so little left, more is made.
const LITTLE: u64 = 32 * 1024;

/// A log that was emptied gets as much as it held before, and a little, but no more than this.
const MOST_AT_REST: u64 = 1024 * 1024;

/// What is known of the room.
pub struct Room {
    path: PathBuf,
    log: PathBuf,
    /// The log that is open here, as there may be no more files to open when it has to be synced.
    open: Option<(Identity, File)>,
    identity: Option<Identity>,
    busy_timeout: Duration,
    /// So long the log was made, or was to be.
    bytes: u64,
    /// So much of it the last commit has left used.
    used: u64,
    /// So much of it was used before it was emptied.
    held: u64,
}

impl Room {
    /// None yet, in the log of the database at `path`.
    #[must_use]
    pub fn of(path: &Path, identity: Option<Identity>, busy_timeout: Duration) -> Self {
        let log = birth::with_ending(&birth::own_name(path), "-wal");
        let mut room =
            Self { path: path.to_owned(), log, open: None, identity, busy_timeout, bytes: 0, used: 0, held: 0 };
        if let Err(error) = room.log() {
            tracing::debug!(target: "smalltalk::storage", %error, "the write-ahead log is opened later");
        }
        room
    }

    /// The log was emptied.
    pub fn is_gone(&mut self) {
        self.bytes = 0;
        self.held = std::mem::take(&mut self.used);
    }

    /// Sees to it that there is room behind the `used` bytes of the log, after a small commit: to write the room of a large one
    /// ahead would be to write it twice.
    ///
    /// # Errors
    /// [`Error::Io`] where the log could not be synced: what that may have lost was not to be made, but to be kept.
    pub fn keep(&mut self, connection: &Connection, used: u64) -> Result<()> {
        let small = used.saturating_sub(self.used) <= AHEAD;
        self.used = used;
        if small && used + LITTLE > self.bytes { self.lengthen_to(connection, used + AHEAD) } else { Ok(()) }
    }

    /// Sees to it that a log that was emptied has room for as much as it held.
    ///
    /// # Errors
    /// As of [`Self::keep`].
    pub fn keep_at_rest(&mut self, connection: &Connection) -> Result<()> {
        self.lengthen_to(connection, (self.held + LITTLE).min(MOST_AT_REST))
    }

    /// It is of use and no more: that it cannot be had is no failure.
    fn lengthen_to(&mut self, connection: &Connection, wanted: u64) -> Result<()> {
        self.bytes = wanted;
        // Nobody is waited for: the next commit asks again.
        let made = connection.busy_timeout(Duration::ZERO).and_then(|()| self.make(connection, wanted));
        let restored = connection.busy_timeout(self.busy_timeout);
        let made = made.and_then(|made| restored.map(|()| made));
        made.unwrap_or_else(|error| {
            tracing::debug!(target: "smalltalk::storage", %error, "no room is made in the write-ahead log");
            Ok(())
        })
    }

    /// With the right to write, so that nobody else adds to the log or cuts it off meanwhile.
    fn make(&mut self, connection: &Connection, wanted: u64) -> rusqlite::Result<Result<()>> {
        let alone = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let there = still_there(&self.path, self.identity, "making room").map_err(|error| error.to_string());
        let longer = there.and_then(|()| self.lengthen(wanted).map_err(|error| error.to_string()));
        let made = match longer {
            Ok(Some(log)) => synced(log),
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::debug!(target: "smalltalk::storage", error, "no room is made in the write-ahead log");
                Ok(())
            }
        };
        alone.rollback()?;
        Ok(made)
    }

    /// Has the log on the disk, all that is in it.
    ///
    /// # Errors
    /// [`Error::Io`] where it is not to be had.
    pub fn sync(&mut self) -> Result<()> {
        still_there(&self.path, self.identity, SYNCING)?;
        self.log().map_err(|cause| Error::io(SYNCING, &cause)).and_then(synced)
    }

    /// SQLite holds no locks on the log itself, which closing a file of one's own would end. Whoever closes the database last
    /// takes the log away, and the next one has another under its name.
    fn log(&mut self) -> io::Result<&File> {
        let mut there = Identity::of(&self.log);
        if !self.open.as_ref().is_some_and(|(identity, _)| there == Some(*identity)) {
            // Its directory may have another name by now.
            self.log = birth::with_ending(&birth::own_name(&self.path), "-wal");
            there = Identity::of(&self.log);
        }
        let held = self.open.take().filter(|(identity, _)| cfg!(unix) && there == Some(*identity));
        let open = if let Some(held) = held {
            held
        } else {
            let log = OpenOptions::new().append(true).open(&self.log)?;
            (Found::of(&log)?.identity, log)
        };
        Ok(&self.open.insert(open).1)
    }

    /// The log where it has become longer, which has to be synced.
    fn lengthen(&mut self, wanted: u64) -> io::Result<Option<&File>> {
        let mut log = self.log()?;
        let missing = wanted.saturating_sub(Found::of(log)?.length);
        if missing == 0 {
            return Ok(None);
        }
        io::copy(&mut io::repeat(0).take(missing), &mut log)?;
        Ok(Some(log))
    }
}

const SYNCING: &str = "syncing the write-ahead log";

/// Whatever the cause of a failure, also a full disk: the kernel may have forgotten what it has not written.
fn synced(log: &File) -> Result<()> {
    log.sync_data().map_err(|cause| Error::Io { doing: SYNCING.into(), cause: cause.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn length(path: &Path) -> u64 {
        fs::metadata(birth::with_ending(path, "-wal")).unwrap().len()
    }

    fn database(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS t (x);").unwrap();
        connection
    }

    #[test]
    fn whoever_writes_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let (ours, theirs) = (database(&path), database(&path));
        theirs.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (1);").unwrap();
        let before = length(&path);
        let mut room = Room::of(&path, Identity::of(&path), Duration::from_secs(60));
        room.keep(&ours, before).unwrap();
        assert_eq!(length(&path), before);
        theirs.execute_batch("COMMIT").unwrap();
        // That it was not to be had is forgotten when more is needed.
        room.keep(&ours, before + AHEAD).unwrap();
        assert!(length(&path) >= before + AHEAD);
        let count: i64 = ours.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
        theirs.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        let count: i64 = ours.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 2);
    }

    #[cfg(unix)]
    #[test]
    fn the_log_is_beside_the_database_and_not_beside_a_link_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("s.db"), directory.path().join("link.db"));
        let connection = database(&path);
        std::os::unix::fs::symlink("s.db", &link).unwrap();
        let before = length(&path);
        let mut room = Room::of(&link, Identity::of(&link), Duration::ZERO);
        room.sync().unwrap();
        room.keep(&connection, before).unwrap();
        assert!(length(&path) > before);
    }

    #[cfg(unix)]
    #[test]
    fn the_log_is_found_when_its_directory_has_another_name() {
        let directory = tempfile::tempdir().unwrap();
        let [old, new, current] = ["old", "new", "current"].map(|name| directory.path().join(name));
        let point_to = |target: &Path| {
            let _ = fs::remove_file(&current);
            std::os::unix::fs::symlink(target, &current).unwrap();
        };
        fs::create_dir(&old).unwrap();
        point_to(&old);
        let path = current.join("s.db");
        let _connection = database(&path);
        let mut room = Room::of(&path, Identity::of(&path), Duration::ZERO);
        fs::rename(&old, &new).unwrap();
        point_to(&new);
        room.sync().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_log_is_opened_once_and_anew_only_where_it_is_another() {
        use std::os::fd::AsRawFd;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = database(&path);
        let mut room = Room::of(&path, Identity::of(&path), Duration::ZERO);
        let descriptor = |room: &Room| room.open.as_ref().map(|(_, log)| log.as_raw_fd());
        let opened = descriptor(&room);
        assert!(opened.is_some(), "there may be no more files to open later");
        let first = room.open.as_ref().map(|(identity, _)| *identity);
        room.sync().unwrap();
        room.keep(&connection, length(&path)).unwrap();
        assert_eq!(descriptor(&room), opened);
        connection.close().unwrap();
        let _another = database(&path);
        Connection::open(&path).unwrap().execute_batch("INSERT INTO t VALUES (1)").unwrap();
        room.sync().unwrap();
        let held = room.open.as_ref().map(|(identity, _)| *identity);
        assert_eq!(held, Identity::of(&birth::with_ending(&path, "-wal")));
        assert_ne!(held, first);
    }

    #[test]
    fn the_log_of_another_database_under_the_name_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let ours = database(&path);
        let mut room = Room::of(&path, Identity::of(&path), Duration::ZERO);
        for ending in ["", "-wal"] {
            fs::rename(birth::with_ending(&path, ending), directory.path().join(format!("moved.db{ending}"))).unwrap();
        }
        let theirs = database(&path);
        let before = length(&path);
        room.keep(&ours, before).unwrap();
        assert_eq!(length(&path), before);
        drop(theirs);
    }
}
