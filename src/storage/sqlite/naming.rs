//! Giving a file its name where nothing has it yet.

use std::{fs, io, path::Path};

use super::birth;

/// Gives a file that is whole the name `path`. Its first name may be there still.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something has the name, else what kept it from getting it.
pub fn name(unnamed: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unnamed, path) {
        // Some file systems know one name a file only.
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => rename(unnamed, path),
        outcome => outcome,
    }
}

#[cfg(target_os = "linux")]
fn rename(unnamed: &Path, path: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, unnamed, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => rename_over_own(unnamed, path),
        outcome => Ok(outcome?),
    }
}

#[cfg(not(target_os = "linux"))]
use rename_over_own as rename;

/// Whoever takes the name first may replace what has it.
fn rename_over_own(unnamed: &Path, path: &Path) -> io::Result<()> {
    birth::create_file(path)?;
    fs::rename(unnamed, path).inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once_whatever_the_file_system_can() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (n, give) in [name, rename, rename_over_own].into_iter().enumerate() {
            let (first, second) = (at(&format!("first{n}")), at(&format!("second{n}")));
            let path = at(&format!("s{n}.db"));
            fs::write(&first, "first").unwrap();
            fs::write(&second, "second").unwrap();
            give(&first, &path).unwrap();
            let refused = give(&second, &path).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), b"first");
            assert_eq!(fs::read(&second).unwrap(), b"second", "it is not taken from whoever comes late");
        }
    }
}
