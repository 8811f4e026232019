//! Removes everything of one session: its files, wherever they are, and copies of its damaged bytes. Files are removed
//! one by one; whoever is killed in between erases again.

use std::path::Path;

use super::{archive, consumers, directory::Layout, files, names, owned::Owned};
use crate::error::Result;

/// Erases a session; whether there was anything. Replays under way keep what they hold open. What cannot be removed keeps
/// nothing else, and is there again when this has failed.
pub fn erase(owned: &mut Owned, id: &str) -> Result<bool> {
    let stem = names::stem_of(id);
    let layout = owned.around.layout.clone();
    owned.end_journal()?;
    // From here on nobody finds it, and its next event, should there be one, goes to a new file under new numbers.
    owned.forget(id);
    owned.around.keeper.settle();
    let removed = remove_all(&layout, id, &stem);
    if removed.is_err()
        && let Err(error) = owned.reread(id)
    {
        owned.around.catalog.note_unreadable(&stem, error);
    }
    removed.map(|removed| removed > 0)
}

fn remove_all(layout: &Layout, id: &str, stem: &str) -> Result<u64> {
    let mut removed = remove_from(&layout.active, |name| is_of(name, stem));
    let indexes = remove_from(&layout.index, |name| name.strip_suffix(".index").is_some_and(|of| is_of(of, stem)));
    add(&mut removed, indexes.map(|_| 0));
    // What was left of a copy does not say whose it is.
    let copies = |name: &str| name.starts_with(&format!("{stem}.")) || files::is_temporary(name);
    add(&mut removed, remove_from(&layout.quarantine, copies));
    let (directories, seen) = archive::directories_seen(&layout.archive);
    add(&mut removed, seen.map(|()| 0));
    for (date, directory) in directories {
        // As the `lost+found` of a disk of its own.
        if date.is_none() && files::file_names(&directory).is_err() {
            continue;
        }
        // Whoever was killed while he moved a file to another disk has left a part of it.
        add(&mut removed, remove_from(&directory, |name| is_of(name, stem) || is_temporary_of(name, stem)));
    }
    // It may have gone away in between, with all that is in it.
    add(&mut removed, archive::days(&layout.archive).map(|_| 0));
    add(&mut removed, consumers::erase(layout, id));
    removed
}

/// Goes on after a failure; the first one is told.
pub fn add(removed: &mut Result<u64>, more: Result<u64>) {
    match (removed, more) {
        (Ok(removed), Ok(more)) => *removed += more,
        (removed @ Ok(_), failed) => *removed = failed,
        (Err(_), _) => {}
    }
}

fn is_of(name: &str, stem: &str) -> bool {
    names::parse(name).is_some_and(|parsed| parsed.stem == stem)
}

fn is_temporary_of(name: &str, stem: &str) -> bool {
    files::is_temporary(name) && name.starts_with(&format!(".{stem}."))
}

/// Removes the files that match, and makes sure that a power cut does not bring them back.
fn remove_from(directory: &Path, matches: impl Fn(&str) -> bool) -> Result<u64> {
    let mut removed = Ok(0);
    let mut any = false;
    for name in files::file_names(directory)? {
        if matches(&name) {
            any = true;
            add(&mut removed, files::remove(&directory.join(name)).map(|()| 1));
        }
    }
    if any {
        add(&mut removed, files::sync_directory(directory).map(|()| 0));
    }
    removed
}
