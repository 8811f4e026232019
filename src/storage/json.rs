//! The one place where the core touches the text of a payload: a time it has to bring up to date.

use std::{fmt, ops::Range};

use serde::{
    Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The object `text` with `value` in place of its text member `name`; every other byte stays. None where it has no such
/// member, or one that is no text.
pub fn with_member(text: &str, name: &str, value: &str) -> Option<String> {
    let place = place_of(text, name)?;
    let quoted = serde_json::to_string(value).ok()?;
    text.get(place.clone()).filter(|old| old.starts_with('"'))?;
    Some([text.get(..place.start)?, &quoted, text.get(place.end..)?].concat())
}

fn place_of(text: &str, name: &str) -> Option<Range<usize>> {
    let quoted = serde_json::to_string(name).ok()?;
    let found = serde_json::Deserializer::from_str(text).deserialize_map(Find(&quoted)).ok()??;
    // It is a part of the text, so their addresses say where.
    let start = (found.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(start..start + found.get().len())
}

/// The value of a member whose name is written like this: others may be no Unicode, as halves of characters are not.
struct Find<'name>(&'name str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<&RawValue>()? {
            if key.get() == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::with_member;

    #[test]
    fn one_member_changes_and_no_other_byte() {
        let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
        let text = format!(
            r#"{{"a":{{"updatedAt":"in"}},"ü\n":1.50,"\ud83d":{{"\ud83d":"\ud83d"}},"updatedAt":"old","b":[-0,"updatedAt"],"c":{deep}}}"#
        );
        assert_eq!(with_member(&text, "updatedAt", "new").unwrap(), text.replace(r#""old""#, r#""new""#));
    }

    #[test]
    fn what_has_no_such_text_is_left_alone() {
        for text in [r#"{"a":1}"#, r#"{"updatedAt":5}"#, "[]", "{"] {
            assert_eq!(with_member(text, "updatedAt", "new"), None, "{text}");
        }
    }
}
