//! Session ids as file names: every id has its own name, also on a disk that ignores case, and no id leaves its directory.

use sha2::{Digest, Sha256};

/// The longest stem: with a sequence number, a counter and the extension it stays below the 255 bytes of a file name.
const LONGEST: usize = 186;
/// As many bytes of a long id stay readable before its digest.
const READABLE: usize = 120;
/// Stands between the readable part and the digest of a long id. No short stem contains it: there two digits follow a `%`.
const DIGEST_MARK: &str = "%~";
/// As many digits that has.
const DIGEST_DIGITS: usize = 64;
/// Names that mean a device on Windows, whatever their extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// What the names of all files of events end in.
pub const EXTENSION: &str = ".jsonl";

/// The file name of a session, without sequence number and extension.
///
/// Lower-case letters, digits, `_` and `-` stand for themselves, every other byte is `%` and two hexadecimal digits. What
/// gets too long is cut and carries the SHA-256 of the id.
#[must_use]
pub fn stem_of(id: &str) -> String {
    let mut stem = String::with_capacity(id.len());
    let device = is_device(id);
    for (at, byte) in id.bytes().enumerate() {
        let plain = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_') || (byte == b'-' && at > 0);
        if plain && !(device && at == 0) {
            stem.push(char::from(byte));
        } else {
            push_escaped(&mut stem, byte);
        }
    }
    if stem.len() <= LONGEST {
        return stem;
    }
    // An escape is never cut in two.
    let cut = (READABLE - 2..=READABLE).rev().find(|&end| !splits_escape(&stem, end)).unwrap_or(0);
    stem.truncate(cut);
    stem.push_str(DIGEST_MARK);
    for byte in Sha256::digest(id.as_bytes()) {
        push_hex(&mut stem, byte);
    }
    stem
}

/// The id that a stem stands for; `None` for a long one, whose id stands in its lines, and for what is no stem at all.
#[must_use]
pub fn id_of(stem: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let id = String::from_utf8(bytes).ok()?;
    (!id.is_empty() && stem_of(&id) == stem).then_some(id)
}

/// Whether it is the stem of a session: it stands for an id, or has the form of a long one's.
#[must_use]
pub fn is_of_session(stem: &str) -> bool {
    id_of(stem).is_some() || is_long(stem)
}

/// Whether it has the form of a long id's stem, which does not say whose it is.
fn is_long(stem: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let plausible = |(readable, digest): (&str, &str)| {
        (READABLE - 2..=READABLE).contains(&readable.len())
            && digest.len() == DIGEST_DIGITS
            && digest.bytes().all(is_digit)
    };
    is_stem(stem) && stem.rsplit_once(DIGEST_MARK).is_some_and(plausible)
}

/// Whether a session's files may have such a name: it has no other characters than stems have.
#[must_use]
pub fn is_stem(stem: &str) -> bool {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'%' | b'~');
    !stem.is_empty() && stem.bytes().all(plain)
}

/// The name of the file being written.
#[must_use]
pub fn active_name(stem: &str) -> String {
    format!("{stem}{EXTENSION}")
}

/// The name of a closed segment. `copy` is 0 but where a file of the same name was in the way.
#[must_use]
pub fn segment_name(stem: &str, first_seq: u64, copy: u32) -> String {
    if copy == 0 { format!("{stem}.{first_seq}{EXTENSION}") } else { format!("{stem}.{first_seq}-{copy}{EXTENSION}") }
}

/// What a file name says.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// The session's part.
    pub stem: &'a str,
    /// The number of the segment's first event; `None` for the file being written.
    pub first_seq: Option<u64>,
}

/// Whether a file has the name of a closed one: what the archive keeps of ours.
#[must_use]
pub fn is_segment(name: &str) -> bool {
    parse(name).is_some_and(|parsed| parsed.first_seq.is_some() && is_stem(parsed.stem))
}

/// Reads a file name; `None` for a file that is not ours.
#[must_use]
pub fn parse(name: &str) -> Option<Parsed<'_>> {
    let name = name.strip_suffix(EXTENSION)?;
    let (stem, first_seq) = match name.split_once('.') {
        None => (name, None),
        Some((stem, number)) => {
            let digits = number.split_once('-').map_or(number, |(digits, _copy)| digits);
            (stem, Some(digits.parse().ok()?))
        }
    };
    (!stem.is_empty()).then_some(Parsed { stem, first_seq })
}

fn is_device(id: &str) -> bool {
    let port = |name: &str| id.strip_prefix(name).is_some_and(|rest| rest.len() == 1);
    DEVICES.contains(&id) || port("com") || port("lpt")
}

fn splits_escape(stem: &str, end: usize) -> bool {
    let before = |back: usize| end.checked_sub(back).and_then(|at| stem.as_bytes().get(at)) == Some(&b'%');
    before(1) || before(2)
}

fn push_escaped(stem: &mut String, byte: u8) {
    stem.push('%');
    push_hex(stem, byte);
}

fn push_hex(stem: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        stem.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_ids_stand_for_themselves() {
        assert_eq!(stem_of("sess_abc-123"), "sess_abc-123");
        assert_eq!(active_name("sess_abc123"), "sess_abc123.jsonl");
        assert_eq!(segment_name("s", 17, 0), "s.17.jsonl");
    }

    #[test]
    fn ids_that_look_alike_or_climb_get_names_of_their_own() {
        let ids = ["../../x", "a/b", "a_b", "a:b", "a%2fb", "A", "a", "con", "-x", ".", "..", "ä", "lpt1", "com"];
        let stems: std::collections::HashSet<String> = ids.iter().map(|id| stem_of(id).to_lowercase()).collect();
        assert_eq!(stems.len(), ids.len());
        for stem in &stems {
            assert!(!stem.contains(['/', '.', '\\', ':']), "{stem}");
            assert!(!DEVICES.contains(&stem.as_str()) && stem != "lpt1" && !stem.starts_with('-'), "{stem}");
        }
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(parse("s.jsonl"), Some(Parsed { stem: "s", first_seq: None }));
        assert_eq!(parse("s.17.jsonl"), Some(Parsed { stem: "s", first_seq: Some(17) }));
        assert_eq!(parse("s.17-2.jsonl"), Some(Parsed { stem: "s", first_seq: Some(17) }));
        for foreign in ["s.txt", ".jsonl", "s.x.jsonl", "s.1.2.jsonl", "s"] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn every_id_has_one_name_and_comes_back(id in "\\PC{1,170}") {
            prop_assume!(id.len() <= 512);
            let stem = stem_of(&id);
            prop_assert!(stem.len() <= LONGEST);
            prop_assert_eq!(stem.to_lowercase(), stem.clone());
            if stem.contains(DIGEST_MARK) {
                prop_assert_eq!(id_of(&stem), None);
            } else {
                prop_assert_eq!(id_of(&stem), Some(id));
            }
            prop_assert!(is_stem(&stem) && is_of_session(&stem));
        }
    }

    #[test]
    fn long_ids_that_differ_at_the_end_differ() {
        let (one, two) = ("A".repeat(511) + "b", "A".repeat(511) + "c");
        assert_ne!(stem_of(&one), stem_of(&two));
        assert!(segment_name(&stem_of(&one), u64::MAX, u32::MAX).len() < 255);
    }
}
