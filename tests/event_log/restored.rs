//! An earlier state of the files is put back beside what the archive has by then.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use smalltalk_native::{
    durability::Durability,
    event_log::{EventLog, ReplayFilter, push_line},
};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: f64 = 86_400_000.0;

fn old(log: &EventLog, payload: u64, days: f64) -> u64 {
    append_body(log, SESSION, body("t", "normal", now_ms() - days * DAY_MS, &payload.to_string())).unwrap().seq
}

fn archived(filter: ReplayFilter) -> ReplayFilter {
    ReplayFilter { archived: true, ..filter }
}

/// What the owner finds, and somebody who only reads.
fn both(place: &Place, owner: &EventLog, filter: &ReplayFilter) -> Vec<u64> {
    let visitor = EventLog::visit(&place.root).unwrap();
    let [found, visited] = [owner, &visitor].map(|log| payloads(&replay(log, SESSION, archived(filter.clone()))));
    close(&visitor);
    assert_eq!(found, visited);
    found
}

fn cleanup(log: &EventLog) -> u64 {
    wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived
}

/// Every option, for one number after the other.
fn check(place: &Place, log: &EventLog) {
    let events = replay(log, SESSION, archived(ReplayFilter::default()));
    let expected: Vec<u64> = (1..=13).collect();
    assert_eq!(both(place, log, &ReplayFilter::default()), expected);
    assert!(seqs(&events).is_sorted_by(|one, two| one < two), "{:?}", seqs(&events));
    for (count, seq) in seqs(&events).into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "they are smaller")]
        let after = ReplayFilter { after_seq: Some(seq as f64), ..ReplayFilter::default() };
        assert_eq!(both(place, log, &after), expected[count + 1..], "after {seq}");
        let last = ReplayFilter { last: Some(count), ..ReplayFilter::default() };
        assert_eq!(both(place, log, &last), expected[13 - count..]);
        let limit = ReplayFilter { limit: Some(count), ..ReplayFilter::default() };
        assert_eq!(both(place, log, &limit), expected[..count]);
    }
}

/// The numbers that follow it leap over all that the archive has, so that these stand between two events of one file.
#[test]
fn what_the_archive_has_beyond_an_earlier_state_that_was_put_back_is_replayed_in_its_place() {
    let place = Place::new();
    let log = place.open();
    (1..=3).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
    wait(|reply| log.flush(reply)).unwrap();
    let before = fs::read(place.file()).unwrap();
    (4..=6).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
    assert_eq!(cleanup(&log), 1);
    (7..=9).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
    assert_eq!(cleanup(&log), 1);
    fs::write(place.file(), before).unwrap();
    let refused = append_body(&log, SESSION, body("t", "normal", now_ms(), "0")).unwrap_err();
    assert_eq!(refused.code(), "ERR_IO");
    for payload in 10..=13 {
        assert!(old(&log, payload, 2.0) > 9);
    }
    check(&place, &log);
    // All in the archive, under the same number twice.
    assert_eq!(cleanup(&log), 1);
    check(&place, &log);
    close(&log);
}

/// A whole file of one day of the archive.
fn files_of(place: &Place) -> Vec<PathBuf> {
    let archive = place.root.join("archive");
    let days = names(&archive).into_iter().map(|day| archive.join(day));
    days.flat_map(|day| names(&day).into_iter().map(move |name| day.join(name))).collect()
}

/// As after a kill between the copy and the end of the original; and where another program has gone on in that.
#[test]
fn a_file_that_is_there_twice_is_replayed_once_and_to_its_end_where_one_has_grown() {
    let place = Place::new();
    let log = place.open();
    (1..=3).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
    assert_eq!(cleanup(&log), 1);
    assert_eq!(old(&log, 6, 3.0), 4);
    close(&log);
    let mut bytes = fs::read(&files_of(&place)[0]).unwrap();
    let twice = place.active().join("s.1.jsonl");
    let after = |seq| ReplayFilter { after_seq: Some(seq), ..ReplayFilter::default() };
    for grown in [false, true] {
        if grown {
            fs::remove_file(place.file()).unwrap();
            (4..=5).for_each(|seq| {
                push_line(&mut bytes, seq, b"\"id\"", "\"s\"", &body("t", "normal", 1.0, &seq.to_string()));
            });
        }
        let expected: &[u64] = if grown { &[1, 2, 3, 4, 5] } else { &[1, 2, 3, 6] };
        fs::write(&twice, &bytes).unwrap();
        let log = place.open();
        assert_eq!(both(&place, &log, &ReplayFilter::default()), expected);
        assert_eq!(both(&place, &log, &after(2.0)), expected[2..]);
        assert_eq!(both(&place, &log, &after(3.0)), expected[3..]);
        close(&log);
        // The other one of both has grown.
        let archived = files_of(&place)[0].clone();
        let other = fs::read(&archived).unwrap();
        fs::write(&twice, &other).unwrap();
        fs::write(&archived, &bytes).unwrap();
        let log = place.open();
        assert_eq!(both(&place, &log, &ReplayFilter::default()), expected);
        close(&log);
        fs::write(&archived, &other).unwrap();
    }
}

