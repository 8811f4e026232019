//! Files that take the place of others as a whole, and what a process leaves that dies on the way.

use std::{fs, io::Write, path::Path};

use super::{doing, options, remove_where, sync_directory};
use crate::error::{Error, Result};

/// Writes a file that was not there, onto the disk. Its directory is the caller's to sync.
fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let writing = || {
        let mut file = options().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    writing().map_err(|cause| Error::io(doing("writing", path), &cause))
}

/// Replaces a small file as a whole: whoever looks, at whatever moment, finds the old one or the new one. Its name may be as
/// long as names can be.
pub fn replace(directory: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let temporary = directory.join(format!(".{}{TEMPORARY}", uuid::Uuid::now_v7().simple()));
    let replaced = write_new(&temporary, bytes).and_then(|()| {
        fs::rename(&temporary, directory.join(name))
            .map_err(|cause| Error::io(doing("replacing", Path::new(name)), &cause))
    });
    if replaced.is_err() {
        // Best effort: the next owner removes what stays.
        let _ = fs::remove_file(&temporary);
    }
    replaced.and_then(|()| sync_directory(directory))
}

/// The same for a file that another one can be made from: nothing of it need reach the disk.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}{TEMPORARY}", uuid::Uuid::now_v7().simple()));
    let replacing = || {
        options().write(true).create_new(true).open(&temporary)?.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    let replaced = replacing();
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    replaced.map_err(|cause| Error::io(doing("writing", path), &cause))
}

/// What names of files end in that are about to replace another.
pub(super) const TEMPORARY: &str = ".tmp";

/// Whether a file has such a name.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// Removes what a process left that died while replacing a file. Only for the owner of the directory. What cannot be removed
/// keeps nothing else.
pub fn remove_temporaries(directory: &Path) -> Result<()> {
    remove_where(directory, is_temporary)
}
