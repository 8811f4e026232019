//! Directories: made for the owner's eyes only, put on the disk, and the names in them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{doing, unopened};
use crate::error::{Error, Result};

/// Creates a directory and what is missing above it, for the owner's eyes only; all are on the disk when this returns.
pub fn create_directory(path: &Path) -> Result<()> {
    create_unsynced(path)?.iter().try_for_each(|above| sync_directory(above))
}

/// Creates a directory like [`create_directory`], but waits for no disk; gives the directories that are to be synced.
pub fn create_unsynced(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        return Ok(Vec::new());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let mut changed = above.map_or(Ok(Vec::new()), create_unsynced)?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => changed.push(above.unwrap_or(Path::new(".")).to_owned()),
        // Another thread or process was faster.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(cause) => return Err(Error::io(doing("creating the directory", path), &cause)),
    }
    Ok(changed)
}

/// Puts the names in a directory on the disk.
pub fn sync_directory(path: &Path) -> Result<()> {
    let opened = open_directory(path).map_err(|cause| unopened("syncing the directory", path, &cause))?;
    opened.map_or(Ok(()), |directory| sync_opened(path, &directory))
}

/// The same by a handle that is open.
pub fn sync_opened(path: &Path, directory: &File) -> Result<()> {
    #[cfg(test)]
    super::SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    directory.sync_all().map_err(|cause| Error::io(doing("syncing the directory", path), &cause))
}

/// Opens a directory to put its names on the disk. Windows has no such thing: names are in its journal.
pub fn open_directory(path: &Path) -> io::Result<Option<File>> {
    #[cfg(test)]
    if super::UNOPENED.get() {
        return Err(io::Error::other("too many open files"));
    }
    #[cfg(all(test, target_os = "linux"))]
    super::watched::has_room(path)?;
    cfg!(unix).then(|| File::open(path)).transpose()
}

/// Puts the names that lead to a directory on the disk, also where it was there already: whoever made it may have been
/// killed before it had done this. Directories further up may be none of ours, and closed to us.
pub fn sync_above(path: &Path) {
    for above in path.ancestors().skip(1) {
        let _ = sync_directory(if above.as_os_str().is_empty() { Path::new(".") } else { above });
    }
}

/// Whether a directory is there, or a link to one.
///
/// # Errors
/// Also where a link leads to nothing: what it leads to may be on a disk that is not there just now.
pub fn is_directory(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(cause) if is_absent(path, &cause) => Ok(false),
        Err(cause) => Err(Error::io(doing("looking at", path), &cause)),
    }
}

/// Whether what could not be looked at, because of this cause, is not there, not even as a link to what is not there just now.
fn is_absent(path: &Path, cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::NotFound && !path.is_symlink()
}

/// The names in a directory, in order; none where it is not there. Names that are no text are not ours.
pub fn names(directory: &Path) -> Result<Vec<String>> {
    names_where(directory, |_| Ok(true))
}

/// The same without those of directories, which somebody may have given the name of a file.
pub fn file_names(directory: &Path) -> Result<Vec<String>> {
    names_where(directory, |item| Ok(!item.file_type()?.is_dir()))
}

/// Those of directories only.
pub fn directory_names(directory: &Path) -> Result<Vec<String>> {
    names_where(directory, |item| Ok(item.file_type()?.is_dir()))
}

fn names_where(directory: &Path, wanted: impl Fn(&fs::DirEntry) -> io::Result<bool>) -> Result<Vec<String>> {
    #[cfg(test)]
    super::LISTED.set(super::LISTED.get() + 1);
    let reading = || -> io::Result<_> {
        let mut names = Vec::new();
        for item in fs::read_dir(directory)? {
            let item = item?;
            match wanted(&item) {
                Ok(true) => names.extend(item.file_name().into_string().ok()),
                // It has gone meanwhile, where the system looks at each name for that.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                wanted => drop(wanted?),
            }
        }
        names.sort();
        #[cfg(test)]
        if let Some(meanwhile) = super::MEANWHILE.take() {
            meanwhile();
        }
        Ok(names)
    };
    match reading() {
        Err(cause) if is_absent(directory, &cause) => Ok(Vec::new()),
        outcome => outcome.map_err(|cause| Error::io(doing("listing", directory), &cause)),
    }
}
