//! Recovery of lines: whatever the bytes are, what is found is whole, in order and apart; and of a log that was damaged
//! in one place, nothing is lost but what stands there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smalltalk_native::event_log::{push_line, recover};

const SESSION: &str = "\"s\"";

fuzz_target!(|data: &[u8]| {
    look_at_anything(data);
    damage_a_log(data);
});

fn look_at_anything(bytes: &[u8]) {
    let outcome = recover(bytes, None, None);
    let mut last_end = 0;
    let mut last_seq = None;
    for found in &outcome.found {
        assert!(found.offset >= last_end && found.offset + found.length <= bytes.len());
        assert!(last_seq.is_none_or(|last| found.line.seq > last));
        let alone = recover(&[&bytes[found.offset..found.offset + found.length], b"\n"].concat(), None, None);
        assert_eq!(alone.found.len(), 1, "what was found is a line by itself");
        (last_end, last_seq) = (found.offset + found.length, Some(found.line.seq));
    }
    for range in &outcome.damage {
        assert!(range.start < range.end && range.end <= bytes.len());
    }
    // Who opens the file cuts off what is torn: the rest says the same when it is read again.
    if let Some(torn) = outcome.torn {
        let again = recover(&bytes[..torn], None, None);
        let seqs = |found: &[smalltalk_native::event_log::Found<'_>]| {
            found.iter().map(|found| (found.offset, found.line.seq)).collect::<Vec<_>>()
        };
        assert_eq!(seqs(&again.found), seqs(&outcome.found));
        assert!(again.torn.is_none());
    }
}

/// The first bytes say what is done where, the others are what the lines say.
fn damage_a_log(data: &[u8]) {
    let [first, second, what, payloads @ ..] = data else { return };
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for (seq, payload) in (1..=8).zip(payloads.chunks(24).chain(std::iter::repeat(&[][..]))) {
        let text: String = payload.iter().map(|byte| format!("\\u{byte:04x}{}", char::from(byte % 26 + b'a'))).collect();
        let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":["{text}",{{"seq":9,"crc":"00000000"}}]}}"#);
        push_line(&mut bytes, seq, b"\"id\"", SESSION, &body);
        ends.push(bytes.len());
    }
    let at = (usize::from(*first) * 256 + usize::from(*second)) % bytes.len();
    let hit = ends.iter().filter(|end| **end <= at).count();
    let before = bytes[at];
    bytes[at] = *what;
    let found = recover(&bytes, Some("s"), None);
    let seqs: Vec<u64> = found.found.iter().map(|found| found.line.seq).collect();
    let expected: Vec<u64> = (1..=8).filter(|seq| *seq != hit as u64 + 1 || before == *what).collect();
    let without: Vec<u64> = seqs.iter().copied().filter(|seq| before == *what || *seq != hit as u64 + 1).collect();
    assert_eq!(without, expected, "byte {at}: {before} became {what}");
    assert!(before == *what || !found.damage.is_empty() || found.torn.is_some(), "byte {at} went unseen");
}
