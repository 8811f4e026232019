//! From the journal to the files it speaks of, where the disk may have got one and not the other.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::entry::{self, Written};
use crate::{
    error::{Error, Result},
    event_log::{directory::Layout, files, names, record},
};

/// The parts of each file, in the order in which they were written.
type Parts<'a> = BTreeMap<Cow<'a, str>, Vec<Written<'a>>>;

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
        for part in entry.parts {
            // A name that leads elsewhere is none of ours, whoever wrote it.
            let ours = names::parse(&part.file).is_some_and(|parsed| parsed.first_seq.is_none());
            if ours && Path::new(&*part.file).file_name().is_some_and(|name| name == &*part.file) {
                parts.entry(part.file.clone()).or_default().push(part);
            }
        }
    }
    parts
}

fn redo_file(layout: &Layout, name: &str, parts: &[Written<'_>]) -> Result<()> {
    let path = layout.active.join(name);
    let begins = parts.first().is_some_and(|part| part.offset == 0);
    if !begins && files::look(&path)?.is_none() {
        // Its name was on the disk: somebody has removed it since.
        tracing::warn!(target: "smalltalk::event_log", file = name, "the journal speaks of a file that is not there");
        return Ok(());
    }
    let file = files::open_to_mend(&path)?;
    let doing = || format!("writing {} once more", path.display());
    let first_seq = first_seq_of(&file).map_err(|cause| Error::io(doing(), &cause))?;
    for part in parts {
        if first_seq.is_some_and(|found| found != part.first_seq) {
            // As in a copy of a log that was made while it was written to.
            tracing::warn!(target: "smalltalk::event_log", file = name, "the journal speaks of an earlier file of this name");
            continue;
        }
        keep_what_differs(layout, name, &file, part.offset, part.bytes)?;
        files::write_at(&file, part.bytes, part.offset).map_err(|cause| Error::io(doing(), &cause))?;
    }
    file.sync_data().map_err(|cause| Error::io(doing(), &cause))
}

/// The number of the first event; `None` where the file does not begin with one, whatever has become of it.
fn first_seq_of(file: &File) -> std::io::Result<Option<u64>> {
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(record::read_line(line).map(|line| line.seq))
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
