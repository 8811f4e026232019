//! A file beside a database that a connection has open, which is to be the one under its name.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::birth;
use crate::found::{Found, Identity};

/// Which file it is.
#[derive(Debug)]
pub struct NamedFile {
    database: PathBuf,
    ending: &'static str,
    path: PathBuf,
    /// None where there was none to be seen. Of that nobody says that it is gone.
    opened: Option<Identity>,
    /// To count the names it has: a third of the price of a look at its name.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there an open file cannot be removed"))]
    file: Option<File>,
}

impl NamedFile {
    /// The write-ahead log, which can be read from as well. SQLite holds no locks on it that closing a file of one's own would end.
    #[must_use]
    pub fn log(database: &Path) -> Self {
        Self::of(database, "-wal", |path| cfg!(unix).then(|| File::open(path).ok()).flatten())
    }

    /// The memory that all its users share. On that SQLite holds locks, which closing a file of one's own would end.
    #[must_use]
    pub fn index(database: &Path) -> Self {
        Self::of(database, "-shm", open_as_name)
    }

    fn of(database: &Path, ending: &'static str, open: fn(&Path) -> Option<File>) -> Self {
        let path = birth::with_ending(&birth::own_name(database), ending);
        Self { database: database.to_owned(), ending, opened: Identity::of(&path), file: open(&path), path }
    }

    /// Where it was when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To be read from.
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Whether the name still means the file that was opened. Only Unix lets a file be removed that is open.
    #[must_use]
    pub fn is_there(&self) -> bool {
        // Its directory may have another name by now, and whoever opens the database finds the same files there.
        let now = || birth::with_ending(&birth::own_name(&self.database), self.ending);
        !cfg!(unix) || self.opened.is_none() || self.is_at(&self.path) || self.is_at(&now())
    }

    /// Where nobody lets us look, as where the rights of the directory were taken, it is there as long as it has a name.
    fn is_at(&self, path: &Path) -> bool {
        match Found::at(path) {
            Ok(found) => self.opened == Some(found.identity),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
            Err(_) => self.found().is_none_or(|found| found.names > 0),
        }
    }

    /// Whether it certainly has a name still: whoever takes a file away removes it. Not every file system counts the names.
    #[must_use]
    pub fn has_name(&self) -> bool {
        self.found().is_some_and(|found| found.names > 0)
    }

    /// What is to be found of the file that was opened.
    #[cfg(unix)]
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        Found::of(self.file.as_ref()?).ok()
    }

    #[cfg(not(unix))]
    #[must_use]
    #[expect(clippy::unused_self, reason = "as where it can be told")]
    pub fn found(&self) -> Option<Found> {
        None
    }
}

/// Opened so, a file is neither read from nor written to, and nobody's locks end when it is closed.
#[cfg(target_os = "linux")]
fn open_as_name(path: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok().map(File::from)
}

/// Elsewhere its name tells.
#[cfg(not(target_os = "linux"))]
fn open_as_name(_: &Path) -> Option<File> {
    None
}
