//! The end of positions that nobody has asked for since their session has gone.

use std::{
    fs::{self, TryLockError},
    io::Read,
    path::Path,
    time::SystemTime,
};

use super::{Layout, files, lines_of, names, pid_in, record, seqs_in};
use crate::error::{Error, Result};

/// The sessions that have positions, as they are named in files.
pub fn stems(layout: &Layout) -> Result<Vec<String>> {
    let names = files::directory_names(&layout.root.join("consumers"))?;
    Ok(names.into_iter().filter(|name| names::is_stem(name)).collect())
}

/// Removes the positions of a session that nobody holds, and that nobody has written to since `limit`; raises `furthest` to the
/// greatest of them. What cannot be removed keeps no other one; the first failure is told. One that a power cut
/// brings back is removed once more, so nothing waits for the disk.
pub fn expire(layout: &Layout, stem: &str, limit: SystemTime, furthest: &mut u64) -> Result<()> {
    let directory = layout.root.join("consumers").join(stem);
    let mut outcome = Ok(());
    for name in files::file_names(&directory)? {
        if name.strip_suffix(".json").is_some_and(names::is_stem) {
            let expired = expire_one(&directory.join(name), limit);
            outcome = outcome.and(expired.map(|seq| *furthest = record::higher(*furthest, seq)));
        }
    }
    // Where it is not empty it stays.
    let _ = fs::remove_dir(directory);
    outcome
}

fn expire_one(path: &Path, limit: SystemTime) -> Result<u64> {
    let is_old = || {
        let found = files::look_at_times(path)?.filter(fs::Metadata::is_file);
        Ok(found.and_then(|found| found.modified().ok()).is_some_and(|modified| modified < limit))
    };
    if !is_old()? {
        return Ok(0);
    }
    let Some(mut file) = files::open_found(path)? else { return Ok(0) };
    // Whoever has held it until now has written to it.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !is_old()? {
        return Ok(0);
    }
    let mut bytes = Vec::new();
    let read = file.read_to_end(&mut bytes);
    read.map_err(|cause| Error::io(format!("reading {}", path.display()), &cause))?;
    if pid_in(&lines_of(&bytes)).is_none() {
        return Ok(0);
    }
    let (first, second) = seqs_in(&bytes);
    // Locked until it is gone: whoever comes meanwhile finds that the file which he has opened has no name any more.
    files::remove(path).map(|()| first.max(second).unwrap_or(0))
}
