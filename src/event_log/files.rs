//! Every touch of the disk goes through here: what is created, with which rights, and what has reached the disk when.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

fn doing(what: &str, path: &Path) -> String {
    format!("{what} {}", path.display())
}

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
    #[cfg(test)]
    SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    let syncing = || open_directory(path)?.as_ref().map_or(Ok(()), File::sync_all);
    syncing().map_err(|cause| Error::io(doing("syncing the directory", path), &cause))
}

/// Opens a directory to put its names on the disk. Windows has no such thing: names are in its journal.
pub fn open_directory(path: &Path) -> io::Result<Option<File>> {
    #[cfg(test)]
    if UNOPENED.get() {
        return Err(io::Error::other("too many open files"));
    }
    cfg!(unix).then(|| File::open(path)).transpose()
}

/// Puts a file on the disk, whoever has written it.
pub fn sync_file(path: &Path) -> Result<()> {
    #[cfg(test)]
    SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    open_written(path)?.sync_data().map_err(|cause| Error::io(doing("syncing", path), &cause))
}

/// Puts the names that lead to a directory on the disk, also where it was there already: whoever made it may have been
/// killed before it had done this. Directories further up may be none of ours, and closed to us.
pub fn sync_above(path: &Path) {
    for above in path.ancestors().skip(1) {
        let _ = sync_directory(if above.as_os_str().is_empty() { Path::new(".") } else { above });
    }
}

#[cfg(test)]
thread_local! {
    /// The directories whose names this thread has put on the disk, and files of others, for tests to see what no power cut shows them.
    pub static SYNCED: std::cell::RefCell<Vec<PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
    /// How many names this thread has looked up.
    pub static LOOKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    /// How often this thread has read a journal.
    pub static REDONE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    /// Files that this thread cannot remove, by the ends of their paths.
    pub static STUCK: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
    /// Whether this thread can open no directories to sync them.
    pub static UNOPENED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Whether this thread's file system counts no names.
    pub static UNCOUNTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file to add to it, creating it where it is not there.
pub fn open_append(path: &Path) -> Result<File> {
    options().append(true).create(true).open(path).map_err(|cause| Error::io(doing("opening", path), &cause))
}

/// Opens a file that was written to, to put it on the disk.
pub fn open_written(path: &Path) -> Result<File> {
    options().append(true).open(path).map_err(|cause| Error::io(doing("opening", path), &cause))
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
pub fn look(path: &Path) -> Result<Option<fs::Metadata>> {
    #[cfg(test)]
    LOOKED.set(LOOKED.get() + 1);
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(doing("looking at", path), &cause)),
    }
}

/// Tells a file from another that has its name later: its device and its number there.
#[cfg(unix)]
pub fn identity(found: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Nothing portable tells files apart here, where the name of an open file is not so easily given to another.
#[cfg(not(unix))]
pub fn identity(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// Whether an open file has a name still.
#[cfg(unix)]
pub fn has_name(found: &fs::Metadata) -> bool {
    #[cfg(test)]
    if UNCOUNTED.get() {
        return false;
    }
    std::os::unix::fs::MetadataExt::nlink(found) > 0
}

/// A file that is open keeps its name here.
#[cfg(not(unix))]
pub fn has_name(_: &fs::Metadata) -> bool {
    true
}

/// Opens a file to read from it, where there is one.
pub fn open_found(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(doing("opening", path), &cause)),
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

/// Writes a file that was not there, onto the disk. Its directory is the caller's to sync.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
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
const TEMPORARY: &str = ".tmp";

/// Whether a file has such a name.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// Removes what a process left that died while replacing a file. Only for the owner of the directory. What cannot be removed
/// keeps nothing else.
pub fn remove_temporaries(directory: &Path) -> Result<()> {
    remove_where(directory, is_temporary)
}

/// Removes the files whose names match; the first failure is told when all others are gone.
pub fn remove_where(directory: &Path, matches: impl Fn(&str) -> bool) -> Result<()> {
    let found = file_names(directory)?;
    let removed = found.iter().filter(|name| matches(name)).map(|name| remove(&directory.join(name)));
    removed.fold(Ok(()), Result::and)
}

/// Moves a file to the first of `names` in `directory` that is free, and gives that path. Never replaces a file: only the
/// owner of a log moves its files, so nobody of ours comes in between.
pub fn move_new(from: &Path, directory: &Path, names: impl Iterator<Item = String>) -> Result<PathBuf> {
    let moving = || {
        for name in names {
            let to = directory.join(&name);
            if !to.try_exists()? {
                match fs::rename(from, &to) {
                    Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => copy_new(from, directory, &name)?,
                    moved => moved?,
                }
                return Ok(to);
            }
            // Whoever was killed between the copy and the end of the original left both.
            if crosses_devices(from, directory)? && fs::read(from)? == fs::read(&to)? {
                return finish_move(from, directory).map(|()| to);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    };
    moving()
        .map_err(|cause: io::Error| Error::io(format!("moving {} to {}", from.display(), directory.display()), &cause))
}

#[cfg(unix)]
fn crosses_devices(from: &Path, directory: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(from)?.dev() != fs::metadata(directory)?.dev())
}

/// Nothing portable tells; a copy that was left makes another one then.
#[cfg(not(unix))]
fn crosses_devices(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Moves a file to another file system: whoever looks finds the copy whole, and it is on the disk before the original goes.
fn copy_new(from: &Path, directory: &Path, name: &str) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.{}{TEMPORARY}", uuid::Uuid::now_v7().simple()));
    let copying = || {
        let mut copy = options().write(true).create_new(true).open(&temporary)?;
        io::copy(&mut File::open(from)?, &mut copy)?;
        copy.sync_all()?;
        // Where there are no hard links, the name is free all the same: we looked.
        fs::hard_link(&temporary, directory.join(name)).or_else(|_| fs::rename(&temporary, directory.join(name)))
    };
    let copied = copying();
    // After a failure, and beside its other name, it is of no use; the next cleanup removes what stays.
    let _ = fs::remove_file(&temporary);
    copied.and_then(|()| finish_move(from, directory))
}

/// The copy's name is on the disk before the original goes.
fn finish_move(from: &Path, directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    fs::remove_file(from)
}

/// Removes a file; one that is gone is fine.
pub fn remove(path: &Path) -> Result<()> {
    #[cfg(test)]
    if STUCK.with_borrow(|stuck| stuck.iter().any(|one| path.ends_with(one))) {
        return Err(Error::io(doing("removing", path), &io::ErrorKind::PermissionDenied.into()));
    }
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::io(doing("removing", path), &cause)),
        _ => Ok(()),
    }
}

/// The names in a directory, in order; none where it is not there. Names that are no text are not ours.
pub fn names(directory: &Path) -> Result<Vec<String>> {
    names_where(directory, |_| Ok(true))
}

/// The same without those of directories, which somebody may have given the name of a file.
pub fn file_names(directory: &Path) -> Result<Vec<String>> {
    names_where(directory, |item| Ok(!item.file_type()?.is_dir()))
}

fn names_where(directory: &Path, wanted: impl Fn(&fs::DirEntry) -> io::Result<bool>) -> Result<Vec<String>> {
    let reading = || {
        let mut names = Vec::new();
        for item in fs::read_dir(directory)? {
            let item = item?;
            if wanted(&item)? {
                names.extend(item.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    };
    match reading() {
        Err(cause) if io::Error::kind(&cause) == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(|cause| Error::io(doing("listing", directory), &cause)),
    }
}
