//! How far a named consumer has come: a position in a file of its own, which is locked while somebody consumes.
//!
//! Three lines of 64 bytes: whose process holds it, and two positions, each with its checksum, which are written in turns.
//! The greater one holds; one that was torn in the middle counts for nothing.

mod expiring;

use std::{
    fs::{self, File, TryLockError},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::expiring::{expire, stems};
use super::{directory::Layout, erase, files, names, positions::Written, record};
use crate::{
    durability::Durability,
    error::{Error, Result},
};

const LINE: usize = 64;
/// So many names below the log's directory lead to a position, its own included.
const NAMES: usize = 3;

/// The position of one consumer.
#[derive(Debug)]
pub struct Position {
    /// Locked.
    file: File,
    path: PathBuf,
    seq: u64,
    /// Which of the two lines has it.
    slot: u64,
    durability: Durability,
    written: Arc<Written>,
}

impl Position {
    /// Takes the position of a consumer into possession; a new one is before the first event.
    pub fn open(layout: &Layout, session: &str, consumer: &str, durability: Durability) -> Result<Self> {
        let directory = directory_of(layout, session);
        let path = directory.join(format!("{}.json", names::stem_of(consumer)));
        let mut file = locked_file(&directory, &path)?;
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.map_err(|cause| Error::io(format!("reading {}", path.display()), &cause))?;
        let (first, second) = seqs_in(&bytes);
        let (seq, slot) = if second > first { (second, 1) } else { (first, 0) };
        let written = Written::at(path.clone());
        let position = Self { file, path, seq: seq.unwrap_or(0), slot, durability, written };
        position.put(0, &format!("{{\"pid\":{}}}", std::process::id()))?;
        if seq.is_none() {
            // Whoever made the file may have been killed before its name, or those that lead to it, were on the disk.
            directory.ancestors().take(NAMES).try_for_each(files::sync_directory)?;
        } else if durability == Durability::Power {
            // Whoever wrote it may have waited for no disk; said once more, it is there already.
            files::sync_file(&position.path)?;
        }
        Ok(position)
    }

    /// Everything up to this number has been seen to.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Takes note that everything up to `seq` has been seen to. A smaller number than before changes nothing.
    pub fn advance(&mut self, seq: u64) -> Result<()> {
        if seq <= self.seq {
            return Ok(());
        }
        let slot = 1 - self.slot;
        self.put(slot + 1, &sealed_seq(seq))?;
        if self.durability == Durability::Power {
            let synced = self.file.sync_data();
            synced.map_err(|cause| Error::io(format!("syncing {}", self.path.display()), &cause))?;
        }
        self.check_file()?;
        (self.seq, self.slot) = (seq, slot);
        Ok(())
    }

    /// Whether the file has its name still: where somebody has removed or replaced it, nobody finds the position again, and
    /// another consumer may have the name.
    fn check_file(&self) -> Result<()> {
        let opened = files::identity(&self.file, &self.path)?;
        if files::look(&self.path)?.map(|found| found.identity) == Some(opened) {
            return Ok(());
        }
        let cause = std::io::Error::other("somebody else has removed or replaced the file; close the consumer");
        Err(Error::io(format!("writing {}", self.path.display()), &cause))
    }

    /// Its file, where its writes have waited for no sync.
    pub fn unsynced(&self) -> Option<&Arc<Written>> {
        (self.durability == Durability::Process).then_some(&self.written)
    }

    fn put(&self, line: u64, text: &str) -> Result<()> {
        let width = LINE - 1;
        let written = files::write_at(&self.file, format!("{text:<width$}\n").as_bytes(), line * LINE as u64);
        written.map_err(|cause| Error::io(format!("writing {}", self.path.display()), &cause))
    }
}

/// Where the consumers of a session are.
pub fn directory_of(layout: &Layout, session: &str) -> PathBuf {
    layout.root.join("consumers").join(names::stem_of(session))
}

/// The greatest position of the consumers of a session, as far as all sessions go on above it: whoever acknowledges may name
/// any number. One that cannot be read says nothing.
pub fn furthest_of(layout: &Layout, session: &str) -> u64 {
    furthest_in(&directory_of(layout, session))
}

/// The same of all sessions.
pub fn furthest(layout: &Layout) -> u64 {
    let all = layout.root.join("consumers");
    let sessions = files::names(&all).unwrap_or_default();
    sessions.iter().map(|session| furthest_in(&all.join(session))).fold(0, record::higher)
}

fn furthest_in(directory: &Path) -> u64 {
    let names = files::file_names(directory).unwrap_or_default();
    names.iter().filter_map(|name| position_in(&directory.join(name))).fold(0, record::higher)
}

/// The position that a file has, which somebody may hold.
fn position_in(path: &Path) -> Option<u64> {
    // What is no file may keep waiting whoever opens it.
    files::look(path).ok()?.filter(|found| found.is_file)?;
    let mut bytes = [0; 3 * LINE];
    files::read_at(&files::open_found(path).ok()??, &mut bytes, 0).ok()?;
    let (first, second) = seqs_in(&bytes);
    first.max(second)
}

/// Removes the positions of a session, and gives how many they were. One that somebody holds stays: he goes on behind it,
/// for no number comes again. What cannot be removed keeps no other one; the first failure is told.
pub fn erase(layout: &Layout, session: &str) -> Result<u64> {
    let directory = directory_of(layout, session);
    let mut removed = Ok(0);
    for name in files::file_names(&directory)? {
        erase::add(&mut removed, erase_one(&directory.join(name)));
    }
    if !matches!(removed, Ok(0)) {
        erase::add(&mut removed, files::sync_directory(&directory).map(|()| 0));
    }
    // It is named after the session. Where it is not empty, or not there, it stays as it is.
    if fs::remove_dir(&directory).is_ok()
        && let Some(above) = directory.parent()
    {
        erase::add(&mut removed, files::sync_directory(above).map(|()| 0));
    }
    removed
}

fn erase_one(path: &Path) -> Result<u64> {
    let file = files::open_found(path)?;
    // Locked until it is gone: whoever comes meanwhile finds that the file which he has opened has no name any more.
    if file.as_ref().is_some_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock))) {
        return Ok(0);
    }
    files::remove(path).map(|()| 1)
}

