//! What the bytes of a log file hold, whatever happened to them. Nothing here touches a disk.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::{
    index::{Entry, Topics},
    names,
    record::{self, CRC_MEMBER, Line, OPENING},
};

/// A line whose checksum holds, and where it stands.
#[derive(Debug)]
pub struct Found<'a> {
    /// Where it starts.
    pub offset: usize,
    /// Its bytes, without the newline.
    pub length: usize,
    /// What it says.
    pub line: Line<'a>,
}

/// The outcome.
#[derive(Debug, Default)]
pub struct Recovered<'a> {
    /// Every event whose checksum holds, in order, each with a greater number than the one before.
    pub found: Vec<Found<'a>>,
    /// The bytes that are no events, neighbours joined, without the unfinished last line.
    pub damage: Vec<Range<usize>>,
    /// Where the unfinished last line starts, when there is one.
    pub torn: Option<usize>,
}

impl Recovered<'_> {
    /// Where in a file they are damaged that has these `bytes` at `base`. Of what is somebody else's nothing is.
    #[must_use]
    pub fn told(&self, bytes: &[u8], base: u64) -> Vec<Range<u64>> {
        if self.found.is_empty() && base == 0 && !may_be_ours(bytes) {
            return Vec::new();
        }
        self.damage.iter().map(|range| base + range.start as u64..base + range.end as u64).collect()
    }
}

/// Whether bytes in which no event was found may all the same have been events once, or the beginning of one. What nothing
/// of ours is in belongs to somebody else.
#[must_use]
pub fn may_be_ours(bytes: &[u8]) -> bool {
    // A file whose first page never reached the disk begins with a hole.
    bytes.starts_with(OPENING)
        || OPENING.starts_with(bytes)
        || bytes.starts_with(b"\0")
        || find(bytes, CRC_MEMBER).is_some()
}

/// Finds the events of `session` (`None`: of the session that the first event names) in `bytes`. Events must have numbers
/// greater than `after`.
#[must_use]
pub fn recover<'a>(bytes: &'a [u8], session: Option<&str>, after: Option<u64>) -> Recovered<'a> {
    let session = session.map(str::to_owned);
    Search { bytes, session, stem: None, after, outcome: Recovered::default() }.all()
}

/// The same where no more is known of the session than the stem of its files: it is the one that the first event names whose
/// files have it.
#[must_use]
pub fn recover_named<'a>(bytes: &'a [u8], stem: &'a str, after: Option<u64>) -> Recovered<'a> {
    Search { bytes, session: None, stem: Some(stem), after, outcome: Recovered::default() }.all()
}

/// What the index keeps of the lines that were found in bytes which begin at `base`.
pub fn entries<'a>(
    found: impl Iterator<Item = &'a Found<'a>>,
    base: u64,
    topics: &mut Topics,
    mut keep: impl FnMut(Entry),
) {
    for Found { offset, length, line } in found {
        keep(Entry {
            offset: base + *offset as u64,
            seq: line.seq,
            timestamp: line.head.timestamp,
            length: u32::try_from(*length).unwrap_or(u32::MAX),
            topic: topics.number(&line.head.topic),
            critical: line.head.critical,
        });
    }
}

fn newlines(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'\n', bytes)
}

struct Search<'a> {
    bytes: &'a [u8],
    session: Option<String>,
    /// What the names of its files begin with, where that is all that is known of it.
    stem: Option<&'a str>,
    after: Option<u64>,
    outcome: Recovered<'a>,
}

