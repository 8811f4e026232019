//! An archive that cannot be looked at, because its disk is away or cannot be read: nobody takes it for an empty one.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use smalltalk_native::{
    Error,
    event_log::{EventLog, LogOptions, ReplayFilter, Statistics},
};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
/// 2025-11-23, 12:00 UTC.
const NOON: f64 = 1_763_899_200_000.0;
const DAY_MS: f64 = 86_400_000.0;

/// A log whose archive is a link to a directory elsewhere.
fn with_a_link() -> (Place, PathBuf) {
    let place = Place::new();
    let disk = place.root.with_file_name("disk");
    fs::create_dir_all(&disk).unwrap();
    fs::create_dir_all(&place.root).unwrap();
    symlink(&disk, place.root.join("archive")).unwrap();
    (place, disk)
}

/// One that keeps what is archived.
fn open(place: &Place) -> EventLog {
    EventLog::open(LogOptions { max_retention: HOUR * 24 * 36_500, ..place.options() }).unwrap()
}

fn at(log: &EventLog, session: &str, timestamp: f64) -> u64 {
    append_body(log, session, body("t", "normal", timestamp, "1")).unwrap().seq
}

fn archived() -> ReplayFilter {
    ReplayFilter { archived: true, ..ReplayFilter::default() }
}

/// What keeps whoever needs all of the archive.
fn failures(log: &EventLog) -> Vec<Error> {
    let replayed = log.replay(SESSION.into(), archived()).unwrap();
    vec![
        wait(|reply| replayed.pull(reply)).unwrap_err(),
        wait(|reply| log.verify(Some(SESSION.into()), reply)).unwrap_err(),
        wait(|reply| log.verify(None, reply)).unwrap_err(),
        wait(|reply| log.cleanup(HOUR, reply)).unwrap_err(),
        wait(|reply| log.erase(SESSION.into(), reply)).unwrap_err(),
    ]
}

fn assert_they_name(errors: &[Error], path: &Path) {
    for error in errors {
        assert_eq!(error.code(), "ERR_IO");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn an_archive_whose_disk_is_away_is_not_taken_for_an_empty_one() {
    let (place, disk) = with_a_link();
    let log = open(&place);
    let first = at(&log, SESSION, NOON);
    assert_eq!(wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived, 1);
    let away = disk.with_file_name("away");
    fs::rename(&disk, &away).unwrap();
    let second = at(&log, SESSION, now_ms());
    assert_eq!(seqs(&all(&log, SESSION)), [second], "what is not archived is there");
    assert_they_name(&failures(&log), &place.root.join("archive"));
    assert!(names(&place.active()).is_empty(), "all that could be erased is gone");
    let third = at(&log, SESSION, now_ms());
    fs::rename(&away, &disk).unwrap();
    assert_eq!(seqs(&replay(&log, SESSION, archived())), [first, third]);
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    assert!(replay(&log, SESSION, archived()).is_empty());
    assert!(!wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    fs::remove_dir_all(&disk).unwrap();
    fs::remove_file(place.root.join("archive")).unwrap();
    assert!(!wait(|reply| log.erase(SESSION.into(), reply)).unwrap(), "there is no archive");
}

#[test]
fn a_day_that_cannot_be_looked_at_is_not_taken_for_a_file_of_somebody() {
    let elsewhere = tempfile::TempDir::new().unwrap();
    let day = |place: &Place| place.root.join("archive/2025-11-23");
    // One link leads to itself, the other one to what is not there just now.
    for target in [None, Some(elsewhere.path().join("away"))] {
        let place = Place::new();
        let log = open(&place);
        let events = [at(&log, SESSION, NOON - DAY_MS), at(&log, "other", NOON), at(&log, SESSION, now_ms())];
        assert_eq!(wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived, 1);
        let day = day(&place);
        let hidden = elsewhere.path().join("hidden");
        fs::rename(&day, &hidden).unwrap();
        symlink(target.as_ref().unwrap_or(&day), &day).unwrap();
        assert_eq!(seqs(&all(&log, SESSION)).len(), 2, "{events:?}");
        assert_they_name(&failures(&log), &day);
        fs::remove_file(&day).unwrap();
        fs::rename(&hidden, &day).unwrap();
        assert_eq!(seqs(&replay(&log, "other", archived())), [events[1]]);
        assert!(wait(|reply| log.erase("other".into(), reply)).unwrap());
    }
}

#[test]
fn what_somebody_keeps_in_the_archive_that_leads_nowhere_is_in_nobodys_way() {
    let place = Place::new();
    let log = open(&place);
    at(&log, SESSION, NOON);
    assert_eq!(wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived, 1);
    symlink("nowhere", place.root.join("archive/notes")).unwrap();
    fs::write(place.root.join("archive/2025-11-24"), "mine").unwrap();
    assert_eq!(replay(&log, SESSION, archived()).len(), 1);
    assert_eq!(wait(|reply| log.verify(None, reply)).unwrap().events, 1);
    assert_eq!(wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived, 0);
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
}

#[test]
fn a_day_that_cannot_be_looked_at_keeps_no_other_one_from_being_deleted_and_nothing_from_being_archived() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_retention: HOUR * 48, ..place.options() }).unwrap();
    let archive = place.root.join("archive");
    for day in ["2025-11-01", "2025-11-03"] {
        fs::create_dir_all(archive.join(day)).unwrap();
        fs::write(archive.join(day).join("old.1.jsonl"), "").unwrap();
    }
    let stuck = archive.join("2025-11-02");
    symlink(&stuck, &stuck).unwrap();
    at(&log, SESSION, now_ms() - DAY_MS);
    assert_they_name(&[wait(|reply| log.cleanup(HOUR, reply)).unwrap_err()], &stuck);
    let days = names(&archive);
    assert_eq!((days.len(), days[0].as_str()), (2, "2025-11-02"), "{days:?}");
    assert!(names(&place.active()).is_empty());
    let Statistics { archived, deleted, .. } = statistics(&log);
    assert_eq!((archived, deleted), (1, 2));
}

#[test]
fn a_log_opens_and_goes_on_beside_an_archive_that_is_away() {
    let (place, disk) = with_a_link();
    fs::remove_dir(&disk).unwrap();
    let append = || {
        let log = open(&place);
        assert!(!statistics(&log).recovery.clean, "nobody knows what there is, or once was");
        let seq = at(&log, SESSION, NOON);
        close(&log);
        place.forget_the_close();
        seq
    };
    let (first, second) = (append(), append());
    assert!(first < second);
    assert_eq!(seqs(&all(&open(&place), SESSION)), [first, second]);
}

#[test]
fn of_days_that_can_be_looked_at_the_numbers_stay_used_although_another_one_cannot() {
    let place = Place::new();
    let log = open(&place);
    statistics(&log);
    close(&log);
    let far = now_micros() * 2;
    let day = place.root.join("archive/2025-11-23");
    fs::create_dir_all(&day).unwrap();
    fs::write(day.join(format!("gone.{far}.jsonl")), "").unwrap();
    let stuck = place.root.join("archive/2025-11-22");
    symlink(&stuck, &stuck).unwrap();
    place.forget_the_close();
    assert!(at(&open(&place), SESSION, NOON) > far);
}
