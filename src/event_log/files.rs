//! Every touch of the disk goes through here: what is created, with which rights, and what has reached the disk when.

mod directories;
mod moving;
mod replacing;
#[cfg(test)]
mod watched;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

#[cfg(all(test, target_os = "linux"))]
pub use self::watched::ROOM;
#[cfg(all(test, unix))]
pub use self::watched::UNCOUNTED;
#[cfg(test)]
pub use self::watched::{
    FULL, LISTED, LOOKED, MEANWHILE, MOVING, OPENING, REDONE, STUCK, SYNCED, SYNCING, UNOPENED, syncing,
};
pub use self::{
    directories::{
        create_directory, create_unsynced, directory_names, file_names, is_directory, names, open_directory,
        sync_above, sync_directory, sync_opened,
    },
    moving::move_new,
    replacing::{is_temporary, remove_temporaries, replace, replace_unsynced},
};
use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

fn doing(what: &str, path: &Path) -> String {
    format!("{what} {}", path.display())
}

/// What keeps a file from being opened; that no more may be open is told apart.
fn unopened(what: &str, path: &Path, cause: &io::Error) -> Error {
    if is_exhausted(cause) {
        return Error::Exhausted { doing: doing(what, path), cause: cause.to_string() };
    }
    Error::io(doing(what, path), cause)
}

/// Whether the process, or the system, may have no more files open. Windows has no such limit that a log comes to.
#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix has the limit"))]
pub fn is_exhausted(cause: &io::Error) -> bool {
    #[cfg(unix)]
    return [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE]
        .iter()
        .any(|one| cause.raw_os_error() == Some(one.raw_os_error()));
    #[cfg(not(unix))]
    false
}

fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file to add to it, creating it where it is not there.
pub fn open_append(path: &Path) -> Result<File> {
    #[cfg(all(test, target_os = "linux"))]
    watched::take_room(path)?;
    options().append(true).create(true).open(path).map_err(|cause| unopened("opening", path, &cause))
}

/// Adds bytes to a file that was opened for that. Where that fails, some of them may be there.
#[cfg_attr(not(test), expect(unused_variables, reason = "only tests tell files by their paths"))]
pub fn add(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    watched::take_space(file, path, bytes)?;
    file.write_all(bytes)
}

/// Opens a file that was written to, to put it on the disk.
pub fn open_written(path: &Path) -> Result<File> {
    #[cfg(all(test, target_os = "linux"))]
    watched::take_room(path)?;
    options().append(true).open(path).map_err(|cause| unopened("opening", path, &cause))
}

/// Puts a file on the disk, whoever has written it.
pub fn sync_file(path: &Path) -> Result<()> {
    #[cfg(test)]
    SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    open_written(path)?.sync_data().map_err(|cause| Error::io(doing("syncing", path), &cause))
}

/// Creates a file that was not there, to write to it anywhere.
pub fn create_new(path: &Path) -> Result<File> {
    let created = options().read(true).write(true).create_new(true).open(path);
    created.map_err(|cause| Error::io(doing("creating", path), &cause))
}

/// Opens a file to write over what it holds, creating it where it is not there.
pub fn open_to_mend(path: &Path) -> Result<File> {
    let opened = options().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(|cause| Error::io(doing("opening", path), &cause))
}

/// What has this name now; `None` where nothing has.
pub fn look(path: &Path) -> Result<Option<Found>> {
    #[cfg(test)]
    LOOKED.set(LOOKED.get() + 1);
    there(path, Found::at(path))
}

/// The same with its times, for what is not being written to: the next write to it takes longer after this.
pub fn look_at_times(path: &Path) -> Result<Option<fs::Metadata>> {
    there(path, fs::metadata(path))
}

fn there<T>(path: &Path, looked: io::Result<T>) -> Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(doing("looking at", path), &cause)),
    }
}

/// Which file this is that was opened by that path; what has the path by now may be another one.
pub fn identity(file: &File, path: &Path) -> Result<Identity> {
    match Found::of(file) {
        Ok(found) => Ok(found.identity),
        Err(cause) => Err(Error::io(doing("looking at", path), &cause)),
    }
}

/// What an open file is, where it has a name still and the file system counts them.
pub fn named(file: &File) -> Option<Found> {
    #[cfg(all(test, unix))]
    if UNCOUNTED.get() {
        return None;
    }
    Found::of(file).ok().filter(|found| found.names > 0)
}

/// Opens a file to read from it, where there is one.
pub fn open_found(path: &Path) -> Result<Option<File>> {
    #[cfg(test)]
    if let Some(meanwhile) = OPENING.take() {
        meanwhile();
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(unopened("opening", path, &cause)),
    }
}

/// Opens a file for a lock, creating it; whether it was created.
pub fn open_lock(path: &Path) -> Result<(File, bool)> {
    let created = options().read(true).write(true).create_new(true).open(path);
    match created {
        Ok(file) => Ok((file, true)),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let file = options().read(true).write(true).open(path);
            file.map(|file| (file, false)).map_err(|cause| Error::io(doing("opening", path), &cause))
        }
        Err(cause) => Err(Error::io(doing("creating", path), &cause)),
    }
}

/// The whole file; nothing where there is none.
pub fn read_all(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(doing("reading", path), &cause)),
    }
}

/// The bytes from `offset` on, as many as `buffer` takes and the file has, wherever the file's position is.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at;
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read;
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read(file, rest, offset + done as u64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(done)
}

/// Writes bytes at an offset, wherever the file's position is.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match std::os::windows::fs::FileExt::seek_write(file, rest, offset + done as u64)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                more => done += more,
            }
        }
        Ok(())
    }
}

/// Cuts a file to `length`; the cut is on the disk when this returns.
pub fn cut(path: &Path, length: u64) -> Result<()> {
    let cutting = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_data()
    };
    cutting().map_err(|cause| Error::io(doing("cutting off the unfinished line of", path), &cause))
}

/// Removes a file; one that is gone is fine.
pub fn remove(path: &Path) -> Result<()> {
    remove_found(path).map(|_| ())
}

/// The same; whether it was there.
pub fn remove_found(path: &Path) -> Result<bool> {
    #[cfg(test)]
    if STUCK.with_borrow(|stuck| stuck.iter().any(|one| path.ends_with(one))) {
        return Err(Error::io(doing("removing", path), &io::ErrorKind::PermissionDenied.into()));
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io(doing("removing", path), &cause)),
    }
}

/// Removes the files whose names match; the first failure is told when all others are gone.
pub fn remove_where(directory: &Path, matches: impl Fn(&str) -> bool) -> Result<()> {
    let found = file_names(directory)?;
    let removed = found.iter().filter(|name| matches(name)).map(|name| remove(&directory.join(name)));
    removed.fold(Ok(()), Result::and)
}
