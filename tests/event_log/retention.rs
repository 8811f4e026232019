//! What grows old is moved, then deleted, as a whole; nothing else ever is.

use std::{
    fs,
    time::{Duration, Instant},
};

use smalltalk_native::event_log::{CleanupReport, EventLog, LogOptions, ReplayFilter};

use crate::support::*;

const DAY_MS: f64 = 86_400_000.0;
const HOUR: Duration = Duration::from_secs(3600);
/// 2025-11-23, 12:00 UTC.
const NOON: f64 = 1_763_899_200_000.0;

fn at(log: &EventLog, session: &str, timestamp: f64) -> u64 {
    append_body(log, session, body("t", "normal", timestamp, "1")).unwrap().seq
}

fn cleanup(log: &EventLog, retention: Duration) -> CleanupReport {
    wait(|reply| log.cleanup(retention, reply)).unwrap()
}

#[test]
fn old_files_go_to_the_day_of_their_last_event_and_fresh_ones_stay() {
    let place = Place::new();
    let options = LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() };
    let log = EventLog::open(options).unwrap();
    at(&log, "old", NOON - DAY_MS);
    at(&log, "old", NOON);
    at(&log, "mixed", NOON);
    at(&log, "mixed", now_ms());
    at(&log, "fresh", now_ms());
    let report = cleanup(&log, HOUR);
    assert_eq!(report, CleanupReport { archived: 1, deleted: 0, bytes_freed: 0 });
    assert_eq!(names(&place.root.join("archive/2025-11-23")), ["old.1.jsonl"]);
    // One event of it is still wanted: the file is closed and stays.
    assert_eq!(names(&place.active()), ["fresh.jsonl", "mixed.1.jsonl"]);
    assert!(all(&log, "old").is_empty());
    assert_eq!(all(&log, "mixed").len(), 2);
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), ["fresh", "mixed"]);
    assert_eq!(cleanup(&log, HOUR), CleanupReport::default());
}

#[test]
fn the_archive_is_deleted_by_days_and_foreign_files_in_it_stay() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_retention: HOUR * 48, ..place.options() }).unwrap();
    at(&log, SESSION, NOON);
    let recent = now_ms() - 1.5 * DAY_MS;
    at(&log, "recent", recent);
    assert_eq!(cleanup(&log, HOUR).archived, 2);
    let archive = place.root.join("archive");
    fs::create_dir(archive.join("2025-11-01")).unwrap();
    fs::write(archive.join("2025-11-01/notes.txt"), "mine").unwrap();
    let size = fs::metadata(archive.join("2025-11-23/s.1.jsonl")).unwrap().len();
    assert_eq!(cleanup(&log, HOUR), CleanupReport { archived: 0, deleted: 1, bytes_freed: size });
    let days = names(&archive);
    assert_eq!(days.len(), 2, "{days:?}");
    assert_eq!(days[0], "2025-11-01");
}

#[test]
fn what_only_looks_like_a_file_of_ours_stays_in_the_archive_and_is_in_nobodys_way() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_retention: HOUR * 48, ..place.options() }).unwrap();
    at(&log, SESSION, now_ms() - DAY_MS);
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    let day = place.root.join("archive/2025-11-01");
    fs::create_dir(&day).unwrap();
    // None of these names was ever given to a file here.
    for name in ["My notes.2.jsonl", "notes.jsonl"] {
        fs::write(day.join(name), "mine").unwrap();
    }
    fs::write(place.root.join("archive/2025-11-02"), "mine").unwrap();
    assert_eq!(cleanup(&log, HOUR), CleanupReport::default());
    assert_eq!(names(&day), ["My notes.2.jsonl", "notes.jsonl"]);
    let archived = ReplayFilter { archived: true, ..ReplayFilter::default() };
    assert_eq!(replay(&log, SESSION, archived).len(), 1);
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
}

#[test]
fn the_archive_never_replaces_a_file() {
    let place = Place::new();
    let options = LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() };
    let day = place.root.join("archive/2025-11-23");
    let log = EventLog::open(options).unwrap();
    assert_eq!(at(&log, SESSION, NOON), 1);
    fs::create_dir_all(&day).unwrap();
    fs::write(day.join("s.1.jsonl"), "not to be lost").unwrap();
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    assert_eq!(names(&day), ["s.1-1.jsonl", "s.1.jsonl"]);
    assert_eq!(fs::read_to_string(day.join("s.1.jsonl")).unwrap(), "not to be lost");
}

