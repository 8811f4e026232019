//! Every way an operation can fail. The codes that reach JavaScript are born here and nowhere else.

use std::{io, path::PathBuf, process};

/// What a core operation gives back.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. [`Error::code`] names the variant for JavaScript; the text is for people and may change.
/// A batch that fails as one gives each member a clone.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The object was closed before or while the operation ran.
    #[error("{0} is closed")]
    Closed(&'static str),
    /// The disk has no room.
    #[error("no space left on the disk while {doing}")]
    Full { doing: String },
    /// The queue of a worker holds as many bytes as it may.
    #[error("the queue of {worker} is full ({queued} of {limit} bytes); wait for earlier writes and try again")]
    Backpressure { worker: &'static str, queued: usize, limit: usize },
    /// The operating system said no.
    #[error("{doing}: {cause}")]
    Io { doing: String, cause: String },
    /// The process, or the system, may have no more files open.
    #[error("{doing}: {cause}")]
    Exhausted { doing: String, cause: String },
    /// Another connection held the database for longer than the busy time-out.
    #[error("the database is busy: another writer held it for longer than the busy time-out")]
    Busy,
    /// Somebody else owns the directory, or the file.
    #[error("{} is owned by {}", path.display(), owner_text(*owner))]
    Locked { path: PathBuf, owner: Option<u32> },
    /// Another copy of this package in the process has the file open, and neither copy sees the locks of the other.
    #[error(
        "{} is open in another copy of this package in this process: {holder} has it open, and {own} does not see its locks; let one \
         copy open it, or close it there first",
        path.display()
    )]
    HeldByCopy { path: PathBuf, holder: String, own: String },
    /// Stored bytes are not what was written.
    #[error("{what} is damaged: {detail}")]
    Corrupt { what: String, detail: String },
    /// Somebody else changed it first: the version that was to be there, and the one that is.
    #[error("the session has {}, {} was expected", version_text(*actual), version_text(*expected))]
    Conflict { expected: Option<i64>, actual: Option<i64> },
    /// There is no such session.
    #[error("there is no session {0:?}")]
    SessionUnknown(String),
    /// An option is out of its range.
    #[error("{0}")]
    OptionInvalid(String),
    /// A value is larger than one value may be.
    #[error("the value has {size} bytes, {limit} are allowed")]
    ValueTooLarge { size: usize, limit: usize },
    /// The file was written by a newer version, or is not ours at all.
    #[error("{0}")]
    Version(String),
    /// It was not begun in time, and will not be.
    #[error("{0} could not begin in time and was withdrawn; the disk, or another process, holds it up")]
    Timeout(&'static str),
    /// Whoever had asked for it has stopped it, and knows why: no user gets this.
    #[error("it was stopped")]
    Stopped,
    /// A write may or may not have happened.
    #[error("{doing} failed half-way, so the write may or may not be stored: {cause}")]
    Indeterminate { doing: String, cause: String },
    /// A defect in this package: Rust code panicked. The room it happened in takes no more work.
    #[error("internal error in {room}: {message}")]
    Panic { room: &'static str, message: String },
}

impl Error {
    /// The code that JavaScript sees, stable between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed(_) | Self::Stopped => "ERR_CLOSED",
            Self::Full { .. } => "ERR_FULL",
            Self::Backpressure { .. } => "ERR_BACKPRESSURE",
            Self::Io { .. } | Self::Exhausted { .. } => "ERR_IO",
            Self::Busy => "ERR_BUSY",
            Self::Locked { .. } | Self::HeldByCopy { .. } => "ERR_LOCKED",
            Self::Corrupt { .. } => "ERR_CORRUPT",
            Self::Conflict { .. } => "ERR_CONFLICT",
            Self::SessionUnknown(_) => "ERR_SESSION_UNKNOWN",
            Self::OptionInvalid(_) => "ERR_OPTION_INVALID",
            Self::ValueTooLarge { .. } => "ERR_VALUE_TOO_LARGE",
            Self::Version(_) => "ERR_VERSION",
            Self::Timeout(_) => "ERR_TIMEOUT",
            Self::Indeterminate { .. } => "ERR_INDETERMINATE",
            Self::Panic { .. } => "ERR_PANIC",
        }
    }

    /// Whether the same call may succeed later without anybody repairing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Backpressure { .. }
                | Self::Busy
                | Self::Locked { .. }
                | Self::HeldByCopy { .. }
                | Self::Conflict { .. }
                | Self::Timeout(_)
        )
    }

    /// The process that stands in the way, where one does.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        match self {
            Self::Locked { owner, .. } => *owner,
            Self::HeldByCopy { .. } => Some(process::id()),
            _ => None,
        }
    }

    /// The versions of a conflict: the one that was to be there, and the one that is.
    #[must_use]
    pub fn versions(&self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Conflict { expected, actual } => (*expected, *actual),
            _ => (None, None),
        }
    }

    /// An input/output failure and what was being done. A full disk gets its own variant.
    pub fn io(doing: impl Into<String>, cause: &io::Error) -> Self {
        let doing = doing.into();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { doing },
            _ => Self::Io { doing, cause: cause.to_string() },
        }
    }
}

/// Whoever has two copies of the package in one process would wait for its end in vain.
fn owner_text(owner: Option<u32>) -> String {
    match owner {
        None => "another process".to_owned(),
        Some(pid) if pid == process::id() => format!(
            "another object or another copy of this package in this process (pid {pid}), \
             or by a process of that number in another container"
        ),
        Some(pid) => format!("another process (pid {pid})"),
    }
}

fn version_text(version: Option<i64>) -> String {
    version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_a_directory_is_another_process_only_where_it_is_one() {
        let text = |owner| Error::Locked { path: "events".into(), owner }.to_string();
        assert_eq!(text(None), "events is owned by another process");
        let own = std::process::id();
        assert_eq!(text(Some(own + 1)), format!("events is owned by another process (pid {})", own + 1));
        assert!(text(Some(own)).contains(&format!("in this process (pid {own})")), "{}", text(Some(own)));
    }
}
