//! The format of version 1, byte for byte: what it says is read, and what we write is what it says.

use std::fs;

use smalltalk_native::{
    durability::Durability,
    event_log::{ReplayFilter, push_line, recover},
};

use crate::support::*;

const LINES: &[u8] = include_bytes!("../fixture/events-v1.jsonl");
const JOURNAL: &[u8] = include_bytes!("../fixture/events-v1-journal.txt");
const POSITION: &[u8] = include_bytes!("../fixture/events-v1-position.txt");

#[test]
fn what_version_1_wrote_is_read() {
    let place = Place::new();
    fs::create_dir_all(place.active()).unwrap();
    fs::write(place.file(), LINES).unwrap();
    let log = place.open();
    let whole = log.replay(SESSION.into(), ReplayFilter::default()).unwrap();
    let piece = wait(|reply| whole.pull(reply)).unwrap().unwrap();
    // As JSON it has half a pair of surrogates, which is no text to others than JavaScript.
    let events: Vec<_> = std::str::from_utf8(LINES).unwrap().lines().map(without_checksum).collect();
    assert_eq!(piece, format!("[{}]", events.join(",")));
    let last = ReplayFilter { topics: Some(vec!["message".into()]), until: Some(1.0), ..ReplayFilter::default() };
    let found = replay(&log, SESSION, last);
    assert_eq!(found[0]["payload"], "}{\"seq\":9,\"crc\":\"00000000\"}");
    assert_eq!(found.len(), 1);
    let report = statistics(&log).recovery;
    assert!(report.damaged.is_empty() && report.torn.is_empty());
}

fn without_checksum(line: &str) -> String {
    let (event, _) = line.rsplit_once(r#","crc":""#).unwrap();
    format!("{event}}}")
}

#[test]
fn a_journal_of_version_1_is_brought_into_its_files() {
    let place = Place::new();
    fs::create_dir_all(place.active()).unwrap();
    fs::write(place.root.join("lock"), "").unwrap();
    fs::write(place.root.join("journal"), JOURNAL).unwrap();
    let log = place.open();
    let report = statistics(&log).recovery;
    assert!(report.damaged.is_empty() && report.torn.is_empty() && !report.clean);
    assert_eq!(report.events, 4);
    assert_eq!(fs::read(place.file()).unwrap(), LINES);
    assert!(!place.root.join("journal").exists());
}

#[test]
fn what_we_write_is_what_version_1_wrote() {
    let found = recover(LINES, Some(SESSION), None).found;
    assert_eq!(found.len(), 4);
    for line in &found {
        let text = std::str::from_utf8(&LINES[line.offset..line.offset + line.length]).unwrap();
        let id = format!("\"019ab0f2-4c00-7000-8000-00000000000{}\"", line.line.seq);
        let (_, members) = text.split_once(r#""sessionId":"s","#).unwrap();
        let (members, _) = members.rsplit_once(r#","crc":""#).unwrap();
        let mut written = Vec::new();
        push_line(&mut written, line.line.seq, id.as_bytes(), "\"s\"", &format!("{{{members}}}"));
        assert_eq!(String::from_utf8(written).unwrap(), format!("{text}\n"));
    }
}

#[test]
fn a_position_of_version_1_is_the_position() {
    let place = Place::new();
    let consumers = place.root.join("consumers/s");
    fs::create_dir_all(&consumers).unwrap();
    fs::write(consumers.join("mailer.json"), POSITION).unwrap();
    let log = place.open();
    let consumer = log.consumer(SESSION.into(), "mailer".into(), Durability::Process).unwrap();
    assert_eq!(wait(|reply| consumer.open(reply)).unwrap(), 3);
}
