//! Others copy closed files of a log: whoever only reads brings each event once, while the copy is there and when it has gone.

use std::{fs, path::PathBuf};

use smalltalk_native::event_log::{EventLog, LogOptions};

use crate::support::*;

/// A session of five events that is at rest, each in a file, and the closed file with the third.
fn at_rest(place: &Place) -> PathBuf {
    let log = EventLog::open(LogOptions { max_file_bytes: 1, ..place.options() }).unwrap();
    (1..=5).for_each(|payload| drop(append(&log, SESSION, payload)));
    close(&log);
    place.active().join("s.3.jsonl")
}

/// A copy of it whose name comes right before.
fn copy_of(file: &PathBuf) -> PathBuf {
    let copy = file.with_file_name("s.3-1.jsonl");
    fs::copy(file, &copy).unwrap();
    copy
}

fn sees(visitor: &EventLog, what: &str) {
    assert_eq!(payloads(&all(visitor, SESSION)), [1, 2, 3, 4, 5], "{what}");
    assert_eq!(statistics(visitor).events, 5, "{what}");
}

#[test]
fn who_has_read_before_sees_no_event_twice() {
    let place = Place::new();
    let file = at_rest(&place);
    let visitor = EventLog::visit(&place.root).unwrap();
    sees(&visitor, "before");
    copy_of(&file);
    sees(&visitor, "with a copy");
    sees(&EventLog::visit(&place.root).unwrap(), "who comes later");
}

#[test]
fn who_has_read_a_copy_sees_the_original_when_that_has_gone() {
    let place = Place::new();
    let copy = copy_of(&at_rest(&place));
    let visitor = EventLog::visit(&place.root).unwrap();
    // It opens no file that it has read: it does not meet the one that has gone.
    let counts = || (statistics(&visitor).events, statistics(&visitor).recovery.damaged.len());
    assert_eq!(counts(), (5, 1), "the original is what is one too many");
    fs::remove_file(copy).unwrap();
    assert_eq!(counts(), (5, 0));
    sees(&visitor, "without it");
}
