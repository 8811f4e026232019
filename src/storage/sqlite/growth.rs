//! Room in the file for what its write-ahead log holds, taken before the commit that makes the database longer. Without it
//! the log of a full disk could neither be folded nor begin anew, and nothing could be removed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, FileControl, MAIN_DB};

use super::{birth, failure::failure};
use crate::error::{Error, Result};

/// So much more is taken where it is to be had: a commit in a dozen has to take some.
const AHEAD: i64 = 256 * 1024;

/// What is known of the room.
pub struct Growth {
    path: PathBuf,
    page_size: i64,
    /// Whether the system makes a file longer without writing into it: another process may be folding at the moment.
    able: bool,
    disk: Disk,
}

/// What can be asked of a disk.
#[derive(Clone, Copy)]
pub struct Disk {
    /// What is left for this process, as far as the system tells.
    pub available: fn(&Path) -> i64,
    /// Whether a file beside this one could not be made so long, of which the last so many bytes are new.
    pub is_full: fn(&Path, i64, i64) -> bool,
}

/// The one that the file is on.
const REAL: Disk = Disk { available, is_full };

impl Growth {
    /// Room in the file at `path`, whose log is there. What is in that already has its room where it can be had.
    ///
    /// # Errors
    /// What keeps the database from being looked at.
    pub fn of(connection: &Connection, path: &Path) -> Result<Self> {
        Self::on(connection, path, REAL)
    }

    /// The same on a disk of which is told what is to be told.
    ///
    /// # Errors
    /// What keeps the database from being looked at.
    pub fn on(connection: &Connection, path: &Path, disk: Disk) -> Result<Self> {
        let page_size = ask(connection, "PRAGMA page_size")?;
        let path = birth::own_name(path);
        let able = system_lengthens(&birth::with_ending(&path, "-wal"));
        let growth = Self { path, page_size, able, disk };
        if let Err(error) = growth.keep(connection) {
            tracing::debug!(target: "smalltalk::storage", %error, "the write-ahead log may hold more than the file has room for");
        }
        Ok(growth)
    }

    /// Takes the room for what is about to be committed, or was. It is looked for, not remembered: whoever folds the log, here
    /// or in another process, may cut the file.
    ///
    /// # Errors
    /// [`Error::Full`] where there is none.
    pub fn keep(&self, connection: &Connection) -> Result<()> {
        if !self.able {
            return Ok(());
        }
        let needed = ask(connection, "PRAGMA page_count")? * self.page_size;
        let missing = needed - self.length();
        if missing <= 0 { Ok(()) } else { self.take(connection, needed, missing) }
    }

    /// Does not try where there is not enough: some file systems leave what they had got until then with the file. What the
    /// system says is left may be too little: it may keep some for a few, or not count at all. Then another file is tried.
    fn take(&self, connection: &Connection, needed: i64, missing: i64) -> Result<()> {
        let available = (self.disk.available)(&self.path);
        if missing + AHEAD <= available && self.lengthen(connection, needed + AHEAD) {
            return Ok(());
        }
        let is_full = || (self.disk.is_full)(&self.path, needed, missing);
        let enough = missing <= available || !is_full();
        // Whoever commits has a better error to tell where something else is the matter.
        if (enough && self.lengthen(connection, needed)) || is_read_only(&self.path) || (enough && !is_full()) {
            return Ok(());
        }
        Err(Error::Full { doing: "making the database file longer".into() })
    }

    /// By how much what is in the log would make the file longer, beyond what there is room for on the disk.
    ///
    /// # Errors
    /// What keeps the database from being looked at.
    pub fn lacks(&self, connection: &Connection) -> Result<i64> {
        let missing = ask(connection, "PRAGMA page_count")? * self.page_size - self.length();
        Ok(if missing > 0 { (missing - (self.disk.available)(&self.path)).max(0) } else { 0 })
    }

    /// What could be cut off the file.
    ///
    /// # Errors
    /// What keeps the database from being looked at.
    pub fn unused(&self, connection: &Connection) -> Result<i64> {
        Ok(ask(connection, "PRAGMA freelist_count")? * self.page_size)
    }

