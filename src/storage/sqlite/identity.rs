//! Which file it is: a path can come to mean another one, or a file can be emptied, while it is open. SQLite notices
//! neither, and writes on into a file that nobody will ever find again.

use std::{fs, io, path::Path};

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

    /// The numbers of the device, and of the file on it.
    #[must_use]
    pub fn numbers(self) -> (u64, u64) {
        (self.device, self.number)
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
        Ok(found) if opened != Some(Identity::told_by(&found)) => {
            "was replaced while it was open: close this store, remove …-wal and …-shm, which are the old file's, and open it anew"
        }
        Ok(found) if found.len() == 0 => {
            "was emptied while it was open: close this store before anything is put in its place"
        }
        Ok(_) => return Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => "was deleted while it was open",
        // It may be there: nobody lets us look.
        Err(cause) => {
            return Err(Error::io(format!("{doing}: looking for the database file {}", path.display()), &cause));
        }
    };
    Err(Error::Io { doing: doing.into(), cause: format!("the database file {} {cause}", path.display()) })
}

/// What is asked of a file after each commit, without its times. A system that was asked for these gives the file finer ones with
/// its next write, which takes longer, and so does the sync after it: a third of a commit (Linux 6.13, multigrain timestamps).
pub struct Timeless {
    pub identity: Identity,
    /// How many it has.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there an open file cannot be removed"))]
    pub names: u64,
}

impl Timeless {
    /// Of what has that path now.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub fn at(path: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(told) = Self::told(rustix::fs::CWD, path, rustix::fs::AtFlags::empty()) {
            return told;
        }
        fs::metadata(path).map(|found| Self::told_by(&found))
    }

    /// Of an open file.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    #[cfg(unix)]
    pub fn of(file: &fs::File) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(told) = Self::told(file, Path::new(""), rustix::fs::AtFlags::EMPTY_PATH) {
            return told;
        }
        file.metadata().map(|found| Self::told_by(&found))
    }

    /// `None` where the system cannot be asked so.
    #[cfg(target_os = "linux")]
    fn told(directory: impl std::os::fd::AsFd, path: &Path, flags: rustix::fs::AtFlags) -> Option<io::Result<Self>> {
        use rustix::{
            fs::{StatxFlags, makedev, statx},
            io::Errno,
        };
        match statx(directory, path, flags, StatxFlags::INO | StatxFlags::NLINK) {
            Ok(found) => {
                let device = makedev(found.stx_dev_major, found.stx_dev_minor);
                let identity = Identity { device, number: found.stx_ino };
                Some(Ok(Self { identity, names: found.stx_nlink.into() }))
            }
            Err(Errno::NOSYS | Errno::PERM) => None,
            Err(cause) => Some(Err(cause.into())),
        }
    }

    #[cfg(unix)]
    fn told_by(found: &fs::Metadata) -> Self {
        Self { identity: Identity::told_by(found), names: std::os::unix::fs::MetadataExt::nlink(found) }
    }

    #[cfg(not(unix))]
    fn told_by(found: &fs::Metadata) -> Self {
        Self { identity: Identity::told_by(found), names: 1 }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_look_without_times_tells_the_same_as_one_with_them() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["file", "other"].map(|name| directory.path().join(name));
        let file = fs::File::create(&path).unwrap();
        for names in [1, 2] {
            let [by_path, by_file] = [Timeless::at(&path).unwrap(), Timeless::of(&file).unwrap()];
            assert_eq!([Some(by_path.identity), Some(by_file.identity)], [Identity::of(&path); 2]);
            assert_eq!([by_path.names, by_file.names], [names; 2]);
            let _ = fs::hard_link(&path, &other);
        }
        for name in [&path, &other] {
            fs::remove_file(name).unwrap();
        }
        assert_eq!(Timeless::of(&file).unwrap().names, 0);
        assert_eq!(Timeless::at(&path).err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
