//! The archive: a directory for each day, perhaps on another file system.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{files, names, record, stamp::Stamp, time::parse_date};
use crate::error::Result;

/// As much of the end of a file has its last event, but for large ones.
const TAIL: u64 = 16 << 10;

/// The days there are, oldest first.
///
/// # Errors
/// Where there may be others, which cannot be looked at.
pub fn days(archive: &Path) -> Result<Vec<(i64, PathBuf)>> {
    let (days, seen) = days_seen(archive);
    seen.map(|()| days)
}

/// The same as far as they can be looked at, and what keeps the others from that.
pub fn days_seen(archive: &Path) -> (Vec<(i64, PathBuf)>, Result<()>) {
    let (directories, seen) = directories_seen(archive);
    (directories.into_iter().filter_map(|(date, day)| Some((date?, day))).collect(), seen)
}

/// The same with directories that are no days, in which nobody of ours looks for anything: they keep nobody from anything.
pub fn directories_seen(archive: &Path) -> (Vec<(Option<i64>, PathBuf)>, Result<()>) {
    let (mut directories, mut seen) = (Vec::new(), Ok(()));
    let names = files::names(archive).unwrap_or_else(|error| {
        seen = Err(error);
        Vec::new()
    });
    for (date, path) in names.into_iter().map(|name| (parse_date(&name), archive.join(name))) {
        match files::is_directory(&path) {
            Ok(true) => directories.push((date, path)),
            Err(error) if date.is_some() && seen.is_ok() => seen = Err(error),
            // Somebody may call a file of theirs like a day.
            Ok(false) | Err(_) => {}
        }
    }
    (directories, seen)
}

/// The greatest number of each session, by the stems of their names, as far as all go on above it: the last one of its newest
/// file, within which numbers may have leapt. Where a day cannot be listed, or a file not be read, nothing is known of it but its
/// name.
pub fn last_of_each(archive: &Path) -> HashMap<String, u64> {
    let mut newest: HashMap<String, (u64, PathBuf)> = HashMap::new();
    for (_, day) in days_seen(archive).0 {
        for name in files::file_names(&day).unwrap_or_default() {
            let Some(parsed) = names::parse(&name) else { continue };
            let Some(first) = parsed.first_seq else { continue };
            if newest.get(parsed.stem).is_none_or(|(known, _)| *known < first) {
                newest.insert(parsed.stem.to_owned(), (first, day.join(&name)));
            }
        }
    }
    let last = |path: &Path| last_of(path).ok().flatten().unwrap_or(0);
    let highest = |first, path: &Path| record::higher(record::higher(0, first), last(path));
    newest.into_iter().map(|(stem, (first, path))| (stem, highest(first, &path))).collect()
}

/// What tells this state of the archive from others: when names in it have come or gone. `None` where there is none, where it does
/// not tell, or cannot be looked at.
pub fn trace(archive: &Path) -> Option<u64> {
    let days = days(archive).ok()?.into_iter().map(|(_, day)| day);
    days.chain([archive.to_owned()]).map(|directory| Stamp::trace(&directory).map(u64::from)).sum()
}

/// The number of the last event in a file, of which no more is read than that takes.
fn last_of(path: &Path) -> io::Result<Option<u64>> {
    // Something else may have such a name, and to open it take for ever.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut taken = TAIL.min(length);
    loop {
        let mut tail = vec![0; usize::try_from(taken).unwrap_or(usize::MAX)];
        let read = files::read_at(&file, &mut tail, length - taken)?;
        tail.truncate(read);
        let last = tail.rsplit(|byte| *byte == b'\n').find_map(record::read_line);
        if last.is_some() || taken == length {
            return Ok(last.map(|line| line.seq));
        }
        taken = taken.saturating_mul(8).min(length);
    }
}

/// The archived files of a session that may have events with numbers above `after`, oldest first.
pub fn files_of(archive: &Path, stem: &str, after: Option<f64>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for (_, day) in days(archive)? {
        for name in files::file_names(&day)? {
            let first = names::parse(&name).filter(|parsed| parsed.stem == stem).and_then(|parsed| parsed.first_seq);
            if let Some(first) = first {
                found.push((first, day.join(name)));
            }
        }
    }
    found.sort();
    let Some(after) = after else { return Ok(found.into_iter().map(|(_, path)| path).collect()) };
    #[expect(clippy::cast_precision_loss, reason = "numbers stay below 2^53 until the year 2255")]
    let is_beyond = |seq: u64| seq as f64 > after;
    // A file ends before the next one begins, unless an earlier state of one was put back, and went on with numbers that leapt:
    // then there are two that begin with the same number, or one of a later day is before one of an earlier day.
    let is_odd = |one: &(u64, PathBuf), next: &(u64, PathBuf)| one.0 == next.0 || one.1.parent() > next.1.parent();
    let was_put_back = found.windows(2).any(|two| matches!(two, [one, next] if is_odd(one, next)));
    let begun: Vec<bool> = found.iter().map(|(first, _)| !is_beyond(*first)).collect();
    let next_has_begun = begun.into_iter().skip(1).chain([false]);
    let reaches_beyond = |path: &Path| was_put_back && last_of(path).ok().flatten().is_some_and(is_beyond);
    let wanted = found.into_iter().zip(next_has_begun);
    let wanted = wanted.filter(|((_, path), next_has_begun)| !next_has_begun || reaches_beyond(path));
    Ok(wanted.map(|((_, path), _)| path).collect())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{process::Command, sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn what_only_has_the_name_of_an_archived_file_is_not_waited_for() {
        let archive = tempfile::tempdir().unwrap();
        let day = archive.path().join("2025-11-23");
        std::fs::create_dir(&day).unwrap();
        assert!(Command::new("mkfifo").arg(day.join("s.7.jsonl")).status().unwrap().success());
        let (tell, told) = mpsc::channel();
        let place = archive.path().to_owned();
        thread::spawn(move || tell.send(last_of_each(&place)));
        let expected = HashMap::from([("s".to_owned(), 7)]);
        assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(expected), "its name tells of its first number");
    }
}
