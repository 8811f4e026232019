//! Long contents of messages, taken out of the JSON around them: a parser would copy each into the engine's heap, where
//! strings that are parts of one text outside of it cost next to nothing. What is left to parse is a tenth.

use std::ops::Range;

use encoding_rs::mem;
use memchr::memchr2;

use crate::engine_text::EngineText;

/// A shorter content is copied for less than it takes to name its place.
const LONG: usize = 128;

/// The member whose text is taken out: with conversations, nearly all that a message weighs.
const MEMBER: &str = "content";

/// The contents of some messages, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifted {
    /// Those that are Latin-1, one behind the other.
    narrow: Vec<u8>,
    /// The others, in UTF-16.
    wide: Vec<u16>,
    /// For each message where its content ends: in the narrow text, negative in the wide one; 0 where it is still in the
    /// JSON.
    ends: Vec<i32>,
}

impl Lifted {
    /// Room for about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { narrow: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Takes the content of the next message, where it is long; gives what is to be left out of
    /// its text.
    pub fn take(&mut self, message: &str) -> Option<Range<usize>> {
        let taken = content(message).and_then(|(place, escaped)| {
            let json = message.get(place.clone())?;
            let end = if escaped { self.append(&unescaped(json)?) } else { self.append(json) };
            Some((place, end?))
        });
        self.ends.push(taken.as_ref().map_or(0, |(_, end)| *end));
        taken.map(|(place, _)| place)
    }

    /// The text of those that are Latin-1, that of the others, and where each content ends: see `ends`.
    pub fn into_parts(self) -> (EngineText, EngineText, Vec<i32>) {
        (EngineText::OneByte(self.narrow), EngineText::TwoByte(self.wide), self.ends)
    }

    /// The same, in no more memory than it takes: the engine may keep it for long.
    pub fn fitted(mut self) -> Self {
        self.narrow.shrink_to_fit();
        self.wide.shrink_to_fit();
        self
    }

    /// Bytes that were taken.
    pub fn size(&self) -> usize {
        self.narrow.len() + self.wide.len() * 2
    }

    fn append(&mut self, content: &str) -> Option<i32> {
        if content.is_ascii() {
            self.narrow.extend_from_slice(content.as_bytes());
        } else if mem::is_str_latin1(content) {
            self.narrow.extend_from_slice(&mem::encode_latin1_lossy(content));
        } else {
            self.wide.extend(content.encode_utf16());
            return i32::try_from(self.wide.len()).ok().map(|end| -end);
        }
        i32::try_from(self.narrow.len()).ok()
    }
}

/// The text that stands in JSON; none where it has half a surrogate pair, which has no place in a text of Rust's.
fn unescaped(json: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{json}\"")).ok()
}

/// Where the text of a long content stands between its quotes, in the JSON of a message as the codec writes it: compact;
/// and whether there are escapes in it. A message in which an object or a list comes first is left alone.
fn content(message: &str) -> Option<(Range<usize>, bool)> {
    let bytes = message.as_bytes();
    let mut at = usize::from(bytes.first() == Some(&b'{'));
    while bytes.get(at) == Some(&b'"') {
        let key = at + 1..end_of_string(bytes, at + 1)?.0;
        let value = key.end + 2;
        match bytes.get(value)? {
            b'"' => {
                let (end, escaped) = end_of_string(bytes, value + 1)?;
                let text = value + 1..end;
                if message.get(key)? == MEMBER {
                    return (text.len() >= LONG).then_some((text, escaped));
                }
                at = text.end + 2;
            }
            b'{' | b'[' => return None,
            // A number or a word: there is no comma in it.
            _ => at = value + memchr2(b',', b'}', bytes.get(value..)?)? + 1,
        }
    }
    None
}

/// Where the string ends that begins at a place, and whether there are escapes in it.
fn end_of_string(bytes: &[u8], from: usize) -> Option<(usize, bool)> {
    let mut at = from;
    let mut escaped = false;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Puts what was taken where it was.
    fn whole(message: &str, lifted: &Lifted, left_out: Option<Range<usize>>) -> Value {
        let Some(place) = left_out else { return serde_json::from_str(message).unwrap() };
        let rest = format!("{}{}", &message[..place.start], &message[place.end..]);
        let mut value: Value = serde_json::from_str(&rest).unwrap();
        assert_eq!(value[MEMBER], "");
        let end = *lifted.ends.last().unwrap();
        value[MEMBER] = if end > 0 {
            lifted.narrow.iter().map(|byte| char::from(*byte)).collect::<String>().into()
        } else {
            String::from_utf16(&lifted.wide).unwrap().into()
        };
        value
    }

    fn take(message: &str) -> (Lifted, Option<Range<usize>>) {
        let mut lifted = Lifted::default();
        let place = lifted.take(message);
        (lifted, place)
    }

    #[test]
    fn a_long_content_is_taken_and_a_short_one_is_not() {
        let long =
            json!({ "id": "1", "streaming": false, "at": 1.5, "content": "x".repeat(LONG), "z": [1] }).to_string();
        let (lifted, place) = take(&long);
        assert!(place.is_some());
        assert_eq!(lifted.narrow.len(), LONG);
        assert_eq!(take(&json!({ "content": "x".repeat(LONG - 1) }).to_string()).1, None);
    }

    #[test]
    fn only_the_message_itself_has_the_content_that_is_meant() {
        let text = "y".repeat(LONG);
        for message in [
            json!({ "a": { "content": text } }),
            json!([{ "content": text }]),
            json!({ "id": format!("\",\"content\":\"{text}") }),
            json!({ "content": { "content": text } }),
            json!(text),
        ] {
            assert_eq!(take(&message.to_string()).1, None, "{message}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_stays_in_the_json() {
        let message = format!("{{\"content\":\"{}\\ud83d\"}}", "x".repeat(LONG));
        let (lifted, place) = take(&message);
        assert_eq!((lifted.size(), place, lifted.ends), (0, None, vec![0]));
    }

    proptest! {
        #[test]
        fn what_is_taken_and_what_is_left_make_the_message(
            before in proptest::collection::vec((".{0,8}", prop_oneof![
                ".{0,8}".prop_map(Value::from), any::<bool>().prop_map(Value::from), any::<f64>().prop_map(Value::from),
                Just(Value::Null), Just(json!([1, "}"])),
            ]), 0..4),
            content in prop_oneof!["[ -~]{100,200}", ".{60,200}", "[\\\\\"\n\té]{60,200}"],
        ) {
            let mut members: Vec<String> =
                before.iter().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()))).collect();
            members.push(format!("\"{MEMBER}\":{}", Value::from(content)));
            members.push("\"last\":\"\"".into());
            let message = format!("{{{}}}", members.join(","));
            let (lifted, place) = take(&message);
            prop_assert_eq!(whole(&message, &lifted, place), serde_json::from_str::<Value>(&message).unwrap());
        }
    }
}
