//! The line format: one JSON object a line, an event, whose last member `crc` is the CRC32C of the bytes before it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// What comes before the checksum.
pub const CRC_MEMBER: &[u8] = b",\"crc\":\"";
const CRC_DIGITS: usize = 8;
/// `,"crc":"xxxxxxxx"}`: as many bytes end each line.
pub const SEAL: usize = CRC_MEMBER.len() + CRC_DIGITS + 2;
/// About as many bytes as a line has beside the event's body, where its id and its session's are short.
pub const FRAME: usize = 160;
/// The greatest number that JavaScript tells from its neighbours.
pub const MAX_SEQ: u64 = (1 << 53) - 1;
/// Time does not come to greater numbers before the year 2219: another program has given them, and only to sessions of its
/// own. If others went on above them, none would be left for anybody.
const GREATEST_FOR_ALL: u64 = MAX_SEQ - (1 << 50);

/// Above which number all sessions go on where one has come to `used`.
pub fn higher(highest: u64, used: u64) -> u64 {
    if used > GREATEST_FOR_ALL { highest } else { highest.max(used) }
}

/// No disk owes so many events of a session.
const LEAP: u64 = 1 << 30;

/// Above which number none was given, where `used` is the last that the disk has. Where few are left, some stay.
pub fn leap(used: u64) -> u64 {
    used + LEAP.min(MAX_SEQ.saturating_sub(used) / 2 + 1)
}

/// How each line that we write begins.
pub const OPENING: &[u8] = b"{\"seq\":";

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Priority {
    Critical,
    Normal,
}

#[derive(Deserialize)]
struct BodyMembers<'a> {
    #[serde(borrow)]
    topic: &'a RawValue,
    priority: Priority,
    timestamp: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineMembers<'a> {
    seq: u64,
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    topic: &'a RawValue,
    priority: Priority,
    timestamp: f64,
}

/// What the index keeps of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Head<'a> {
    /// The key of its topic, see [`topic_key`].
    pub topic: Cow<'a, str>,
    /// Whether a default replay brings it.
    pub critical: bool,
    /// Milliseconds since the epoch.
    pub timestamp: f64,
}

/// A line whose checksum holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Its number within the session.
    pub seq: u64,
    /// The session it says it belongs to.
    pub session_id: Cow<'a, str>,
    /// The rest of what the index keeps.
    pub head: Head<'a>,
}

/// What the index knows a topic by: the text itself, or its JSON where it holds half a surrogate pair and so is no text.
///
/// # Errors
/// [`Error::OptionInvalid`] where the topic is not a JSON string.
pub fn topic_key(json: &str) -> Result<Cow<'_, str>> {
    if !json.starts_with('"') {
        return Err(Error::OptionInvalid("a topic is a string".into()));
    }
    // A string without an escape is itself between its quotes.
    match json.get(1..json.len().saturating_sub(1)) {
        Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
        _ => Ok(serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned)),
    }
}

/// Looks at what the face handed over as an event, which it has encoded: one JSON object on one line.
///
/// # Errors
/// [`Error::OptionInvalid`] where it has no topic, priority and timestamp.
pub fn read_body(text: &str) -> Result<Head<'_>> {
    match quick_head(text) {
        // The rest is JSON, for the face has made it; while we work on either, it is looked at all the same.
        Some(head) if !cfg!(debug_assertions) => Ok(head),
        _ => parsed_head(text),
    }
}

/// The members at the beginning, in the order in which the face writes them.
fn quick_head(text: &str) -> Option<Head<'_>> {
    let rest = text.strip_prefix("{\"topic\":\"")?;
    let (topic, rest) = rest.split_at_checked(memchr::memchr2(b'"', b'\\', rest.as_bytes())?)?;
    let rest = rest.strip_prefix("\",\"priority\":\"")?;
    let (critical, rest) = match rest.strip_prefix("normal") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix("critical")?),
    };
    let rest = rest.strip_prefix("\",\"timestamp\":")?;
    let (timestamp, _) = rest.split_at_checked(memchr::memchr2(b',', b'}', rest.as_bytes())?)?;
    let plain = timestamp.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e'));
    let timestamp = if plain { timestamp.parse().ok()? } else { return None };
    Some(Head { topic: Cow::Borrowed(topic), critical, timestamp })
}

fn parsed_head(text: &str) -> Result<Head<'_>> {
    let wrong = |why: String| Error::OptionInvalid(format!("not an event: {why}"));
    if text.contains('\n') {
        return Err(wrong("it has more than one line".into()));
    }
    let members: BodyMembers<'_> = serde_json::from_str(text).map_err(|cause| wrong(cause.to_string()))?;
    Ok(Head {
        topic: topic_key(members.topic.get())?,
        critical: members.priority == Priority::Critical,
        timestamp: members.timestamp,
    })
}

/// Adds the line of an event to `out`, newline included, and gives its length without it. `session` and `id` are JSON,
/// `body` what [`read_body`] took.
pub fn push_line(out: &mut Vec<u8>, seq: u64, id: &[u8], session: &str, body: &str) -> usize {
    let start = out.len();
    out.reserve(body.len() + session.len() + id.len() + 80);
    out.extend_from_slice(OPENING);
    push_number(out, seq);
    out.extend_from_slice(b",\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"sessionId\":");
    out.extend_from_slice(session.as_bytes());
    out.push(b',');
    let members = body.trim();
    let members = members.strip_prefix('{').unwrap_or(members);
    out.extend_from_slice(members.strip_suffix('}').unwrap_or(members).as_bytes());
    let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
    push_seal(out, crc);
    out.push(b'\n');
    out.len() - start - 1
}

/// Ends a line, but for its newline, with the checksum.
pub fn push_seal(out: &mut Vec<u8>, crc: u32) {
    out.extend_from_slice(CRC_MEMBER);
    out.extend((0..CRC_DIGITS).rev().map(|place| hex_digit(crc >> (4 * place))));
    out.extend_from_slice(b"\"}");
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let start = out.len();
    let mut left = number;
    loop {
        out.push(b'0' + u8::try_from(left % 10).unwrap_or(0));
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

fn hex_digit(number: u32) -> u8 {
    let digit = u8::try_from(number & 15).unwrap_or(0);
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

/// A text as JSON.
#[must_use]
pub fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The bytes that the checksum covers, where `line` (without its newline) ends in a checksum that holds.
#[must_use]
pub fn sealed(line: &[u8]) -> Option<&[u8]> {
    let (covered, written) = split_seal(line)?;
    (written == crc32c::crc32c(covered)).then_some(covered)
}

/// What stands before the checksum at the end of a line (without its newline), and the checksum.
#[must_use]
pub fn split_seal(line: &[u8]) -> Option<(&[u8], u32)> {
    let (covered, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(CRC_MEMBER)?.strip_suffix(b"\"}")?;
    let lower = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let written = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    lower.then_some((covered, written))
}

/// Reads a line (without its newline); `None` where its checksum does not hold or it is not an event.
#[must_use]
pub fn read_line(line: &[u8]) -> Option<Line<'_>> {
    sealed(line)?;
    let members: LineMembers<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    if !(1..=MAX_SEQ).contains(&members.seq) {
        return None;
    }
    Some(Line {
        seq: members.seq,
        session_id: members.session_id,
        head: Head {
            topic: topic_key(members.topic.get()).ok()?,
            critical: members.priority == Priority::Critical,
            timestamp: members.timestamp,
        },
    })
}

#[cfg(test)]
mod tests;
