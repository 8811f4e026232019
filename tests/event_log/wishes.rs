//! Handles of one process on one log that were told different things: what one of them wants kept stays.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use smalltalk_native::{
    Result,
    durability::Durability,
    event_log::{EventLog, LogOptions, Receipt, ReplayFilter, Together},
    reply::Reply,
};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Of how many events the disk has a copy, of all those that were appended together to sessions without files.
fn on_the_disk(place: &Place) -> usize {
    let journal = std::fs::read_to_string(place.root.join("journal")).unwrap_or_default();
    journal.matches(r#""topic":"t""#).count()
}

fn append_to_many(log: &EventLog, durability: Option<Durability>) {
    let sessions: Vec<String> = (0..9).map(|number| format!("s{number}")).collect();
    let bodies = vec![body("t", "normal", now_ms(), "1"); sessions.len()].join("\n");
    let places = Some((0..9).collect());
    wait(|reply| log.append_together(Together { sessions, places, bodies, durability, receipts: false, reply }))
        .unwrap();
}

#[test]
fn how_durable_an_append_is_that_does_not_say_is_the_handles_own_whoever_opened_the_log() {
    let [least, most] = [Durability::Process, Durability::Power];
    for (first, own, asked, expected) in
        [(least, most, None, 9), (most, least, None, 0), (least, most, Some(least), 0), (most, least, Some(most), 9)]
    {
        let place = Place::new();
        // Nothing is synced by itself.
        let open =
            |durability| EventLog::open(LogOptions { durability, fsync_interval: HOUR, ..place.options() }).unwrap();
        let looker = open(first);
        wait(|reply| looker.sessions(reply)).unwrap();
        let log = open(own);
        append_to_many(&log, asked);
        assert_eq!(on_the_disk(&place), expected, "{first:?} {own:?} {asked:?}");
        let one = |session: &str| {
            let (session, body) = (session.to_owned(), body("t", "normal", now_ms(), "1"));
            wait(|reply| log.append(session, body, None, asked, reply)).unwrap();
        };
        close(&looker);
        one("s1");
        assert_eq!(on_the_disk(&place) > 0, expected > 0, "the other one has gone");
    }
}

/// An event that is two months old, and two cleanups: which is left, archive included.
fn left_of_an_old_one(log: &EventLog) -> usize {
    append_body(log, SESSION, body("t", "normal", now_ms() - 60.0 * 86_400_000.0, "1")).unwrap();
    for _ in 0..2 {
        wait(|reply| log.cleanup(None, reply)).unwrap();
    }
    replay(log, SESSION, ReplayFilter { archived: true, ..ReplayFilter::default() }).len()
}

#[test]
fn what_a_handle_wants_kept_is_kept_whoever_opened_the_log_until_that_handle_closes() {
    for keeps_first in [false, true] {
        let place = Place::new();
        let keeps = LogOptions { max_retention: DAY * 3650, ..place.options() };
        let options = if keeps_first { [keeps, place.options()] } else { [place.options(), keeps] };
        let [first, second] = options.map(|options| {
            let log = EventLog::open(options).unwrap();
            wait(|reply| log.sessions(reply)).unwrap();
            log
        });
        let (keeper, other) = if keeps_first { (first, second) } else { (second, first) };
        assert_eq!(left_of_an_old_one(&other), 1, "whoever asks for the cleanup");
        close(&keeper);
        assert_eq!(left_of_an_old_one(&other), 0, "nobody wants them any more");
        close(&other);
    }
}

#[test]
fn what_a_handle_wants_kept_is_kept_when_the_one_that_opened_the_log_has_gone() {
    let place = Place::new();
    let first = place.open();
    wait(|reply| first.sessions(reply)).unwrap();
    let keeper = EventLog::open(LogOptions { max_retention: DAY * 3650, ..place.options() }).unwrap();
    drop(first);
    assert_eq!(left_of_an_old_one(&keeper), 1);
}

#[test]
fn events_stay_replayable_as_long_as_one_of_the_open_handles_wants() {
    let place = Place::new();
    let first = place.open();
    wait(|reply| first.sessions(reply)).unwrap();
    let long = DAY * 90;
    let second = EventLog::open(LogOptions { retention: long, max_retention: long, ..place.options() }).unwrap();
    append_body(&second, SESSION, body("t", "normal", now_ms() - 60.0 * 86_400_000.0, "1")).unwrap();
    assert_eq!(wait(|reply| first.cleanup(None, reply)).unwrap().archived, 0);
    close(&second);
    assert_eq!(wait(|reply| first.cleanup(None, reply)).unwrap().archived, 1);
}

#[test]
fn regular_cleanups_rest_while_a_handle_wants_none() {
    let place = Place::new();
    let open =
        |cleanup_interval| EventLog::open(LogOptions { cleanup_interval, retention: HOUR, ..place.options() }).unwrap();
    let never = open(Duration::ZERO);
    wait(|reply| never.sessions(reply)).unwrap();
    let often = open(Duration::from_millis(1));
    append_body(&often, SESSION, body("t", "normal", 1.0, "1")).unwrap();
    let rests_until = Instant::now() + Duration::from_millis(50);
    while Instant::now() < rests_until {
        assert_eq!(statistics(&often).archived, 0);
    }
    close(&never);
    let limit = Instant::now() + Duration::from_secs(20);
    while statistics(&often).deleted == 0 {
        assert!(Instant::now() < limit, "nothing was deleted");
    }
}

#[test]
fn a_file_that_exceeds_the_least_of_what_the_handles_were_told_is_closed() {
    let place = Place::new();
    let large = place.open();
    append(&large, SESSION, 1);
    let small = EventLog::open(LogOptions { max_file_bytes: 1, ..place.options() }).unwrap();
    append(&large, SESSION, 2);
    append(&large, SESSION, 3);
    assert_eq!(statistics(&large).files, 3);
    close(&small);
    append(&large, SESSION, 4);
    append(&large, SESSION, 5);
    assert_eq!(statistics(&large).files, 3, "nobody wants small ones any more");
}

#[test]
fn as_much_may_wait_as_one_of_the_handles_was_told() {
    let place = Place::new();
    let queue = |max_queue_bytes| EventLog::open(LogOptions { max_queue_bytes, ..place.options() }).unwrap();
    let little = queue(1);
    let much = queue(1 << 40);
    let answers: Vec<_> = (0..2_000)
        .map(|_| {
            let (reply, answer) = Reply::channel();
            little.append(SESSION.into(), body("t", "normal", now_ms(), "1"), None, None, reply);
            answer
        })
        .collect();
    assert!(answers.iter().all(|answer| answer.recv().unwrap().is_ok()), "nothing is refused");
    close(&much);
}

/// Half a megabyte, which waits until the log is open.
fn append_large(log: &EventLog) -> Receiver<Result<Receipt>> {
    let large = body("t", "normal", now_ms(), &format!("\"{}\"", "x".repeat(500_000)));
    let (reply, stored) = Reply::channel();
    log.append("large".into(), large, None, None, reply);
    stored
}

#[test]
fn a_handle_that_comes_while_the_queue_is_full_is_heard() {
    let place = Place::new();
    let little = LogOptions { max_queue_bytes: 1, ..place.options() };
    let log = EventLog::open(little.clone()).unwrap();
    let stored = append_large(&log);
    let keeper = EventLog::open(LogOptions { max_retention: DAY * 3650, ..little }).unwrap();
    stored.recv().unwrap().unwrap();
    assert_eq!(left_of_an_old_one(&log), 1, "it wants that kept");
    close(&keeper);
    close(&log);
}

#[test]
fn a_handle_closes_in_order_although_those_that_stay_would_have_let_in_less_than_is_queued() {
    let place = Place::new();
    let little = EventLog::open(LogOptions { max_queue_bytes: 1, ..place.options() }).unwrap();
    let much = place.open();
    let stored = append_large(&much);
    wait(|reply| much.close(reply)).unwrap();
    stored.try_recv().unwrap().unwrap();
    close(&little);
}
