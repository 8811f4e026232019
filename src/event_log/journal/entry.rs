//! The bytes of the journal: one entry after another, each a line of JSON and the lines of events that it speaks of.
//!
//! ```text
//! {"epoch":3,"gone":[],"parts":[["agent-1.jsonl",1,0,212],["agent-2.jsonl",17,4096,198]],"crc":"1c291ca3"}
//! …212 bytes of agent-1.jsonl, 198 of agent-2.jsonl
//! ```
//!
//! `crc` is the CRC32C of the line before it and of the bytes after the line. What an entry of another epoch follows, or
//! anything else, is left from an earlier round.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::event_log::record;

/// What every entry begins with.
pub const OPENING: &[u8] = b"{\"epoch\":";

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its name in `active`.
    pub file: &'a str,
    /// The number of its first event: another file may have the name later.
    pub first_seq: u64,
    /// Where in it they stand.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Files of which nothing that was said before holds any more.
    pub gone: Vec<Cow<'a, str>>,
    /// What stands where.
    pub parts: Vec<Written<'a>>,
}

/// A part as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<'a> {
    /// The file's name in `active`.
    pub file: Cow<'a, str>,
    /// The number of its first event.
    pub first_seq: u64,
    /// Where in it the bytes stand.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    epoch: u64,
    #[serde(borrow)]
    gone: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    parts: Vec<(Cow<'a, str>, u64, u64, u64)>,
}

/// Adds an entry to `out`.
pub fn push(out: &mut Vec<u8>, epoch: u64, gone: &[&str], parts: &[Part<'_>]) {
    let head = Head {
        epoch,
        gone: gone.iter().map(|file| Cow::Borrowed(*file)).collect(),
        parts: parts.iter().map(|part| (part.file.into(), part.first_seq, part.offset, length(part))).collect(),
    };
    // Names and numbers always have a text.
    let text = serde_json::to_vec(&head).unwrap_or_default();
    let covered = text.strip_suffix(b"}").unwrap_or_default();
    let crc = parts.iter().fold(crc32c::crc32c(covered), |crc, part| crc32c::crc32c_append(crc, part.bytes));
    out.extend_from_slice(covered);
    record::push_seal(out, crc);
    out.push(b'\n');
    for part in parts {
        out.extend_from_slice(part.bytes);
    }
}

fn length(part: &Part<'_>) -> u64 {
    part.bytes.len() as u64
}

/// The entries at the beginning of `bytes` that are whole and of one epoch, in order.
pub fn read(bytes: &[u8]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    let mut epoch = None;
    while let Some((found, entry, after)) = first(rest) {
        if *epoch.get_or_insert(found) != found {
            break;
        }
        entries.push(entry);
        rest = after;
    }
    entries
}

/// The first entry, its epoch, and what comes after it.
fn first(bytes: &[u8]) -> Option<(u64, Entry<'_>, &[u8])> {
    let (line, mut rest) = bytes.split_at_checked(memchr::memchr(b'\n', bytes)?)?;
    rest = rest.get(1..)?;
    let (covered, written) = record::split_seal(line)?;
    let head: Head<'_> = serde_json::from_slice(line).ok()?;
    let mut crc = crc32c::crc32c(covered);
    let mut parts = Vec::with_capacity(head.parts.len());
    for (file, first_seq, offset, length) in head.parts {
        let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        crc = crc32c::crc32c_append(crc, bytes);
        parts.push(Written { file, first_seq, offset, bytes });
        rest = after;
    }
    (crc == written).then_some((head.epoch, Entry { gone: head.gone, parts }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        push(&mut bytes, 1, &[], &[Part { file: "a.jsonl", first_seq: 1, offset: 0, bytes: b"{}\n" }]);
        ends.push(bytes.len());
        push(&mut bytes, 1, &["a.jsonl"], &[]);
        ends.push(bytes.len());
        let parts = [
            Part { file: "a.jsonl", first_seq: 1, offset: 0, bytes: b"one\n" },
            Part { file: "%41.jsonl", first_seq: 9, offset: 77, bytes: b"another\n" },
        ];
        push(&mut bytes, 1, &[], &parts);
        ends.push(bytes.len());
        (bytes, ends)
    }

    #[test]
    fn what_is_written_is_read() {
        let (bytes, _) = three();
        assert!(bytes.starts_with(OPENING));
        let entries = read(&bytes);
        assert_eq!(entries.len(), 3);
        let parts = |entry: &Entry<'_>| {
            entry.parts.iter().map(|part| (part.file.to_string(), part.offset, part.bytes.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(parts(&entries[0]), [("a.jsonl".into(), 0, b"{}\n".to_vec())]);
        assert_eq!(entries[1], Entry { gone: vec!["a.jsonl".into()], parts: Vec::new() });
        assert_eq!(parts(&entries[2])[1], ("%41.jsonl".into(), 77, b"another\n".to_vec()));
        assert_eq!(entries[2].parts[1].first_seq, 9);
    }

    #[test]
    fn cut_or_flipped_anywhere_the_entries_before_it_hold_and_no_other() {
        let (bytes, ends) = three();
        for at in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= at).count();
            assert_eq!(read(&bytes[..at]).len(), whole, "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(read(&flipped).len(), whole, "flipped at {at}");
        }
    }

    #[test]
    fn what_is_left_of_an_earlier_epoch_is_none() {
        let mut bytes = Vec::new();
        push(&mut bytes, 2, &[], &[Part { file: "a.jsonl", first_seq: 1, offset: 9, bytes: b"new\n" }]);
        bytes.extend_from_slice(&three().0);
        let entries = read(&bytes);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].parts[0].offset, 9);
        assert!(read(b"").is_empty() && read(&[0; 4096]).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).len() <= bytes.len());
        }

        #[test]
        fn any_parts_come_back(parts in prop::collection::vec((".*", any::<u64>(), any::<u64>(), any::<Vec<u8>>()), 0..8)) {
            let mut bytes = Vec::new();
            let given: Vec<_> = parts
                .iter()
                .map(|(file, first_seq, offset, bytes)| Part { file, first_seq: *first_seq, offset: *offset, bytes })
                .collect();
            push(&mut bytes, 1, &[], &given);
            let entries = read(&bytes);
            let back: Vec<_> = entries[0]
                .parts
                .iter()
                .map(|Written { file, first_seq, offset, bytes }| Part {
                    file,
                    first_seq: *first_seq,
                    offset: *offset,
                    bytes,
                })
                .collect();
            prop_assert_eq!(back, given);
        }
    }
}
