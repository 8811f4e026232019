//! What tests see of how this thread touches the disk, and what they take from it.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

#[cfg(target_os = "linux")]
use crate::error::Result;

thread_local! {
    /// The directories whose names this thread has put on the disk, and files of others, for tests to see what no power cut shows them.
    pub static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    /// How many names this thread has looked up.
    pub static LOOKED: Cell<usize> = const { Cell::new(0) };
    /// How often this thread has listed a directory.
    pub static LISTED: Cell<usize> = const { Cell::new(0) };
    /// What somebody else does right after this thread has listed a directory, once.
    pub static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// What somebody else does each time this thread is about to take a file away from where it is, and when it has.
    pub static MOVING: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    /// What somebody else does right before this thread opens a file to read it, once.
    pub static OPENING: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// What somebody else does each time this thread is about to sync files and to wait for that.
    pub static SYNCING: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    /// How often this thread has read a journal.
    pub static REDONE: Cell<usize> = const { Cell::new(0) };
    /// Files that this thread cannot remove, by the ends of their paths.
    pub static STUCK: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// Files that have no room for what this thread adds to them, by the ends of their paths.
    pub static FULL: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    /// Whether this thread can open no directories to sync them.
    pub static UNOPENED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread's file system counts no names.
    pub static UNCOUNTED: Cell<bool> = const { Cell::new(false) };
    /// Below this directory the process may have so many files open, the directory included, where this thread opens one more.
    #[cfg(target_os = "linux")]
    pub static ROOM: RefCell<Option<(PathBuf, usize)>> = const { RefCell::new(None) };
}

/// Fails as a full disk does, which takes the half of it.
pub(super) fn take_space(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if !FULL.with_borrow(|full| full.iter().any(|one| path.ends_with(one))) {
        return Ok(());
    }
    file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
    Err(io::ErrorKind::StorageFull.into())
}

/// A file is about to be moved, or has been.
pub(super) fn moving() {
    if let Some(mut meanwhile) = MOVING.take() {
        meanwhile();
        MOVING.set(Some(meanwhile));
    }
}

/// Files are about to be synced, and this thread waits for that.
pub fn syncing() {
    if let Some(mut meanwhile) = SYNCING.take() {
        meanwhile();
        SYNCING.set(Some(meanwhile));
    }
}

/// Fails as the system does where there is no room for one more.
#[cfg(target_os = "linux")]
pub(super) fn has_room(path: &Path) -> io::Result<()> {
    let Some((below, most)) = ROOM.with_borrow(Option::clone).filter(|(below, _)| path.starts_with(below)) else {
        return Ok(());
    };
    let opened = std::fs::read_dir("/proc/self/fd")?.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    if opened.filter(|file| file.starts_with(&below)).count() < most {
        return Ok(());
    }
    Err(rustix::io::Errno::MFILE.into())
}

/// The same for a file.
#[cfg(target_os = "linux")]
pub(super) fn take_room(path: &Path) -> Result<()> {
    has_room(path).map_err(|cause| super::unopened("opening", path, &cause))
}
