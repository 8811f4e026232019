//! What SQLite's errors mean to a user.

use rusqlite::{ErrorCode, ffi};

use crate::error::Error;

/// Translates an error of a statement; `doing` says what failed, without any payload.
pub fn failure(doing: &str, error: &rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error_code() else {
        // Not the engine complains but the translation of a column: it holds what we never write.
        return Error::Corrupt { what: "a stored row".into(), detail: format!("{doing}: {error}") };
    };
    if error.sqlite_error().is_some_and(|it| it.extended_code == ffi::SQLITE_IOERR_SHMSIZE) {
        // The memory that all connections share is a file as well, and could not grow.
        return Error::Full { doing: doing.into() };
    }
    match code {
        ErrorCode::DiskFull => Error::Full { doing: doing.into() },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy,
        ErrorCode::DatabaseCorrupt => {
            Error::Corrupt { what: "the database file".into(), detail: format!("{doing}: {error}") }
        }
        ErrorCode::NotADatabase => {
            Error::Corrupt { what: "the database file".into(), detail: "it is no database".into() }
        }
        _ => Error::Io { doing: doing.into(), cause: error.to_string() },
    }
}

/// What an error means to a write that has been made and not been synced.
pub fn uncertain(error: Error) -> Error {
    match error {
        Error::Io { doing, cause } => Error::Indeterminate { doing, cause },
        other => other,
    }
}

/// Translates an error of a commit: after a failed write or sync, nobody knows what is on the disk.
pub fn commit_failure(error: &rusqlite::Error) -> Error {
    uncertain(failure("committing", error))
}
