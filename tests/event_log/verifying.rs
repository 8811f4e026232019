//! Reading everything again: what is gone of what was acknowledged counts as damage, and what is only moved does not.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use smalltalk_native::event_log::{EventLog, LogOptions, VerifyReport};

use crate::support::*;

const EVENTS: u64 = 10;

fn verify(log: &EventLog, session: Option<&str>) -> VerifyReport {
    wait(|reply| log.verify(session.map(str::to_owned), reply)).unwrap()
}

fn damaged(report: &VerifyReport) -> Vec<(&str, u64, u64)> {
    report.damaged.iter().map(|one| (one.file.as_str(), one.offset, one.bytes)).collect()
}

fn filled(options: LogOptions) -> EventLog {
    let log = EventLog::open(options).unwrap();
    for payload in 0..EVENTS {
        append_body(&log, SESSION, body("t", "normal", 1.0, &payload.to_string())).unwrap();
    }
    log
}

fn cut(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Where each line of a file ends.
fn ends(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    newlines.map(|(at, _)| at as u64 + 1).collect()
}

#[test]
fn what_is_gone_from_the_file_that_is_being_written_is_damage() {
    // What is left of it: so many bytes, or none and no file; and what of that are events.
    type Left = fn(&[u64]) -> (Option<u64>, usize);
    let cases: [Left; 5] = [
        |ends| (Some(ends[9] - 30), 9),
        |ends| (Some(ends[9] - 1), 9),
        |ends| (Some(ends[3]), 4),
        |_| (Some(0), 0),
        |_| (None, 0),
    ];
    for left in cases {
        let place = Place::new();
        let log = filled(place.options());
        let file = place.file();
        let ends = ends(&file);
        assert_eq!(damaged(&verify(&log, None)), []);
        let (length, events) = left(&ends);
        match length {
            Some(length) => cut(&file, length),
            None => fs::remove_file(&file).unwrap(),
        }
        let good = if events > 0 { ends[events - 1] } else { 0 };
        for report in [verify(&log, None), verify(&log, Some(SESSION))] {
            assert_eq!(report.events, events as u64, "{length:?}");
            assert_eq!(damaged(&report), [("s.jsonl", good, ends[9] - good)], "{length:?}");
        }
    }
}

#[test]
fn a_newline_that_is_damaged_at_the_end_is_damage() {
    let place = Place::new();
    let log = filled(place.options());
    let mut bytes = fs::read(place.file()).unwrap();
    *bytes.last_mut().unwrap() = b'x';
    fs::write(place.file(), &bytes).unwrap();
    let report = verify(&log, None);
    assert_eq!((report.events, report.damaged.len()), (EVENTS, 1));
}

fn first_closed(place: &Place) -> PathBuf {
    place.active().join("s.1.jsonl")
}

#[test]
fn what_is_gone_from_a_closed_file_is_damage() {
    for left in [None, Some(0), Some(1)] {
        let place = Place::new();
        let log = filled(LogOptions { max_file_bytes: 400, ..place.options() });
        let file = first_closed(&place);
        let ends = ends(&file);
        assert!(ends.len() > 1);
        match left {
            Some(0) => cut(&file, 0),
            Some(lines) => cut(&file, ends[lines - 1]),
            None => fs::remove_file(&file).unwrap(),
        }
        let lines = left.unwrap_or(0);
        let good = if lines > 0 { ends[lines - 1] } else { 0 };
        let report = verify(&log, None);
        assert_eq!(report.events, EVENTS - (ends.len() - lines) as u64, "{left:?}");
        assert_eq!(damaged(&report), [("s.1.jsonl", good, ends[ends.len() - 1] - good)], "{left:?}");
    }
}

#[test]
fn an_archived_file_under_the_name_of_another_session_is_damage_and_what_is_no_file_of_ours_is_none() {
    let place = Place::new();
    let log = filled(LogOptions { max_file_bytes: 400, ..place.options() });
    wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
    let day = fs::read_dir(place.root.join("archive")).unwrap().next().unwrap().unwrap().path();
    for name in ["notes.jsonl", "notes.7.jsonl"] {
        fs::write(day.join(name), "mine\n").unwrap();
    }
    let before = verify(&log, None);
    assert_eq!((before.events, damaged(&before)), (EVENTS, vec![]));
    let events = ends(&day.join("s.1.jsonl")).len() as u64;
    fs::rename(day.join("s.1.jsonl"), day.join("other.1.jsonl")).unwrap();
    let visitor = EventLog::visit(&place.root).unwrap();
    for reader in [&log, &visitor] {
        for (session, found) in [(None, EVENTS - events), (Some("other"), 0)] {
            let report = verify(reader, session);
            assert_eq!((report.events, report.damaged.len()), (found, 1), "{session:?}");
            assert!(report.damaged[0].file.ends_with("/other.1.jsonl"));
        }
        assert_eq!(damaged(&verify(reader, Some(SESSION))), []);
    }
}

#[test]
fn each_event_is_counted_once_while_files_go_to_the_archive() {
    const SESSIONS: u64 = 20;
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 400, ..place.options() }).unwrap();
    let visitor = EventLog::visit(&place.root).unwrap();
    for payload in 0..SESSIONS * 30 {
        let session = format!("s{}", payload % SESSIONS);
        append_body(&log, &session, body("t", "normal", 1.0, &payload.to_string())).unwrap();
    }
    thread::scope(|scope| {
        let cleaning = scope.spawn(|| wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap());
        let mut is_over = false;
        while !is_over {
            is_over = cleaning.is_finished();
            for (who, reader) in [("owner", &log), ("visitor", &visitor)] {
                let report = verify(reader, None);
                assert_eq!((report.events, damaged(&report)), (SESSIONS * 30, vec![]), "{who}");
            }
        }
        assert!(cleaning.join().unwrap().archived > SESSIONS);
    });
}

#[test]
fn what_is_written_closed_archived_and_erased_meanwhile_is_no_damage() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 400, ..place.options() }).unwrap();
    let visitor = EventLog::visit(&place.root).unwrap();
    thread::scope(|scope| {
        let working = scope.spawn(|| {
            for round in 0..60 {
                for payload in 0..20 {
                    let session = format!("s{}", payload % 4);
                    append_body(&log, &session, body("t", "normal", 1.0, &payload.to_string())).unwrap();
                }
                if round % 3 == 0 {
                    wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
                }
                assert!(wait(|reply| log.erase(format!("s{}", round % 4), reply)).unwrap());
            }
        });
        while !working.is_finished() {
            for (who, reader) in [("owner", &log), ("visitor", &visitor)] {
                let report = verify(reader, None);
                assert_eq!(damaged(&report), [], "{who}");
            }
        }
    });
}