/// Opens a file, made where it is missing, and locks it. Somebody may erase the session meanwhile: then once more.
fn locked_file(directory: &Path, path: &Path) -> Result<File> {
    loop {
        files::create_directory(directory)?;
        let mut file = match files::open_lock(path) {
            Ok((file, _)) => file,
            Err(_) if !directory.exists() => continue,
            Err(error) => return Err(error),
        };
        let locked = file.try_lock();
        let opened = files::identity(&file, path)?;
        if files::look(path)?.map(|found| found.identity) != Some(opened) {
            continue;
        }
        return match locked {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let mut bytes = Vec::new();
                // Where the system guards locked bytes from readers, the owner stays unnamed.
                let _ = file.read_to_end(&mut bytes);
                Err(Error::Locked { path: path.to_owned(), owner: pid_in(&lines_of(&bytes)) })
            }
            Err(TryLockError::Error(cause)) => Err(Error::io(format!("locking {}", path.display()), &cause)),
        };
    }
}

fn lines_of(bytes: &[u8]) -> Vec<&str> {
    bytes.chunks(LINE).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect()
}

/// Both positions.
fn seqs_in(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let lines = lines_of(bytes);
    let position = |at: usize| lines.get(at).and_then(|line| seq_in(line));
    (position(1), position(2))
}

fn sealed_seq(seq: u64) -> String {
    let text = format!("{{\"seq\":{seq}");
    format!("{text},\"crc\":\"{:08x}\"}}", crc32c::crc32c(text.as_bytes()))
}

fn seq_in(line: &str) -> Option<u64> {
    let text = record::sealed(line.trim_end().as_bytes())?;
    std::str::from_utf8(text).ok()?.strip_prefix("{\"seq\":")?.parse().ok()
}

fn pid_in(lines: &[&str]) -> Option<u32> {
    lines.first()?.trim_end().strip_prefix("{\"pid\":")?.strip_suffix('}')?.parse().ok()
}

#[cfg(test)]
mod tests;