fn acknowledge(log: &EventLog, session: &str, seq: u64) {
    let consumer = log.consumer(session.into(), "mailer".into(), Durability::Process).unwrap();
    wait(|reply| consumer.open(reply)).unwrap();
    wait(|reply| consumer.acknowledge(seq, reply)).unwrap();
    wait(|reply| consumer.close(reply)).unwrap();
}

/// As a backup is put back over the file of a log that was closed, which no name tells of.
#[test]
fn a_number_that_a_consumer_has_acknowledged_is_not_given_again_after_a_close_in_order() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    wait(|reply| log.flush(reply)).unwrap();
    let before = fs::read(place.file()).unwrap();
    (2..=5).for_each(|payload| drop(append(&log, SESSION, payload)));
    append(&log, "other", 1);
    acknowledge(&log, SESSION, 5);
    close(&log);
    fs::write(place.file(), &before).unwrap();
    let log = place.open();
    assert_eq!([6, 7].map(|payload| append(&log, SESSION, payload).seq), [6, 7]);
    assert_eq!(append(&log, "other", 2).seq, 6, "nobody knows which one was put back");
    // One that has no events yet.
    acknowledge(&log, "new", 9);
    assert_eq!([1, 2].map(|payload| append(&log, "new", payload).seq), [10, 11]);
    close(&log);
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    assert_eq!([SESSION, "new"].map(|session| append(&log, session, 8).seq), [8, 12]);
}

/// Copies the files of a directory.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// With the mark of the close that belongs to it, or beside that of a later one.
#[test]
fn numbers_that_the_archive_has_are_not_given_again_where_an_earlier_state_is_put_back_after_a_close_in_order() {
    for with_mark in [false, true] {
        let (place, before) = (Place::new(), Place::new());
        let log = place.open();
        (1..=10).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
        append(&log, "other", 1);
        close(&log);
        copy(&place.active(), &before.active());
        fs::copy(place.root.join("closed.json"), before.root.join("closed.json")).unwrap();
        let log = place.open();
        (11..=20).for_each(|payload| assert_eq!(old(&log, payload, 3.0), payload));
        let later = append_body(&log, "later", body("t", "normal", now_ms() - 3.0 * DAY_MS, "1")).unwrap().seq;
        assert_eq!(cleanup(&log), 2);
        close(&log);
        copy(&before.active(), &place.active());
        if with_mark {
            fs::copy(before.root.join("closed.json"), place.root.join("closed.json")).unwrap();
        }
        let log = place.open();
        assert!(statistics(&log).recovery.clean);
        for payload in 21..=23 {
            assert!(old(&log, payload, 2.0) > 20, "{with_mark}");
        }
        assert_eq!(both(&place, &log, &ReplayFilter::default()), (1..=23).collect::<Vec<_>>());
        let after = ReplayFilter { after_seq: Some(20.0), ..ReplayFilter::default() };
        assert_eq!(both(&place, &log, &after), [21, 22, 23]);
        assert!(append(&log, "later", 2).seq > later);
        // Nothing of it is missing. Where the mark belongs to what there is, that is known.
        assert_eq!(append(&log, "other", 2).seq, if with_mark { 2 } else { 21 });
        close(&log);
    }
}

/// Whose next opening has forgotten nothing of that, either.
#[test]
fn numbers_are_not_given_again_where_an_earlier_state_is_put_back_and_nothing_went_to_the_archive() {
    let place = Place::new();
    let log = place.open();
    (1..=3).for_each(|payload| drop(append(&log, SESSION, payload)));
    close(&log);
    let before = fs::read(place.file()).unwrap();
    let log = place.open();
    (4..=6).for_each(|payload| assert_eq!(append(&log, SESSION, payload).seq, payload));
    close(&log);
    fs::write(place.file(), before).unwrap();
    close(&place.open());
    let log = place.open();
    assert_eq!([7, 8].map(|payload| append(&log, SESSION, payload).seq), [7, 8]);
    close(&log);
    let log = place.open();
    assert_eq!(append(&log, SESSION, 9).seq, 9, "it is as it was closed");
    assert_eq!(append(&log, "new", 1).seq, 9);
    close(&log);
}
