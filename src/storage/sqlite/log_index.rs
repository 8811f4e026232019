//! What SQLite's index of a write-ahead log says of it, by the head of that index
//! (<https://www.sqlite.org/walformat.html#the_wal_index_file_format>).
//!
//! Whoever cuts off a log, to empty it or to bring it down to its limit, has the right to write meanwhile, and says in the index
//! before that nothing is needed of what goes. Whoever adds to it says so after. So as long as the head is the same, the log has
//! at least what that says.

use super::view::CommitMark;

/// What SQLite puts before the pages of a log, and before each of them.
pub const HEADER: u32 = 32;
pub const PAGE_HEADER: u32 = 24;

/// Where the salts are in the former.
#[cfg(unix)]
const SALTS_AT: u64 = 16;

/// What a log has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// At least so many bytes.
    pub length: u64,
    /// What its head has to say: it is chosen anew each time the log begins anew.
    salts: [[u8; 4]; 2],
}

impl Indexed {
    /// `None` where nothing of the log is needed.
    #[must_use]
    pub fn told_by(mark: &CommitMark) -> Option<Self> {
        let [_, _, _, page, frames, _, _, _, first, second, ..] = *mark;
        let [_, _, low, high] = page.to_ne_bytes();
        let page = u32::from(u16::from_ne_bytes([low, high]));
        // The largest would need a bit more, and has the lowest.
        let page = if page == 1 { 0x1_0000 } else { page };
        let length = u64::from(HEADER) + u64::from(frames) * u64::from(page + PAGE_HEADER);
        (frames > 0).then(|| Self { length, salts: [first.to_ne_bytes(), second.to_ne_bytes()] })
    }

    /// Whether the head of the log is the one that belongs to the index. What cannot be read may be.
    #[cfg(unix)]
    #[must_use]
    pub fn begins(self, log: &std::fs::File) -> bool {
        use std::{io::ErrorKind::UnexpectedEof, os::unix::fs::FileExt};
        let mut found = [0; 8];
        match log.read_exact_at(&mut found, SALTS_AT) {
            Ok(()) => found == *self.salts.as_flattened(),
            Err(cause) => cause.kind() != UnexpectedEof,
        }
    }

    #[cfg(not(unix))]
    #[must_use]
    #[expect(clippy::unused_self, reason = "as where it can be told")]
    pub fn begins(self, _: &std::fs::File) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(page: u16, frames: u32) -> CommitMark {
        let [low, high] = page.to_ne_bytes();
        let word = u32::from_ne_bytes([1, 0, low, high]);
        [3_007_000, 0, 7, word, frames, 9, 0, 0, 0x0403_0201, 0x0807_0605, 0, 0]
    }

    #[test]
    fn a_log_has_its_head_and_as_many_pages_as_its_index_says() {
        assert_eq!(Indexed::told_by(&mark(4096, 0)), None);
        for (page, bytes) in [(512, 512), (16_384, 16_384), (1, 65_536)] {
            assert_eq!(Indexed::told_by(&mark(page, 3)).unwrap().length, 32 + 3 * (24 + bytes));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_was_emptied_and_written_on_into_does_not_begin_as_it_did() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let indexed = Indexed::told_by(&mark(512, 1)).unwrap();
        let begins = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            indexed.begins(&std::fs::File::open(&path).unwrap())
        };
        let mut log = vec![0; 1000];
        assert!(!begins(&log) && !begins(&[]));
        log[16..24].copy_from_slice(indexed.salts.as_flattened());
        assert!(begins(&log));
    }
}