    /// Looks at the name only: to open the file would end the engine's locks on it when it is closed again.
    fn length(&self) -> i64 {
        fs::metadata(&self.path).map_or(0, |found| i64::try_from(found.len()).unwrap_or(i64::MAX))
    }

    /// Has the engine do it, which has the file open; whether it could. It does so only for those who want whole chunks, and
    /// would cut the file to such as well.
    fn lengthen(&self, connection: &Connection, mut bytes: i64) -> bool {
        let chunk = |mut size| connection.file_control(Some(MAIN_DB), FileControl::ChunkSize(&mut size)).is_ok();
        let made = i32::try_from(self.page_size).is_ok_and(chunk)
            && connection.file_control(Some(MAIN_DB), FileControl::SizeHint(&mut bytes)).is_ok();
        chunk(0) && made
    }
}

fn ask(connection: &Connection, pragma: &str) -> Result<i64> {
    connection
        .prepare_cached(pragma)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|error| failure("looking at the size of the database", &error))
}

/// Tried on the log. Where the system cannot, its library would write into the file instead.
#[cfg(target_os = "linux")]
fn system_lengthens(log: &Path) -> bool {
    use rustix::{
        fs::{FallocateFlags, fallocate},
        io::Errno,
    };
    fs::OpenOptions::new().append(true).open(log).is_ok_and(|log| {
        !matches!(fallocate(log, FallocateFlags::KEEP_SIZE, 0, 1), Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL))
    })
}

