//! From the journal to the files it speaks of, where the disk may have got one and not the other.

use std::{borrow::Cow, collections::BTreeMap, fs::File, path::Path};

use super::entry;
use crate::{
    error::{Error, Result},
    event_log::{directory::Layout, files, names},
};

/// The parts of each file, in the order in which they were written.
type Parts<'a> = BTreeMap<Cow<'a, str>, Vec<(u64, &'a [u8])>>;

/// After the last owner was killed, or the machine went down: everything that the journal speaks of is on the disk in its
/// own place when this returns, and the journal is gone. Whoever is killed meanwhile does it again.
pub fn recover(layout: &Layout) -> Result<()> {
    redo(layout, |_| true)?;
    discard(layout)
}

/// Removes a journal of which everything is in its place.
pub fn discard(layout: &Layout) -> Result<()> {
    if files::look(&layout.journal)?.is_none() {
        return Ok(());
    }
    files::remove(&layout.journal)?;
    files::sync_directory(&layout.root)
}

/// Writes what the journal says of the files that are `wanted` once more, and puts it on the disk, names included.
pub fn redo(layout: &Layout, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let Some(bytes) = files::read_all(&layout.journal)? else { return Ok(()) };
    for (name, parts) in parts_of(&bytes) {
        if wanted(&name) {
            redo_file(layout, &name, &parts)?;
        }
    }
    files::sync_directory(&layout.active)
}

fn parts_of(bytes: &[u8]) -> Parts<'_> {
    let mut parts = Parts::new();
    for entry in entry::read(bytes) {
        for file in entry.gone {
            parts.remove(&file);
        }
        for (file, offset, bytes) in entry.parts {
            // A name that leads elsewhere is none of ours, whoever wrote it.
            let ours = names::parse(&file).is_some_and(|parsed| parsed.first_seq.is_none());
            if ours && Path::new(&*file).file_name().is_some_and(|name| name == &*file) {
                parts.entry(file).or_default().push((offset, bytes));
            }
        }
    }
    parts
}

fn redo_file(layout: &Layout, name: &str, parts: &[(u64, &[u8])]) -> Result<()> {
    let path = layout.active.join(name);
    let begins = parts.first().is_some_and(|(offset, _)| *offset == 0);
    if !begins && files::look(&path)?.is_none() {
        // Its name was on the disk: somebody has removed it since.
        tracing::warn!(target: "smalltalk::event_log", file = name, "the journal speaks of a file that is not there");
        return Ok(());
    }
    let file = files::open_to_mend(&path)?;
    let doing = || format!("writing {} once more", path.display());
    for (offset, bytes) in parts {
        keep_what_differs(layout, name, &file, *offset, bytes)?;
        files::write_at(&file, bytes, *offset).map_err(|cause| Error::io(doing(), &cause))?;
    }
    file.sync_data().map_err(|cause| Error::io(doing(), &cause))
}

/// A disk that lost what it was not told to keep has nothing in its place, or zeros. What is neither that nor what was
/// written is damage, or somebody's work: it is copied aside.
fn keep_what_differs(layout: &Layout, name: &str, file: &File, offset: u64, bytes: &[u8]) -> Result<()> {
    let mut found = vec![0; bytes.len()];
    let length = files::read_at(file, &mut found, offset)
        .map_err(|cause| Error::io(format!("reading {name} before it is mended"), &cause))?;
    found.truncate(length);
    if found.iter().zip(bytes).all(|(found, written)| found == written || *found == 0) {
        return Ok(());
    }
    let stem = names::parse(name).map_or(name, |parsed| parsed.stem);
    let copy = layout.quarantine.join(format!("{stem}.journal.{offset}.damaged"));
    if !copy.exists() {
        files::create_directory(&layout.quarantine)?;
        files::write_new(&copy, &found)?;
        files::sync_directory(&layout.quarantine)?;
        tracing::warn!(target: "smalltalk::event_log", file = name, offset, bytes = length, "mended from the journal");
    }
    Ok(())
}
