//! Others remove files of a log that is open: what they remove is gone, and nothing else.

use std::{fs, io::Write, path::PathBuf, time::Duration};

use smalltalk_native::event_log::{EventLog, LogOptions, ReplayFilter};

use crate::support::*;

/// A log of a session with an event in each file, and its closed files, oldest first.
fn written(place: &Place, events: u64) -> (EventLog, Vec<PathBuf>) {
    // The next append is to notice what has become of them, not a sync.
    let fsync_interval = Duration::from_secs(3600);
    let options = LogOptions { max_file_bytes: 1, cleanup_interval: Duration::ZERO, fsync_interval, ..place.options() };
    let log = EventLog::open(options).unwrap();
    (1..=events).for_each(|payload| drop(append(&log, SESSION, payload)));
    let closed = (1..events).map(|seq| place.active().join(format!("s.{seq}.jsonl")));
    (log, closed.collect())
}

/// The next event is refused, and the one after it is not.
fn notices(log: &EventLog, session: &str) -> u64 {
    append_body(log, session, body("t", "normal", now_ms(), "0")).unwrap_err();
    append(log, session, 9).seq
}

#[test]
fn a_closed_file_that_is_removed_takes_no_other_one_along() {
    let place = Place::new();
    let (log, closed) = written(&place, 5);
    fs::remove_file(&closed[1]).unwrap();
    let last = ReplayFilter { last: Some(1), ..ReplayFilter::default() };
    assert_eq!(payloads(&replay(&log, SESSION, last)), [5]);
    assert_eq!(payloads(&all(&log, SESSION)), [1, 3, 4, 5]);
    assert_eq!(wait(|reply| log.wait(SESSION.into(), 0, 1, reply)).unwrap(), 5);
    assert_eq!(append(&log, SESSION, 6).seq, 6);
    assert_eq!(payloads(&all(&log, SESSION)), [1, 3, 4, 5, 6]);
    let [damage] = &statistics(&log).recovery.damaged[..] else { panic!("the file that is gone") };
    assert_eq!((damage.file.as_str(), damage.offset), ("s.2.jsonl", 0));
    close(&log);
    assert_eq!(payloads(&all(&place.open(), SESSION)), [1, 3, 4, 5, 6]);
}

#[test]
fn a_cleanup_archives_the_others() {
    let place = Place::new();
    let (log, closed) = written(&place, 5);
    fs::remove_file(&closed[1]).unwrap();
    let report = wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
    assert_eq!(report.archived, 4);
    assert!(names(&place.active()).is_empty());
    let archived = ReplayFilter { archived: true, ..ReplayFilter::default() };
    assert_eq!(payloads(&replay(&log, SESSION, archived)), [1, 3, 4, 5]);
    assert_eq!(append(&log, SESSION, 6).seq, 6, "its numbers stay used");
}

/// Every file of a log of which something is missing.
fn missing(log: &EventLog) -> Vec<String> {
    statistics(log).recovery.damaged.into_iter().map(|damage| damage.file).collect()
}

#[test]
fn what_was_removed_is_still_told_when_the_session_is_archived_or_read_again() {
    let place = Place::new();
    let (log, closed) = written(&place, 5);
    fs::remove_file(&closed[1]).unwrap();
    all(&log, SESSION);
    wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
    assert_eq!(missing(&log), ["s.2.jsonl"]);
    let place = Place::new();
    let (log, closed) = written(&place, 5);
    fs::remove_file(&closed[1]).unwrap();
    fs::remove_file(place.file()).unwrap();
    all(&log, SESSION);
    for _ in 0..3 {
        notices(&log, SESSION);
        assert_eq!(missing(&log), ["s.2.jsonl", "s.jsonl"]);
        // A blank line: it is read again.
        fs::OpenOptions::new().append(true).open(place.file()).unwrap().write_all(b"\n").unwrap();
    }
}

#[test]
fn a_session_of_which_every_file_is_removed_is_none() {
    let place = Place::new();
    let (log, closed) = written(&place, 3);
    closed.iter().chain([&place.file()]).for_each(|file| fs::remove_file(file).unwrap());
    assert!(all(&log, SESSION).is_empty());
    let seq = notices(&log, SESSION);
    assert!(seq > 3);
    assert_eq!(seqs(&all(&log, SESSION)), [seq]);
}

#[test]
fn a_file_that_is_removed_while_it_is_written_keeps_nobody_from_the_others() {
    let place = Place::new();
    let (log, _) = written(&place, 3);
    fs::remove_file(place.file()).unwrap();
    assert_eq!(payloads(&all(&log, SESSION)), [1, 2]);
    notices(&log, SESSION);
    assert_eq!(payloads(&all(&log, SESSION)), [1, 2, 9]);
}

#[test]
fn where_all_files_are_removed_with_their_directory_the_log_goes_on() {
    let place = Place::new();
    let (log, _) = written(&place, 3);
    fs::remove_dir_all(place.active()).unwrap();
    let replay = log.replay(SESSION.into(), ReplayFilter::default()).unwrap();
    assert_eq!(wait(|reply| replay.pull(reply)).unwrap_err().code(), "ERR_IO", "it may come back");
    for session in ["new", SESSION] {
        let seq = notices(&log, session);
        assert_eq!(seqs(&all(&log, session)), [seq]);
    }
    close(&log);
    assert_eq!(payloads(&all(&place.open(), SESSION)), [9]);
}
