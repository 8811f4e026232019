//! How a file comes to be: made under another name and given its own when it is whole. So a file without anything in it is
//! never ours in the making, but one that has lost what it had.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{failure::failure, hardening::harden, naming, schema};
use crate::error::{Error, Result};

/// Large pages halve the cost of large sessions.
const PAGE_SIZE: i32 = 16 * 1024;

/// Makes the database where there is nothing of its name, in a directory that is there.
///
/// # Errors
/// [`Error::Corrupt`] where there is a file with nothing in it, or a write-ahead log without its database; else what kept
/// it from being made.
pub fn make_where_missing(path: &Path) -> Result<()> {
    // In this order: who makes a database at this moment names it before it has a log.
    let logged = holds_something(&with_ending(path, "-wal"));
    match fs::metadata(path) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => {
            return Err(lost(
                path,
                "it is empty, and was not when it was made: remove it, and what is beside it as …-wal and …-shm, and only then \
                 put a backup in its place, or begin anew",
            ));
        }
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io(format!("looking for the database {}", path.display()), &cause));
        }
        Err(_) => {}
    }
    if logged.map_err(|cause| log_unseen(path, &cause))? {
        return Err(lost(
            path,
            "it is gone, and its write-ahead log is there: put this very file back, or remove the log (…-wal) and …-shm, and \
             only then put a backup in its place, or begin anew",
        ));
    }
    let unnamed = beside(path, "new");
    let made = fill(&unnamed, path).and_then(|()| publish(&unnamed, path));
    for ending in ["", "-wal", "-shm"] {
        // What is left of it has no name that anybody looks for.
        let _ = fs::remove_file(with_ending(&unnamed, ending));
    }
    made
}

/// Whether there is a log with something in it: one that was emptied has nothing, or zeros, which are room for more.
///
/// # Errors
/// What kept it from being looked at.
pub fn holds_something(log: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    match fs::File::open(log).and_then(|log| log.take(32).read_to_end(&mut header)) {
        Ok(_) => Ok(header.iter().any(|byte| *byte != 0)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        // What cannot be read may hold anything.
        Err(cause) => Err(cause),
    }
}

/// The error of a log of which nobody knows what it holds.
pub fn log_unseen(path: &Path, cause: &io::Error) -> Error {
    Error::io(format!("looking at the write-ahead log of the database {}", path.display()), cause)
}

/// The error of a file that is not the one it should be.
pub fn lost(path: &Path, detail: &str) -> Error {
    Error::Corrupt { what: format!("the database file {}", path.display()), detail: detail.into() }
}

/// Until it has its name nobody needs it whole, and then it is synced at once.
fn fill(unnamed: &Path, path: &Path) -> Result<()> {
    let creating = format!("creating the database {}", path.display());
    let doing = |error: &rusqlite::Error| failure(&creating, error);
    create_file(unnamed).map_err(|cause| Error::io(creating.clone(), &cause))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut connection = Connection::open_with_flags(unnamed, flags).map_err(|error| doing(&error))?;
    let written = |connection: &mut Connection| -> rusqlite::Result<()> {
        harden(connection, Duration::ZERO)?;
        connection.pragma_update(None, "synchronous", "off")?;
        connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        // Room that was given up can be given back to the disk, in steps.
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
        // In the file, not in a log: a close that cannot fold one says nothing.
        connection.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(()))?;
        schema::create(connection)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
    };
    written(&mut connection).map_err(|error| doing(&error))?;
    connection.close().map_err(|(_, error)| doing(&error))?;
    let synced = OpenOptions::new().write(true).open(unnamed).and_then(|file| file.sync_all());
    synced.map_err(|cause| Error::io(format!("syncing the new database {}", path.display()), &cause))
}

/// Gives it its name, unless somebody was first: that one is as good.
fn publish(unnamed: &Path, path: &Path) -> Result<()> {
    match naming::name(unnamed, path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::io(format!("naming the new database {}", path.display()), &cause))
        }
        _ => Ok(()),
    }
}

/// Makes the directory of the database where it is missing. Conversations are nobody else's business.
///
/// # Errors
/// What kept it from being made.
pub fn make_directory(path: &Path) -> Result<()> {
    let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(directory)
        .map_err(|cause| Error::io(format!("creating {}, the directory of the database", directory.display()), &cause))
}

/// Makes an empty file that only its owner may read, where there is nothing of that name. SQLite gives the files beside it
/// the same mode.
///
/// # Errors
/// What kept it from being made.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The name that the file itself has: SQLite puts the files beside it there, not beside a link to it.
#[must_use]
pub fn own_name(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A name in the same directory that nobody else uses.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    with_ending(path, &format!(".{}.{ending}", uuid::Uuid::now_v7().simple()))
}

/// A file in the making is written to all the time: whose was not for so long has been killed, or stands still on a disk that
/// does. That one fails when it finds its file gone, for it gets its name only where it is there.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Removes what others who were killed have left of files that were to have the name `path`, under names as [`beside`] makes
/// them. `mine` is such a file, just made: the file system tells the time by it, by the same clock as that of the others.
pub fn remove_abandoned(path: &Path, ending: &str, mine: &Path) {
    let modified = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified());
    let (Some(name), Ok(now)) = (path.file_name(), modified(mine)) else { return };
    let directory = mine.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let (left, its_name) = (entry.path(), entry.file_name());
        let is_one = its_name
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes())
            .and_then(|rest| rest.strip_prefix(b"."))
            .and_then(|rest| rest.strip_suffix(ending.as_bytes()))
            .and_then(|rest| rest.strip_suffix(b"."))
            .is_some_and(|id| id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit));
        let is_old = |then| now.duration_since(then).is_ok_and(|age| age > ABANDONED);
        if is_one && modified(&left).is_ok_and(is_old) {
            // Nobody looks for it: it is only in the way.
            let _ = fs::remove_file(left);
        }
    }
}

/// The name with something behind it.
#[must_use]
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// A new file is there after a power cut only if the names that lead to it are on the disk.
///
/// # Errors
/// What kept its directory from being synced.
#[cfg_attr(not(unix), expect(unused_variables, clippy::unnecessary_wraps, reason = "Windows has no such sync"))]
pub fn sync_names(path: &Path) -> Result<()> {
    #[cfg(unix)]
    for (distance, directory) in path.ancestors().skip(1).enumerate() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
        // Directories further up may be none of ours, and closed to us.
        if distance == 0 {
            synced.map_err(|cause| {
                Error::io(format!("syncing {}, the directory of the database", directory.display()), &cause)
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let below = file.join("below");
        let refused = make_directory(&below.join("s.db")).unwrap_err().to_string();
        assert!(refused.contains(&*below.to_string_lossy()), "{refused}");
        // The name itself is short enough, that of a file in the making is not.
        for (letters, what) in [(230, "creating the database"), (300, "looking for the database")] {
            let path = directory.path().join("n".repeat(letters));
            let refused = make_where_missing(&path).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{what} {}: ", path.display())), "{refused}");
        }
    }
}
