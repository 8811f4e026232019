//! Room in the file for what its write-ahead log holds, taken before the commit that makes the database longer. Without it
//! the log of a full disk could neither be folded nor begin anew, and nothing could be removed.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, FileControl, MAIN_DB};

use super::{birth, failure::failure};
use crate::{
    error::{Error, Result},
    found::Found,
};

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
        Found::at(&self.path).map_or(0, |found| i64::try_from(found.length).unwrap_or(i64::MAX))
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
    std::fs::OpenOptions::new().append(true).open(log).is_ok_and(|log| {
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
pub fn available(path: &Path) -> i64 {
    let Ok(found) = rustix::fs::statvfs(path) else { return i64::MAX };
    // Some is kept for the superuser.
    let blocks = if rustix::process::geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    let limited = found.f_blocks > 0;
    if limited { i64::try_from(blocks.saturating_mul(found.f_frsize)).unwrap_or(i64::MAX) } else { i64::MAX }
}

#[cfg(not(unix))]
pub fn available(_: &Path) -> i64 {
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
mod tests;
