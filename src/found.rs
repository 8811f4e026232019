//! What a path means, or an open file is, without its times. A system that was asked for these gives the file finer ones with its
//! next write, which takes longer, and so does the sync after it: a third of a synced commit (Linux 6.13, multigrain timestamps).

use std::{
    fs::{self, File},
    io,
    path::Path,
};

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
        Found::at(path).ok().map(|found| found.identity)
    }

    /// The identity of a file of which so much was found.
    #[cfg(unix)]
    #[must_use]
    pub fn told_by(found: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: found.dev(), number: found.ino() }
    }

    /// Only Unix tells files by number. Elsewhere one that is open cannot be removed.
    #[cfg(not(unix))]
    #[must_use]
    pub fn told_by(_: &fs::Metadata) -> Self {
        Self { device: 0, number: 0 }
    }

    /// The numbers of the device, and of the file on it.
    #[must_use]
    pub fn numbers(self) -> (u64, u64) {
        (self.device, self.number)
    }
}

/// What is asked of a file before or after each write to it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub identity: Identity,
    /// In bytes.
    pub length: u64,
    /// How many it has; one where the system does not count them.
    pub names: u64,
    pub is_file: bool,
    pub is_directory: bool,
}

impl Found {
    /// What has that path now, behind whatever links.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub fn at(path: &Path) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(told) = told(rustix::fs::CWD, path, rustix::fs::AtFlags::empty()) {
            return told;
        }
        fs::metadata(path).map(|found| Self::told_by(&found))
    }

    /// An open file.
    ///
    /// # Errors
    /// What keeps it from being looked at.
    pub fn of(file: &File) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(told) = told(file, Path::new(""), rustix::fs::AtFlags::EMPTY_PATH) {
            return told;
        }
        file.metadata().map(|found| Self::told_by(&found))
    }

    fn told_by(found: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let names = std::os::unix::fs::MetadataExt::nlink(found);
        #[cfg(not(unix))]
        let names = 1;
        let (is_file, is_directory) = (found.is_file(), found.is_dir());
        Self { identity: Identity::told_by(found), length: found.len(), names, is_file, is_directory }
    }
}

/// Which mount a path is reached by; `None` where the system does not tell.
#[cfg(target_os = "linux")]
#[must_use]
pub fn mount_of(path: &Path) -> Option<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID).then_some(found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn mount_of(_: &Path) -> Option<u64> {
    None
}

/// `None` where the system cannot be asked so.
#[cfg(target_os = "linux")]
fn told(directory: impl std::os::fd::AsFd, path: &Path, flags: rustix::fs::AtFlags) -> Option<io::Result<Found>> {
    use rustix::{
        fs::{FileType, StatxFlags, makedev, statx},
        io::Errno,
    };
    let asked = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::NLINK | StatxFlags::SIZE;
    match statx(directory, path, flags, asked) {
        Ok(found) => {
            let device = makedev(found.stx_dev_major, found.stx_dev_minor);
            let kind = FileType::from_raw_mode(found.stx_mode.into());
            Some(Ok(Found {
                identity: Identity { device, number: found.stx_ino },
                length: found.stx_size,
                names: found.stx_nlink.into(),
                is_file: kind.is_file(),
                is_directory: kind.is_dir(),
            }))
        }
        // What has libc see other paths than the system does, as build sandboxes preload it, is asked through libc.
        Err(Errno::NOSYS | Errno::PERM | Errno::NOENT) => None,
        Err(cause) => Some(Err(cause.into())),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_look_without_times_tells_the_same_as_one_with_them() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["file", "other"].map(|name| directory.path().join(name));
        let mut file = File::create(&path).unwrap();
        file.write_all(&[7; 1234]).unwrap();
        let all = |found: Found| (found.identity, found.length, found.names, found.is_file, found.is_directory);
        for names in [1, 2] {
            let told = all(Found::told_by(&fs::metadata(&path).unwrap()));
            assert_eq!([all(Found::at(&path).unwrap()), all(Found::of(&file).unwrap())], [told; 2]);
            assert_eq!((told.1, told.2, told.3, told.4), (1234, names, true, false));
            let _ = fs::hard_link(&path, &other);
        }
        let above = all(Found::at(directory.path()).unwrap());
        assert_eq!(above, all(Found::told_by(&fs::metadata(directory.path()).unwrap())));
        assert!(above.4 && Some(above.0) == Identity::of(directory.path()) && Some(above.0) != Identity::of(&path));
        for name in [&path, &other] {
            fs::remove_file(name).unwrap();
        }
        assert_eq!(Found::of(&file).unwrap().names, 0);
        assert_eq!(Found::at(&path).err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
