//! One piece of a replay: from the places of its events in a file to a JSON array.

use std::fs::File;

use super::part::Part;
use crate::{
    error::Result,
    event_log::{
        files,
        index::{Entry, write},
        record,
    },
};

/// Lines that do not match, up to this many bytes, are read along rather than skipped by another read.
const READ_ALONG: u64 = 4096;

/// The events of a piece as a JSON array, and how many they are. A line that was damaged since the index was made is
/// left out: it costs itself, like one that the opening found.
pub(super) fn read_piece(part: &Part, file: &File, piece: &[Entry]) -> Result<(String, usize)> {
    let mut text = String::with_capacity(piece.iter().map(|entry| entry.length as usize + 1).sum::<usize>() + 2);
    let mut events = 0;
    text.push('[');
    for run in piece.chunk_by(|one, two| two.offset.saturating_sub(end_of(one)) <= READ_ALONG) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let size = usize::try_from(end_of(last) - first.offset).unwrap_or(usize::MAX);
        let mut buffer = vec![0_u8; size];
        let there = files::read_at(file, &mut buffer, first.offset).map_err(|cause| part.reading(&cause))?;
        buffer.truncate(there);
        for entry in run {
            let start = usize::try_from(entry.offset - first.offset).unwrap_or(usize::MAX);
            let line = buffer.get(start..start.saturating_add(entry.length as usize)).unwrap_or_default();
            match push_event(&mut text, line) {
                Some(()) => events += 1,
                None => report(part, entry),
            }
        }
    }
    text.push(']');
    Ok((text, events))
}

/// Takes note of a damaged line, for the statistics. Said once for each, and once for neighbours.
fn report(part: &Part, entry: &Entry) {
    if write(&part.placed.entries).note_damage(entry.offset..end_of(entry)) {
        let (file, offset, seq) = (part.placed.path.display(), entry.offset, entry.seq);
        tracing::warn!(target: "smalltalk::event_log", %file, offset, seq, "skipped a line that was damaged while the log was open");
    }
}

/// Adds the event of a line, which is the line without its checksum.
fn push_event(text: &mut String, line: &[u8]) -> Option<()> {
    let event = std::str::from_utf8(record::sealed(line)?).ok()?;
    if text.len() > 1 {
        text.push(',');
    }
    text.push_str(event);
    text.push('}');
    Some(())
}

fn end_of(entry: &Entry) -> u64 {
    entry.offset + u64::from(entry.length)
}
