//! From the journal to the files it speaks of, where the disk may have got one and not the other.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
};

use super::entry::{self, Written};
use crate::{
    error::{Error, Result},
    event_log::{directory::Layout, files, names, quarantine, record, recovery},
};

/// The parts of each file, in the order in which they were written.
type Parts<'a> = BTreeMap<Cow<'a, str>, Vec<Written<'a>>>;

/// After the last owner was killed, or the machine went down: everything that the journal speaks of is on the disk in its
/// own place when this returns, and the journal is gone. Whoever is killed meanwhile does it again.
pub fn recover(layout: &Layout) -> Result<()> {
    redo(layout, |_| true, |_, error| Err(error))?;
    discard(layout)
}

/// Whether there is a journal. What somebody else has given that name is none, and is left alone.
pub fn is_there(layout: &Layout) -> Result<bool> {
    let Some(found) = files::look(&layout.journal)? else { return Ok(false) };
    let Some(file) = found.is_file.then(|| files::open_found(&layout.journal)).transpose()?.flatten() else {
        return Ok(false);
    };
    let mut head = [0; entry::OPENING.len()];
    let length = files::read_at(&file, &mut head, 0)
        .map_err(|cause| Error::io(format!("reading {}", layout.journal.display()), &cause))?;
    let head = head.get(..length).unwrap_or_default();
    // The disk may have got less of the first entry than its length.
    Ok(entry::OPENING.starts_with(head) || head.iter().all(|byte| *byte == 0))
}

/// Removes a journal of which everything is in its place.
pub fn discard(layout: &Layout) -> Result<()> {
    if !is_there(layout)? {
        return Ok(());
    }
    files::remove(&layout.journal)?;
    files::sync_directory(&layout.root)
}

/// Writes what the journal says of the files that are `wanted` once more, and puts it on the disk, names included. Where that
/// fails for one of them, `failed` says whether to go on with the others.
pub fn redo(
    layout: &Layout,
    wanted: impl Fn(&str) -> bool,
    mut failed: impl FnMut(&str, Error) -> Result<()>,
) -> Result<()> {
    if !is_there(layout)? {
        return Ok(());
    }
    #[cfg(test)]
    files::REDONE.set(files::REDONE.get() + 1);
    let Some(bytes) = files::read_all(&layout.journal)? else { return Ok(()) };
    for (name, parts) in parts_of(&bytes) {
        if wanted(&name)
            && let Err(error) = redo_file(layout, &name, &parts)
        {
            failed(&name, error)?;
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
            // A name that leads elsewhere is none of ours, nor is what no file can hold, whoever wrote it.
            let named = part.file.strip_suffix(names::EXTENSION).is_some_and(names::is_stem);
            let end = i64::try_from(part.bytes.len()).ok().zip(i64::try_from(part.offset).ok());
            if named && end.is_some_and(|(length, offset)| offset.checked_add(length).is_some()) {
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
    match quarantine::keep(layout, &format!("{stem}.journal.{offset}"), &found) {
        Ok(copy) => {
            tracing::warn!(target: "smalltalk::event_log", file = name, offset, copy, "mended from the journal");
        }
        // Without a copy nothing is written over that may be somebody's event; whatever else it is, nobody was promised it.
        Err(error) => {
            let others = has_other_events(file, offset, bytes)
                .map_err(|cause| Error::io(format!("reading {name} before it is mended"), &cause))?;
            if others {
                return Err(error);
            }
            tracing::warn!(target: "smalltalk::event_log", %error, file = name, offset, "mended from the journal, without a copy");
        }
    }
    Ok(())
}

/// Whether there are events where `bytes` are to be written that these would not leave as they are.
fn has_other_events(mut file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<bool> {
    let mut all = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut all)?;
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(bytes.len());
    let differs = |from: usize, to: usize| from < to && all.get(from..to) != bytes.get(from - start..to - start);
    let found = recovery::recover(&all, None, None).found;
    Ok(found.iter().any(|event| differs(event.offset.max(start), (event.offset + event.length).min(end))))
}
