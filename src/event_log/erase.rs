//! Removes everything of one session: its files, wherever they are, and copies of its damaged bytes. Files are removed
//! one by one; whoever is killed in between erases again.

use std::path::Path;

use super::{consumers, files, names, owned::Owned};
use crate::error::Result;

/// Erases a session; whether there was anything. Replays under way keep what they hold open.
pub fn erase(owned: &mut Owned, id: &str) -> Result<bool> {
    let stem = names::stem_of(id);
    let layout = owned.around.layout.clone();
    owned.end_journal()?;
    // From here on nobody finds it, and its next event, should there be one, goes to a new file under new numbers.
    owned.around.catalog.remove(id);
    if let Some(lane) = owned.lanes.remove(id) {
        owned.highest_seq = owned.highest_seq.max(lane.next_seq() - 1);
    }
    owned.around.keeper.settle();
    let mut removed = remove_from(&layout.active, |name| is_of(name, &stem))?;
    remove_from(&layout.index, |name| name.strip_suffix(".index").is_some_and(|file| is_of(file, &stem)))?;
    removed += remove_from(&layout.quarantine, |name| name.starts_with(&format!("{stem}.")))?;
    for date in files::names(&layout.archive)? {
        let day = layout.archive.join(date);
        if day.is_dir() {
            removed += remove_from(&day, |name| is_of(name, &stem))?;
        }
    }
    removed += consumers::erase(&layout, id)?;
    Ok(removed > 0)
}

fn is_of(name: &str, stem: &str) -> bool {
    names::parse(name).is_some_and(|parsed| parsed.stem == stem)
}

/// Removes the files that match, and makes sure that a power cut does not bring them back.
fn remove_from(directory: &Path, matches: impl Fn(&str) -> bool) -> Result<u64> {
    let mut removed = 0;
    for name in files::names(directory)? {
        if matches(&name) {
            files::remove(&directory.join(name))?;
            removed += 1;
        }
    }
    if removed > 0 {
        files::sync_directory(directory)?;
    }
    Ok(removed)
}
