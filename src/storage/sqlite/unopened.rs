//! Why a database could not be opened.

use std::path::Path;
#[cfg(unix)]
use std::{io, path::PathBuf};

use rusqlite::ErrorCode;

#[cfg(unix)]
use super::birth;
use super::failure::failure;
use crate::error::Error;

/// The engine tells neither which file it could not open nor why.
pub fn unopened(path: &Path, error: &rusqlite::Error) -> Error {
    let doing = format!("opening the database {}", path.display());
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return failure(&doing, error);
    }
    match why_not(path) {
        Some(cause) => Error::Io { doing, cause },
        None if has_no_room_beside(path) => Error::Full { doing },
        None => failure(&doing, error),
    }
}

/// What the system says of the file and of those beside it. They are not opened: to close them would end the engine's locks.
#[cfg(unix)]
fn why_not(path: &Path) -> Option<String> {
    use rustix::{
        fs::{Access, access},
        io::Errno,
    };
    let own = birth::own_name(path);
    let refused = |path: &Path, wanted: Access| {
        access(path, wanted).err().map(|cause| (cause, format!("{}: {}", path.display(), io::Error::from(cause))))
    };
    let file = refused(&own, Access::READ_OK);
    let beside = beside(&own).into_iter().find_map(|path| refused(&path, Access::READ_OK));
    match (file, beside) {
        (Some((_, text)), _) => Some(text),
        // They would be made.
        (None, Some((Errno::NOENT, _))) => {
            own.parent().and_then(|directory| refused(directory, Access::WRITE_OK)).map(|(_, text)| text)
        }
        (None, beside) => beside.map(|(_, text)| text),
    }
}

/// What the engine has beside a database: the log, and the memory that its users share.
#[cfg(unix)]
fn beside(own: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|ending| birth::with_ending(own, ending))
}

/// Whether something would have to be made beside the file on a disk that may have no more files, however much room it has.
#[cfg(unix)]
fn has_no_room_beside(path: &Path) -> bool {
    let own = birth::own_name(path);
    // Some file systems count none, and have no end of them.
    let is_used_up = |found: rustix::fs::StatVfs| found.f_files > 0 && found.f_favail == 0;
    beside(&own).iter().any(|path| !path.exists())
        && own.parent().is_some_and(|directory| rustix::fs::statvfs(directory).is_ok_and(is_used_up))
}

#[cfg(not(unix))]
fn has_no_room_beside(_: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn why_not(path: &Path) -> Option<String> {
    std::fs::metadata(path).err().map(|cause| cause.to_string())
}
