//! What JSON has to escape, found many bytes at a time: most text has nothing of the kind, or a line break now and then.

/// So many bytes are looked at together.
const TOGETHER: usize = 32;

/// Makes the text that begins at `start` and goes on to the end the inside of a JSON text, to the byte as `JSON.stringify`
/// would (ECMA-262, `QuoteJSONString`). It is UTF-8.
pub fn escape_from(text: &mut Vec<u8>, start: usize) {
    let Some(first) = text.get(start..).and_then(find) else { return };
    let raw = text.split_off(start + first);
    text.reserve(raw.len() + raw.len() / 16);
    let mut rest = raw.as_slice();
    while let Some((byte, after)) = rest.split_first() {
        push(text, *byte);
        rest = after;
        // What has to be escaped often comes together.
        if rest.first().is_some_and(|next| !is_special(*next)) {
            let (as_it_is, next) = rest.split_at(find(rest).unwrap_or(rest.len()));
            text.extend_from_slice(as_it_is);
            rest = next;
        }
    }
}

const fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Where the first byte is that cannot stay as it is.
fn find(text: &[u8]) -> Option<usize> {
    // Without a way out of the inner loop the compiler makes a few instructions of it.
    let has_any = |chunk: &[u8]| chunk.iter().fold(false, |any, byte| any | is_special(*byte));
    let chunk = text.chunks(TOGETHER).position(has_any)?;
    let from = chunk * TOGETHER;
    let within = text.get(from..)?.iter().position(|byte| is_special(*byte))?;
    Some(from + within)
}

fn push(text: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + (value - 10) };
            text.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]);
            return;
        }
    };
    text.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(before: &str, text: &str) -> String {
        let mut out = [before, text].concat().into_bytes();
        escape_from(&mut out, before.len());
        String::from_utf8(out).unwrap()
    }

    /// `serde_json` escapes what ECMA-262 does, and in the same way.
    fn expected(before: &str, text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        [before, quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap()].concat()
    }

    #[test]
    fn every_byte_is_escaped_wherever_it_stands() {
        for byte in 0..0x80_u8 {
            for at in 0..70 {
                let text = format!("{}{}{}", "a".repeat(at), char::from(byte), "z".repeat(69 - at));
                assert_eq!(escaped("\"\n", &text), expected("\"\n", &text), "byte {byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_escaped(before in ".{0,40}", text in "[\0-\u{10ffff}]{0,200}") {
            prop_assert_eq!(escaped(&before, &text), expected(&before, &text));
        }

        #[test]
        fn text_with_much_to_escape_is(text in "[a-d\"\\\\\0-\x20\u{7f}-\u{81}\u{2028}😀]{0,300}") {
            prop_assert_eq!(escaped("", &text), expected("", &text));
        }
    }
}