/// Why a file could not be made longer the engine does not tell: the same is asked for in another one, which goes at once.
/// Where that is to be had, or something else is the matter, the commit tells what it is.
#[cfg(target_os = "linux")]
fn is_full(path: &Path, needed: i64, missing: i64) -> bool {
    use rustix::{
        fs::{FallocateFlags, Mode, OFlags, fallocate, open},
        io::Errno,
    };
    let (Some(directory), Ok(from), Ok(bytes)) =
        (path.parent(), u64::try_from(needed - missing), u64::try_from(missing))
    else {
        return false;
    };
    open(directory, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
        .and_then(|file| fallocate(file, FallocateFlags::empty(), from, bytes))
        .is_err_and(|cause| matches!(cause, Errno::NOSPC | Errno::DQUOT | Errno::FBIG))
}

#[cfg(not(target_os = "linux"))]
fn is_full(_: &Path, _: i64, _: i64) -> bool {
    true
}

/// Elsewhere the engine writes into the file, or cuts it.
#[cfg(not(target_os = "linux"))]
fn system_lengthens(_: &Path) -> bool {
    false
}

/// What is left on the disk; where the system does not tell, as of one without a limit, there is enough.
#[cfg(unix)]
fn available(path: &Path) -> i64 {
    let Ok(found) = rustix::fs::statvfs(path) else { return i64::MAX };
    // Some is kept for the superuser.
    let blocks = if rustix::process::geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    let limited = found.f_blocks > 0;
    if limited { i64::try_from(blocks.saturating_mul(found.f_frsize)).unwrap_or(i64::MAX) } else { i64::MAX }
}

#[cfg(not(unix))]
fn available(_: &Path) -> i64 {
    i64::MAX
}

#[cfg(unix)]
fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

#[cfg(not(unix))]
fn is_read_only(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn database(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);")
            .unwrap();
        connection
    }

    fn length(path: &Path) -> i64 {
        i64::try_from(fs::metadata(path).unwrap().len()).unwrap()
    }

    fn bytes(connection: &Connection) -> i64 {
        ask(connection, "PRAGMA page_count").unwrap() * ask(connection, "PRAGMA page_size").unwrap()
    }

    fn fold(connection: &Connection) {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    #[test]
    fn what_is_about_to_be_committed_has_its_room_and_is_not_touched_by_that() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = database(&path);
        let growth = Growth::of(&connection, &path).unwrap();
        let fill = "INSERT INTO t SELECT hex(randomblob(2000)) FROM json_each('[1,2,3,4,5,6,7,8,9,10]')";
        for (n, ends) in ["COMMIT", "ROLLBACK", "COMMIT", "COMMIT"].into_iter().cycle().take(40).enumerate() {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            (0..10).for_each(|_| connection.execute_batch(fill).unwrap());
            growth.keep(&connection).unwrap();
            assert!(length(&path) >= bytes(&connection), "before the commit");
            connection.execute_batch(ends).unwrap();
            if n % 7 == 0 {
                fold(&connection);
            }
            assert!(length(&path) >= bytes(&connection), "after it");
            assert_eq!(growth.lacks(&connection).unwrap(), 0);
        }
        let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let rows: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!((sound.as_str(), rows), ("ok", 3_000));
        connection.close().unwrap();
        let again = Connection::open(&path).unwrap();
        assert!(length(&path) - bytes(&again) <= AHEAD, "the file keeps no more than it was to");
    }

    #[test]
    fn a_file_that_somebody_has_cut_gets_its_room_again_when_it_is_to_be_as_long_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        Connection::open(&path).unwrap().execute_batch("PRAGMA auto_vacuum = incremental").unwrap();
        let connection = database(&path);
        let growth = Growth::of(&connection, &path).unwrap();
        let save = || {
            connection.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (randomblob(3000000))").unwrap();
            growth.keep(&connection).unwrap();
            connection.execute_batch("COMMIT").unwrap();
            bytes(&connection)
        };
        let first = save();
        fold(&connection);
        let somebody = Connection::open(&path).unwrap();
        somebody.execute_batch("DELETE FROM t; PRAGMA incremental_vacuum").unwrap();
        fold(&somebody);
        assert!(length(&path) < first);
        assert_eq!(save(), first);
        assert!(length(&path) >= first);
    }

    #[test]
    fn where_there_is_not_enough_nothing_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = database(&path);
        connection.execute_batch("INSERT INTO t VALUES (randomblob(40000))").unwrap();
        let before = length(&path);
        for available in [(|_| 0) as fn(&Path) -> i64, |_| 39_999] {
            let growth = Growth::on(&connection, &path, Disk { available, is_full: |_, _, _| true }).unwrap();
            assert_eq!(growth.keep(&connection).unwrap_err().code(), "ERR_FULL");
            assert_eq!(length(&path), before);
        }
        let barely = Disk { available: |_| 100_000, ..REAL };
        Growth::on(&connection, &path, barely).unwrap().keep(&connection).unwrap();
        assert_eq!(length(&path), bytes(&connection), "no more than there is");
    }

    #[test]
    fn a_disk_of_which_nothing_is_said_to_be_left_is_full_only_where_another_file_finds_it_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = database(&path);
        connection.execute_batch("INSERT INTO t VALUES (randomblob(40000))").unwrap();
        let uncounted = Disk { available: |_| 0, ..REAL };
        Growth::on(&connection, &path, uncounted).unwrap().keep(&connection).unwrap();
        assert_eq!(length(&path), bytes(&connection));
    }

    #[test]
    fn a_file_that_cannot_be_made_longer_is_a_full_disk_only_where_no_other_could() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let growth = Growth::on(&database(&path), &path, Disk { available: |_| i64::MAX, ..REAL }).unwrap();
        let failing = Connection::open_in_memory().unwrap();
        growth.take(&failing, 40_000, 30_000).unwrap();
        let more_than_any_disk_has = 1 << 62;
        let refused = growth.take(&failing, more_than_any_disk_has, more_than_any_disk_has).unwrap_err();
        assert_eq!(refused.code(), "ERR_FULL");
    }

    #[test]
    fn what_was_in_the_log_before_has_its_room_from_the_opening_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = database(&path);
        connection.execute_batch("INSERT INTO t VALUES (randomblob(1000000))").unwrap();
        assert!(length(&path) < 1_000_000);
        Growth::of(&connection, &path).unwrap();
        assert!(length(&path) >= 1_000_000);
    }
}
