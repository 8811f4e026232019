//! Text in the two forms in which a JavaScript engine keeps it: prepared on another thread, it is handed over by copying,
//! where UTF-8 would have to be decoded while JavaScript waits.

use std::fmt::Write;

use encoding_rs::mem;

/// Text that an engine takes as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineText {
    /// Latin-1.
    OneByte(Vec<u8>),
    /// UTF-16.
    TwoByte(Vec<u16>),
}

/// One wide character in so many bytes makes the text wide. Below, it costs less to parse an escape for each of them than
/// twice as many bytes (measured: the two meet at about one in a hundred).
const SPARSE: usize = 128;

impl EngineText {
    /// Takes JSON, or lines of it. A few characters beyond Latin-1 are written as escapes, which mean the same: in JSON
    /// they can only stand in strings.
    #[must_use]
    pub fn of_json(text: String) -> Self {
        let wide = wide_characters(&text);
        if wide == 0 {
            Self::one_byte(text)
        } else if wide.saturating_mul(SPARSE) < text.len() {
            Self::one_byte(escaped(&text, wide))
        } else {
            let mut units = vec![0; text.len()];
            let length = mem::convert_str_to_utf16(&text, &mut units);
            units.truncate(length);
            Self::TwoByte(units)
        }
    }

    /// In bytes or units, as the engine counts its characters.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::OneByte(bytes) => bytes.len(),
            Self::TwoByte(units) => units.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same, in no more memory than it takes: the engine may keep it for long.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        match &mut self {
            Self::OneByte(bytes) => bytes.shrink_to_fit(),
            Self::TwoByte(units) => units.shrink_to_fit(),
        }
        self
    }

    fn one_byte(text: String) -> Self {
        // ASCII is Latin-1 already.
        Self::OneByte(if text.is_ascii() { text.into_bytes() } else { mem::encode_latin1_lossy(&text).into_owned() })
    }
}

/// Characters beyond Latin-1: in UTF-8 each begins with such a byte, and no other byte is as large. Counted in pieces
/// whose count fits into a byte, so that the compiler counts many at once.
fn wide_characters(text: &str) -> usize {
    if text.is_ascii() {
        return 0;
    }
    let pieces = text.as_bytes().chunks(usize::from(u8::MAX));
    pieces.map(|piece| usize::from(piece.iter().map(|byte| u8::from(*byte >= 0xC4)).sum::<u8>())).sum()
}

fn escaped(text: &str, wide: usize) -> String {
    let mut out = String::with_capacity(text.len() + wide * 12);
    let mut rest = text;
    loop {
        let (narrow, after) = rest.split_at(mem::utf8_latin1_up_to(rest.as_bytes()));
        out.push_str(narrow);
        let mut characters = after.chars();
        let Some(character) = characters.next() else { return out };
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a text cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
        rest = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::EngineText;

    fn parsed(text: &EngineText) -> String {
        let json: String = match text {
            EngineText::OneByte(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            EngineText::TwoByte(units) => String::from_utf16(units).unwrap(),
        };
        serde_json::from_str(&json).unwrap()
    }

    fn prepared(text: &str) -> EngineText {
        EngineText::of_json(serde_json::to_string(text).unwrap())
    }

    #[test]
    fn latin_1_takes_one_byte_a_character() {
        assert_eq!(prepared("né"), EngineText::OneByte(vec![b'"', b'n', 0xE9, b'"']));
    }

    #[test]
    fn a_few_wide_characters_do_not_make_the_text_wide_and_many_do() {
        let few = format!("é{}\u{2014}\u{1F600}", "x".repeat(1_000));
        assert!(matches!(prepared(&few), EngineText::OneByte(_)));
        assert_eq!(parsed(&prepared(&few)), few);
        assert!(matches!(prepared("漢字"), EngineText::TwoByte(_)));
    }

    proptest! {
        #[test]
        fn any_text_means_the_same(text in ".{0,40}", narrow in 0usize..2_000) {
            let text = format!("{text}{}", "y".repeat(narrow));
            prop_assert_eq!(parsed(&prepared(&text)), text);
        }
    }
}
