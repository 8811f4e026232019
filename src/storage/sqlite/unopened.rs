//! Why a database could not be opened.

#[cfg(unix)]
use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

#[cfg(unix)]
use super::birth;
use super::failure::failure;
use crate::error::Error;

/// The engine tells neither which file it could not open nor why.
pub fn unopened(path: &Path, error: &rusqlite::Error) -> Error {
    let doing = format!("opening the database {}", path.display());
    let cause = (error.sqlite_error_code() == Some(ErrorCode::CannotOpen)).then(|| why_not(path)).flatten();
    match cause {
        Some(cause) => Error::Io { doing, cause },
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
    let [log, memory] = ["-wal", "-shm"].map(|ending| birth::with_ending(&own, ending));
    let refused = |path: &Path, wanted: Access| {
        access(path, wanted).err().map(|cause| (cause, format!("{}: {}", path.display(), io::Error::from(cause))))
    };
    let file = refused(&own, Access::READ_OK);
    let beside = [log, memory].into_iter().find_map(|path| refused(&path, Access::READ_OK));
    match (file, beside) {
        (Some((_, text)), _) => Some(text),
        // They would be made.
        (None, Some((Errno::NOENT, _))) => {
            own.parent().and_then(|directory| refused(directory, Access::WRITE_OK)).map(|(_, text)| text)
        }
        (None, beside) => beside.map(|(_, text)| text),
    }
}

#[cfg(not(unix))]
fn why_not(path: &Path) -> Option<String> {
    std::fs::metadata(path).err().map(|cause| cause.to_string())
}
