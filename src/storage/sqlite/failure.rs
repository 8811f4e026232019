//! What SQLite's errors mean to a user.

use std::io;

use rusqlite::{ErrorCode, ffi};

use crate::error::{Error, Result};

/// What is damaged where it is no row alone: pages, indexes, counters.
pub const FILE: &str = "the database file";

/// Translates an error of a statement; `doing` says what failed, without any payload.
pub fn failure(doing: &str, error: &rusqlite::Error) -> Error {
    told_by(doing, error, io::Error::last_os_error)
}

fn told_by(doing: &str, error: &rusqlite::Error, system: impl FnOnce() -> io::Error) -> Error {
    let of_the_file = || Error::Corrupt { what: FILE.into(), detail: format!("{doing}: {error}") };
    if matches!(error, rusqlite::Error::StatementChangedRows(_)) {
        return of_the_file();
    }
    let Some(code) = error.sqlite_error_code() else {
        // Not the engine complains but the translation of a column: it holds what we never write.
        return Error::Corrupt { what: "a stored row".into(), detail: format!("{doing}: {error}") };
    };
    let full = match error.sqlite_error().map(|it| it.extended_code) {
        // The memory that all connections share is a file as well, and could not grow.
        Some(ffi::SQLITE_IOERR_SHMSIZE) => true,
        // A quota that is used up, or a limit to the size of files, is to the engine a failure like any other.
        Some(ffi::SQLITE_IOERR_WRITE) => {
            matches!(system().kind(), io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
        }
        _ => false,
    };
    match code {
        _ if full => Error::Full { doing: doing.into() },
        ErrorCode::DiskFull => Error::Full { doing: doing.into() },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy,
        ErrorCode::DatabaseCorrupt => of_the_file(),
        ErrorCode::ConstraintViolation if is_of_what_is_stored(error) => of_the_file(),
        ErrorCode::NotADatabase => Error::Corrupt { what: FILE.into(), detail: "it is no database".into() },
        _ => Error::Io { doing: doing.into(), cause: error.to_string() },
    }
}

/// We never put a row where there is one, nor a number that is none: an index, or a counter, says something else than is so.
/// Others than these are no matter of what is stored.
fn is_of_what_is_stored(error: &rusqlite::Error) -> bool {
    let of_ours = [
        ffi::SQLITE_CONSTRAINT_UNIQUE,
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ffi::SQLITE_CONSTRAINT_ROWID,
        ffi::SQLITE_CONSTRAINT_NOTNULL,
        ffi::SQLITE_CONSTRAINT_DATATYPE,
    ];
    error.sqlite_error().is_some_and(|it| of_ours.contains(&it.extended_code))
}

/// That exactly one row was changed: the one that was found before.
pub fn one(rows: usize) -> rusqlite::Result<()> {
    if rows == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(rows)) }
}

/// What an error means to a write that has been made and not been synced.
pub fn uncertain(error: Error) -> Error {
    match error {
        Error::Io { doing, cause } => Error::Indeterminate { doing, cause },
        other => other,
    }
}

/// What such an error means to a write that has not been made.
pub fn certain(error: Error) -> Error {
    match error {
        Error::Indeterminate { doing, cause } => Error::Io { doing, cause },
        other => other,
    }
}

/// Whether the error is of those after which the kernel may have forgotten what it has not written.
pub fn leaves_doubt(error: &Error) -> bool {
    matches!(error, Error::Io { .. } | Error::Indeterminate { .. })
}

/// The same outcome to those who care for nothing else: whoever asked has heard of the others.
pub fn doubt_alone(outcome: Result<()>) -> Result<()> {
    outcome.or_else(|error| if leaves_doubt(&error) { Err(error) } else { Ok(()) })
}

/// Translates an error of a commit: after a failed write or sync, nobody knows what is on the disk.
pub fn commit_failure(error: &rusqlite::Error) -> Error {
    match (failure("committing", error), error.sqlite_error().map(|it| it.extended_code)) {
        // What shares the memory is made longer when all of the commit is in the log, and synced.
        (Error::Full { doing }, Some(ffi::SQLITE_IOERR_SHMSIZE)) => {
            Error::Indeterminate { doing, cause: error.to_string() }
        }
        (failed, _) => uncertain(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_grow_is_a_full_disk_but_to_a_commit_that_is_in_the_log_already() {
        let failed = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_SHMSIZE), None);
        assert_eq!(failure("beginning to write", &failed).code(), "ERR_FULL");
        assert_eq!(commit_failure(&failed).code(), "ERR_INDETERMINATE");
        let full = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        assert_eq!(commit_failure(&full).code(), "ERR_FULL");
    }

    #[test]
    fn a_used_up_quota_or_a_limit_is_a_full_disk_and_another_write_that_failed_is_not() {
        let failed = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_WRITE), None);
        let means = |kind: io::ErrorKind| uncertain(told_by("writing", &failed, || kind.into())).code();
        assert_eq!(means(io::ErrorKind::QuotaExceeded), "ERR_FULL");
        assert_eq!(means(io::ErrorKind::FileTooLarge), "ERR_FULL");
        assert_eq!(means(io::ErrorKind::Other), "ERR_INDETERMINATE");
        let read = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_READ), None);
        assert_eq!(
            told_by("reading", &read, || io::ErrorKind::QuotaExceeded.into()).code(),
            "ERR_IO",
            "left from before"
        );
    }
}
