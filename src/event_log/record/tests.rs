use proptest::prelude::*;

use super::*;

fn line_of(body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_line(&mut out, 7, b"\"an id\"", "\"s\"", body);
    out
}

#[test]
fn a_line_is_an_event_that_ends_in_its_checksum() {
    let body = r#"{"topic":"t","priority":"critical","timestamp":12.5,"payload":[1,{"crc":"x"}]}"#;
    let line = line_of(body);
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.starts_with(r#"{"seq":7,"id":"an id","sessionId":"s","topic":"t","priority":"#), "{text}");
    assert!(text.ends_with("\"}\n"));
    let read = read_line(&line[..line.len() - 1]).unwrap();
    assert_eq!(read.seq, 7);
    assert_eq!(read.session_id, "s");
    assert_eq!(read.head, read_body(body).unwrap());
}

#[test]
fn every_flipped_bit_is_seen() {
    let line = line_of(r#"{"topic":"t","priority":"normal","timestamp":1,"payload":"some text"}"#);
    let whole = &line[..line.len() - 1];
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << bit;
            assert!(read_line(&damaged).is_none(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn numbers_begin_at_one_and_end_where_javascript_tells_them_apart_no_longer() {
    for (seq, is_one) in [(0, false), (1, true), (MAX_SEQ, true), (MAX_SEQ + 1, false), (u64::MAX, false)] {
        let mut line = Vec::new();
        let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#;
        let length = push_line(&mut line, seq, b"\"an id\"", "\"s\"", body);
        assert_eq!(read_line(&line[..length]).is_some(), is_one, "{seq}");
    }
}

#[test]
fn depth_and_broken_surrogates_are_no_obstacle() {
    let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    let body = format!(r#"{{"topic":"\ud800","priority":"normal","timestamp":1,"payload":{deep},"x":"\udfff"}}"#);
    let line = line_of(&body);
    let read = read_line(&line[..line.len() - 1]).unwrap();
    assert_eq!(read.head.topic, r#""\ud800""#);
}

#[test]
fn what_is_no_event_is_refused() {
    for body in [
        "",
        "1",
        "{}",
        "{\"topic\":1,\"priority\":\"normal\",\"timestamp\":1}",
        "{\"topic\":\"t\",\n\"priority\":\"normal\",\"timestamp\":1}",
    ] {
        assert_eq!(read_body(body).unwrap_err().code(), "ERR_OPTION_INVALID", "{body}");
    }
}

proptest! {
    /// A boundary of a replay is compared with what the index has: not even the last bit may differ.
    #[test]
    fn a_timestamp_is_the_very_number_that_was_written(timestamp in proptest::num::f64::NORMAL) {
        let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":{timestamp:e}}}"#);
        prop_assert_eq!(read_body(&body).unwrap().timestamp.to_bits(), timestamp.to_bits());
    }

    #[test]
    fn a_head_that_is_read_in_haste_says_what_the_whole_says(topic in "\\PC*", critical: bool, timestamp in proptest::num::f64::NORMAL) {
        let priority = if critical { "critical" } else { "normal" };
        let topic = json_text(&topic);
        let body = format!(r#"{{"topic":{topic},"priority":"{priority}","timestamp":{timestamp},"payload":1}}"#);
        let quick = quick_head(&body);
        prop_assert_eq!(quick.is_none(), topic.contains('\\'));
        prop_assert!(quick.is_none_or(|head| head == parsed_head(&body).unwrap()));
    }

    #[test]
    fn any_event_comes_back(topic in "\\PC*", session in "\\PC+", id in "\\PC+", seq in 1..=MAX_SEQ, payload in "(?s).*", millis in 0_u32..) {
        let body = format!(
            r#"{{"topic":{},"priority":"normal","timestamp":{millis},"payload":{}}}"#,
            json_text(&topic), json_text(&payload),
        );
        let mut out = Vec::new();
        let length = push_line(&mut out, seq, json_text(&id).as_bytes(), &json_text(&session), &body);
        prop_assert_eq!(out.iter().position(|byte| *byte == b'\n'), Some(length));
        let read = read_line(&out[..length]).unwrap();
        prop_assert_eq!(read.seq, seq);
        prop_assert_eq!(read.session_id.as_ref(), session.as_str());
        prop_assert_eq!(read.head.topic.as_ref(), topic.as_str());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(value["payload"].as_str(), Some(payload.as_str()));
        prop_assert_eq!(value["id"].as_str(), Some(id.as_str()));
    }
}
