//! The archive: a directory for each day, perhaps on another file system.

use std::path::{Path, PathBuf};

use super::{files, names, record, time::parse_date};
use crate::error::Result;

/// The days there are, oldest first.
pub fn days(archive: &Path) -> Result<Vec<(i64, PathBuf)>> {
    let names = files::names(archive)?;
    let days = names.into_iter().filter_map(|date| Some((parse_date(&date)?, archive.join(date))));
    // Somebody may call a file of theirs like a day.
    Ok(days.filter(|(_, day)| day.is_dir()).collect())
}

/// The greatest number that the name of a file tells of, as far as all sessions go on above it. Where a day cannot be listed,
/// nothing is known of it.
pub fn furthest(archive: &Path) -> u64 {
    let days = days(archive).unwrap_or_default();
    let names = days.iter().flat_map(|(_, day)| files::file_names(day).unwrap_or_default());
    names.filter_map(|name| names::parse(&name)?.first_seq).fold(0, record::higher)
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
    // A file ends before the next one begins.
    #[expect(clippy::cast_precision_loss, reason = "numbers stay below 2^53 until the year 2255")]
    let skipped = found.iter().skip(1).filter(|(first, _)| after.is_some_and(|after| *first as f64 <= after)).count();
    Ok(found.into_iter().skip(skipped).map(|(_, path)| path).collect())
}
