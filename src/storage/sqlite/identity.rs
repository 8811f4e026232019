//! Which file it is: a path can come to mean another one, or a file can be emptied, while it is open. SQLite notices
//! neither, and writes on into a file that nobody will ever find again.

use std::{fs, path::Path};

use crate::error::{Error, Result};

/// What tells a file from another one under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// The identity of the file at `path`; none where there is no file. Looks at the name only: to open the file would end
    /// SQLite's locks on it when it is closed again.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::told_by(&found))
    }

    /// The identity of a file of which so much was found.
    #[cfg(unix)]
    pub(super) fn told_by(found: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: found.dev(), number: found.ino() }
    }

    /// Only Unix tells files by number. Elsewhere a file that is open cannot be removed.
    #[cfg(not(unix))]
    pub(super) fn told_by(_: &fs::Metadata) -> Self {
        Self { device: 0, number: 0 }
    }
}

/// Checks that the path still means the file that was opened, and that there is something in it.
///
/// # Errors
/// [`Error::Io`] where it does not.
pub fn still_there(path: &Path, opened: Option<Identity>, doing: &str) -> Result<()> {
    let cause = match fs::metadata(path) {
        Ok(found) if opened != Some(Identity::told_by(&found)) => "the database file was replaced while it was open",
        Ok(found) if found.len() == 0 => "the database file was emptied while it was open",
        Ok(_) => return Ok(()),
        Err(_) => "the database file was deleted while it was open",
    };
    Err(Error::Io { doing: doing.into(), cause: cause.into() })
}