#[test]
fn numbers_stay_used_when_a_session_is_gone() {
    let place = Place::new();
    let log = place.open();
    for _ in 0..5 {
        at(&log, SESSION, NOON);
    }
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    assert_eq!(cleanup(&log, HOUR).deleted, 1);
    assert_eq!(at(&log, SESSION, NOON), 6);
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    close(&log);
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    assert_eq!(at(&log, SESSION, NOON), 7);
}

#[test]
fn it_cleans_up_by_itself() {
    let place = Place::new();
    let options = LogOptions { cleanup_interval: Duration::from_millis(10), retention: HOUR, ..place.options() };
    let log = EventLog::open(options).unwrap();
    at(&log, SESSION, NOON);
    let limit = Instant::now() + Duration::from_secs(20);
    while statistics(&log).deleted == 0 {
        assert!(Instant::now() < limit, "nothing was deleted");
    }
    assert!(all(&log, SESSION).is_empty());
}

#[test]
fn metadata_tells_people_and_is_needed_by_nobody() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    cleanup(&log, HOUR);
    let path = place.root.join("metadata.json");
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(metadata["retentionMs"], 86_400_000);
    assert_eq!(metadata["statistics"]["events"], 1);
    close(&log);
    fs::write(&path, "garbage").unwrap();
    assert_eq!(all(&place.open(), SESSION).len(), 1);
}

#[test]
fn an_erased_session_is_gone_everywhere_and_its_numbers_stay_used() {
    let place = Place::new();
    let options = LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() };
    let log = EventLog::open(options).unwrap();
    at(&log, SESSION, NOON);
    at(&log, "s2", NOON);
    assert_eq!(cleanup(&log, HOUR).archived, 2);
    at(&log, SESSION, now_ms());
    let last = at(&log, SESSION, now_ms());
    at(&log, "s2", now_ms());
    fs::create_dir_all(place.root.join("quarantine")).unwrap();
    fs::write(place.root.join("quarantine/s.1.0.damaged"), "x").unwrap();
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    assert!(all(&log, SESSION).is_empty());
    assert_eq!(names(&place.active()), ["s2.jsonl"]);
    assert_eq!(names(&place.root.join("archive/2025-11-23")), ["s2.1.jsonl"]);
    assert!(names(&place.root.join("quarantine")).is_empty());
    assert!(!wait(|reply| log.erase(SESSION.into(), reply)).unwrap(), "there is nothing left");
    assert!(at(&log, SESSION, now_ms()) > last);
    assert_eq!(all(&log, "s2").len(), 1);
}

#[test]
fn what_a_copy_to_the_archive_has_left_halfway_is_erased_as_well() {
    let place = Place::new();
    let options = LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() };
    let log = EventLog::open(options).unwrap();
    at(&log, SESSION, NOON);
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    let day = place.root.join("archive/2025-11-23");
    // As left by somebody who was killed while he moved the file to another disk, one of another session, and no copy.
    let left = [".s.1.jsonl.0.tmp", ".s2.1.jsonl.0.tmp", ".s.notes"].map(|name| day.join(name));
    for path in left {
        fs::copy(day.join("s.1.jsonl"), path).unwrap();
    }
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    assert_eq!(names(&day), [".s.notes", ".s2.1.jsonl.0.tmp"]);
    fs::create_dir_all(place.root.join("quarantine")).unwrap();
    for left in [".s.1.0.damaged.0.tmp", ".0.tmp"] {
        fs::write(place.root.join("quarantine").join(left), "").unwrap();
    }
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    assert!(names(&place.root.join("quarantine")).is_empty());
}

#[cfg(unix)]
#[test]
fn what_cannot_be_erased_keeps_nothing_else_of_a_session() {
    let place = Place::new();
    let options = LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() };
    let log = EventLog::open(options).unwrap();
    at(&log, SESSION, NOON);
    assert_eq!(cleanup(&log, HOUR).archived, 1);
    let last = at(&log, SESSION, now_ms());
    // It leads to itself.
    let quarantine = place.root.join("quarantine");
    std::os::unix::fs::symlink(&quarantine, &quarantine).unwrap();
    assert_eq!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap_err().code(), "ERR_IO");
    assert!(names(&place.active()).is_empty());
    assert!(names(&place.root.join("archive/2025-11-23")).is_empty());
    assert!(at(&log, SESSION, now_ms()) > last);
    fs::remove_file(&quarantine).unwrap();
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    assert!(all(&log, SESSION).is_empty());
}
