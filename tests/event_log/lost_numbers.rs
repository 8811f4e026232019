//! Somebody removes, empties or cuts the file of a session that nobody writes to any more: whoever has its last number still gets
//! what comes next.

use std::{fs, path::Path};

use smalltalk_native::{
    durability::Durability,
    event_log::{EventLog, LogOptions, ReplayFilter},
};

use crate::support::*;

type Loss = fn(&Path);

const REMOVED: (&str, Loss) = ("removed", |file| fs::remove_file(file).unwrap());
const EMPTIED: (&str, Loss) = ("emptied", |file| fs::write(file, "").unwrap());
const CUT: (&str, Loss) = ("cut", |file| {
    let text = fs::read_to_string(file).unwrap();
    let half: String = text.split_inclusive('\n').take(10).collect();
    fs::OpenOptions::new().write(true).open(file).unwrap().set_len(half.len() as u64).unwrap();
});

fn fill(log: &EventLog, session: &str) -> u64 {
    (1..=20).fold(0, |_, payload| append(log, session, payload).seq)
}

/// What comes after the last number of before, by the next owner.
fn comes_after(place: &Place, last: u64, what: &str) {
    let log = place.open();
    let seqs = [21, 22].map(|payload| append(&log, SESSION, payload).seq);
    assert!(seqs[0] > last, "{what}: {seqs:?} after {last}");
    let after = ReplayFilter { after_seq: Some(last as f64), ..ReplayFilter::default() };
    assert_eq!(payloads(&replay(&log, SESSION, after)), [21, 22], "{what}");
    close(&log);
}

#[test]
fn no_number_comes_again_where_a_file_was_lost_while_the_log_was_open() {
    for (what, lose) in [REMOVED, EMPTIED, CUT] {
        for reads in [false, true] {
            let place = Place::new();
            let log = place.open();
            let last = fill(&log, SESSION);
            wait(|reply| log.flush(reply)).unwrap();
            lose(&place.file());
            if reads {
                all(&log, SESSION);
            }
            close(&log);
            let again = place.open();
            assert!(!statistics(&again).recovery.clean, "{what}: nobody knows what else was lost");
            close(&again);
            comes_after(&place, last, what);
        }
    }
}

#[test]
fn no_number_comes_again_where_the_last_closed_file_was_lost_while_the_log_was_open() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 1, ..place.options() }).unwrap();
    let last = fill(&log, SESSION);
    close(&log);
    // All of them are closed, as by a cleanup.
    fs::rename(place.file(), place.active().join(format!("s.{last}.jsonl"))).unwrap();
    let log = place.open();
    assert_eq!(all(&log, SESSION).len(), 20);
    fs::remove_file(place.active().join(format!("s.{last}.jsonl"))).unwrap();
    close(&log);
    comes_after(&place, last, "the last closed one");
}

#[test]
fn no_number_comes_again_where_a_whole_session_was_lost_while_the_log_was_closed() {
    for (what, lose) in [REMOVED, EMPTIED] {
        let place = Place::new();
        let log = place.open();
        let last = fill(&log, SESSION);
        append(&log, "other", 1);
        close(&log);
        // Somebody else has the log in between.
        let log = place.open();
        assert_eq!(append(&log, "other", 2).seq, 2, "others go on as they were");
        close(&log);
        lose(&place.file());
        comes_after(&place, last, what);
        assert!(statistics(&place.open()).recovery.clean);
    }
}

#[test]
fn an_older_file_that_somebody_has_removed_leaves_the_close_in_order() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 1, ..place.options() }).unwrap();
    let last = fill(&log, SESSION);
    fs::remove_file(place.active().join("s.3.jsonl")).unwrap();
    close(&log);
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    assert_eq!(append(&log, SESSION, 21).seq, last + 1);
}

#[test]
fn what_was_removed_does_not_come_back_out_of_the_journal() {
    for (what, lose) in [REMOVED, EMPTIED, CUT] {
        let place = Place::new();
        let log = EventLog::open(LogOptions { durability: Durability::Power, ..place.options() }).unwrap();
        fill(&log, SESSION);
        fill(&log, "other");
        lose(&place.file());
        close(&log);
        assert!(!place.root.join("journal").exists(), "{what}");
        let left = if what == "cut" { 10 } else { 0 };
        assert_eq!(all(&place.open(), SESSION).len(), left, "{what}");
    }
}