impl<'a> Search<'a> {
    fn all(mut self) -> Recovered<'a> {
        let bytes = self.bytes;
        let mut start = 0;
        for end in newlines(bytes) {
            // A blank line separates what was damaged from what was written later.
            if end > start && !self.take(start..end) {
                self.split(start..end);
            }
            start = end + 1;
        }
        if start < bytes.len() {
            self.tail(start);
        }
        self.outcome
    }

    /// Whether an event of that session is one of those that are looked for.
    fn is_wanted(&self, session: &str) -> bool {
        match (&self.session, self.stem) {
            (Some(wanted), _) => wanted == session,
            (None, Some(stem)) => names::stem_of(session) == stem,
            (None, None) => true,
        }
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Takes the range as one line, where it is one.
    fn take(&mut self, range: Range<usize>) -> bool {
        let Some(line) = record::read_line(self.slice(range.clone())) else { return false };
        let grows = self.after.is_none_or(|after| line.seq > after);
        if !grows || !self.is_wanted(&line.session_id) {
            return false;
        }
        if self.session.is_none() {
            self.session = Some(line.session_id.clone().into_owned());
        }
        self.after = Some(line.seq);
        self.outcome.found.push(Found { offset: range.start, length: range.len(), line });
        true
    }

    /// Takes every line that hides in a range, a damaged newline or a hole before it; gives where the last one ended.
    ///
    /// A line is looked for wherever our lines can open, and ends where its JSON value ends: text inside a payload is
    /// never mistaken for one, because it would have to be a whole value that carries its own checksum.
    fn salvage(&mut self, range: &Range<usize>) -> Vec<Range<usize>> {
        let mut taken = Vec::new();
        let mut at = range.start;
        while let Some(start) = find(self.slice(at..range.end), OPENING).map(|found| at + found) {
            match value_length(self.slice(start..range.end)) {
                Some(length) if self.take(start..start + length) => {
                    taken.push(start..start + length);
                    at = start + length;
                }
                _ => at = start + 1,
            }
        }
        taken
    }

    fn split(&mut self, range: Range<usize>) {
        let mut at = range.start;
        for line in self.salvage(&range) {
            self.damaged(at..line.start);
            at = line.end;
        }
        self.damaged(at..range.end);
    }

    fn damaged(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        match self.outcome.damage.last_mut() {
            // Neighbours, or halves of a line that a damaged byte cut in two.
            Some(last) if range.start <= last.end + 1 => last.end = range.end,
            _ => self.outcome.damage.push(range),
        }
    }

    /// The last line has no newline: it was never finished. Only what stands before a damaged newline is kept of it.
    fn tail(&mut self, start: usize) {
        // A line that ends with the file lacks its newline: it is the unfinished one.
        let inner = start..self.bytes.len() - 1;
        let lines = self.salvage(&inner);
        let mut at = start;
        let salvaged = !lines.is_empty();
        for line in lines {
            self.damaged(at..line.start);
            at = line.end;
        }
        if salvaged {
            // The byte that was a newline stays, so that the file says the same when it is read again.
            self.damaged(at..at + 1);
            at += 1;
        }
        if at < self.bytes.len() {
            self.outcome.torn = Some(at);
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

/// As many bytes as the JSON value takes that `bytes` start with.
fn value_length(bytes: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for seq in 1..=lines {
            // The payload looks like a line on purpose.
            let body = format!(
                r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":{{"seq":{seq},"x":"é,\"crc\":\"","crc":"00000000"}}}}"#
            );
            record::push_line(&mut bytes, seq, b"\"id\"", "\"s\"", &body);
        }
        bytes
    }

    /// As many as are cut and flipped everywhere: some with every change, 200 on demand.
    fn lines() -> u64 {
        std::env::var("SMALLTALK_LOG_LINES").map_or(50, |lines| lines.parse().unwrap())
    }

    fn seqs(outcome: &Recovered<'_>) -> Vec<u64> {
        outcome.found.iter().map(|found| found.line.seq).collect()
    }

    #[test]
    fn cut_anywhere_only_the_torn_line_is_gone() {
        let bytes = log(lines());
        for end in 0..=bytes.len() {
            let cut = &bytes[..end];
            let whole = newlines(cut).count();
            let outcome = recover(cut, Some("s"), None);
            assert_eq!(outcome.found.len(), whole, "cut at {end}");
            assert!(outcome.damage.is_empty(), "cut at {end}");
            let torn = newlines(cut).last().map_or(0, |at| at + 1);
            assert_eq!(outcome.torn, (torn < end).then_some(torn), "cut at {end}");
        }
    }

    #[test]
    fn any_flipped_byte_costs_its_line_at_most_and_is_seen() {
        let bytes = log(lines());
        for at in 0..bytes.len() {
            // Each in turn becomes another character, a newline, a quote.
            let masks = [1_u8, bytes[at] ^ b'\n', bytes[at] ^ b'"'];
            let masks = if at % 5 == 0 { &masks[..] } else { &masks[..1] };
            for mask in masks.iter().copied().filter(|mask| *mask != 0) {
                let mut damaged = bytes.clone();
                damaged[at] ^= mask;
                let outcome = recover(&damaged, Some("s"), None);
                let line = newlines(&bytes[..at]).count() as u64 + 1;
                let kept = seqs(&outcome);
                let others: Vec<u64> = (1..=lines()).filter(|seq| *seq != line).collect();
                let without: Vec<u64> = kept.iter().copied().filter(|seq| *seq != line).collect();
                assert_eq!(without, others, "byte {at} ^ {mask}");
                assert!(!outcome.damage.is_empty() || outcome.torn.is_some(), "byte {at} ^ {mask} went unseen");
                assert!(outcome.damage.len() <= 1, "byte {at} ^ {mask}: {:?}", outcome.damage);
            }
        }
    }

    #[test]
    fn a_hole_before_a_line_does_not_take_it_along() {
        let lines = log(3);
        let mut bytes = vec![0_u8; 4096];
        bytes.extend_from_slice(&lines);
        let outcome = recover(&bytes, None, None);
        assert_eq!(seqs(&outcome), [1, 2, 3]);
        assert_eq!(outcome.damage, vec![0..4096]);
    }

    #[test]
    fn lines_of_another_session_or_out_of_order_are_damage() {
        let mut bytes = log(3);
        record::push_line(&mut bytes, 9, b"\"id\"", "\"other\"", r#"{"topic":"t","priority":"normal","timestamp":1}"#);
        record::push_line(&mut bytes, 2, b"\"id\"", "\"s\"", r#"{"topic":"t","priority":"normal","timestamp":1}"#);
        let outcome = recover(&bytes, None, None);
        assert_eq!(seqs(&outcome), [1, 2, 3]);
        assert_eq!(outcome.damage.len(), 1);
        assert!(recover(&bytes, Some("s"), Some(3)).found.is_empty());
    }
}
