//! Room that is kept for the day when the disk is full: to remove something has to be written first, and with this there
//! is place for that.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::birth;

/// Some dozens of pages in the write-ahead log: more than it takes to remove a session, however large.
const BYTES: u64 = 1024 * 1024;

/// A file beside the database that nobody reads.
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The reserve of the database at `path`, which is not there yet.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self { path: birth::with_ending(path, "-reserve") }
    }

    /// Takes the room where it is not taken: whoever else uses the database may have given it up. That it cannot be had is
    /// no failure: it is what it is for.
    pub fn keep(&self) {
        if fs::metadata(&self.path).is_ok_and(|found| found.len() >= BYTES) {
            return;
        }
        if let Err(error) = take(&self.path) {
            tracing::debug!(target: "smalltalk::storage", %error, "no room is kept for a full disk");
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Whether the room is taken, by whomever.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Gives the room up.
    pub fn release(&self) {
        // Also one that is not ours: whoever left it behind does not need it now.
        let _ = fs::remove_file(&self.path);
    }
}

fn take(path: &Path) -> io::Result<()> {
    match birth::create_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        _ => {}
    }
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() >= BYTES { Ok(()) } else { allocate(&file) }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, BYTES) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(file),
        outcome => Ok(outcome?),
    }
}

#[cfg(not(target_os = "linux"))]
use fill as allocate;

fn fill(mut file: &File) -> io::Result<()> {
    let bytes = vec![0; usize::try_from(BYTES).unwrap_or(0)];
    io::Write::write_all(&mut file, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_taken_once_and_given_up_whoever_took_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let reserve = Reserve::of(&path);
        reserve.keep();
        let file = directory.path().join("s.db-reserve");
        assert_eq!(fs::metadata(&file).unwrap().len(), BYTES);
        let other = Reserve::of(&path);
        other.release();
        assert!(!file.exists());
        reserve.keep();
        assert!(file.exists(), "it is looked for, not remembered");
        fill(&File::options().write(true).open(&file).unwrap()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().len(), BYTES);
    }
}
