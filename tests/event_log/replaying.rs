//! What a replay brings, and that nothing disturbs it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crossbeam_channel::{bounded, unbounded};
use smalltalk_native::{
    Result,
    durability::Durability,
    event_log::{EventLog, LogOptions, ReplayFilter},
    reply::Reply,
};

use crate::support::*;

fn some_events(place: &Place) -> EventLog {
    let log = EventLog::open(LogOptions { max_file_bytes: 400, ..place.options() }).unwrap();
    let now = now_ms();
    for number in 1..=30_u32 {
        let topic = ["a", "b", "c"][number as usize % 3];
        let priority = if number % 5 == 0 { "critical" } else { "normal" };
        append_body(&log, SESSION, body(topic, priority, now + f64::from(number), &number.to_string())).unwrap();
    }
    log
}

#[test]
fn every_filter_brings_what_it_says() {
    let place = Place::new();
    let log = some_events(&place);
    let first = replay(&log, SESSION, ReplayFilter { limit: Some(1), ..ReplayFilter::default() });
    let start = first[0]["timestamp"].as_f64().unwrap() - 1.0;
    let none = ReplayFilter::default;
    let cases: Vec<(&str, ReplayFilter, Vec<u64>)> = vec![
        ("all", none(), (1..=30).collect()),
        ("critical", ReplayFilter { critical_only: true, ..none() }, vec![5, 10, 15, 20, 25, 30]),
        ("since, inclusive", ReplayFilter { since: Some(start + 28.0), ..none() }, vec![28, 29, 30]),
        ("until, inclusive", ReplayFilter { until: Some(start + 2.0), ..none() }, vec![1, 2]),
        ("after a number, exclusive", ReplayFilter { after_seq: Some(28.0), ..none() }, vec![29, 30]),
        (
            "topics",
            ReplayFilter { topics: Some(vec!["a".into(), "x".into()]), limit: Some(3), ..none() },
            vec![3, 6, 9],
        ),
        ("no topic", ReplayFilter { topics: Some(vec![]), ..none() }, vec![]),
        ("last", ReplayFilter { last: Some(2), ..none() }, vec![29, 30]),
        (
            "last, then limit",
            ReplayFilter { critical_only: true, last: Some(3), limit: Some(2), ..none() },
            vec![20, 25],
        ),
        ("last none", ReplayFilter { last: Some(0), ..none() }, vec![]),
        ("limit none", ReplayFilter { limit: Some(0), ..none() }, vec![]),
        ("more than there is", ReplayFilter { last: Some(500), limit: Some(500), ..none() }, (1..=30).collect()),
        (
            "all together",
            ReplayFilter {
                since: Some(start + 3.0),
                until: Some(start + 27.0),
                after_seq: Some(6.0),
                topics: Some(vec!["a".into()]),
                last: Some(4),
                limit: Some(2),
                ..none()
            },
            vec![18, 21],
        ),
    ];
    for (what, filter, expected) in cases {
        assert_eq!(payloads(&replay(&log, SESSION, filter)), expected, "{what}");
    }
    assert!(all(&log, "nobody").is_empty());
}

#[test]
fn a_replay_is_fixed_by_its_first_piece_whatever_moves_under_it() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 20_000, ..place.options() }).unwrap();
    for payload in 0..2000 {
        let (reply, _) = Reply::channel();
        log.append(SESSION.into(), body("t", "normal", 1.0, &payload.to_string()), None, None, reply);
    }
    wait(|reply| log.flush(reply)).unwrap();
    let running = log.replay(SESSION.into(), ReplayFilter::default()).unwrap();
    let mut events: Vec<serde_json::Value> =
        serde_json::from_str(&wait(|reply| running.pull(reply)).unwrap().unwrap()).unwrap();
    assert!(events.len() < 2000);
    // Everything is closed and archived, then the archive is deleted, and more comes.
    let cleanup = || wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
    assert!(cleanup().archived > 5);
    assert!(cleanup().deleted > 5);
    append(&log, SESSION, 5000);
    while let Some(piece) = wait(|reply| running.pull(reply)).unwrap() {
        events.extend(serde_json::from_str::<Vec<serde_json::Value>>(&piece).unwrap());
    }
    assert_eq!(payloads(&events), (0..2000).collect::<Vec<_>>());
    assert_eq!(payloads(&all(&log, SESSION)), [5000]);
}

#[test]
fn whoever_asks_later_does_not_wait_for_all_that_a_replay_reads_of_the_archive() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 400, ..place.options() }).unwrap();
    for payload in 0..30 {
        append_body(&log, SESSION, body("t", "normal", 1.0, &payload.to_string())).unwrap();
    }
    assert!(wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap().archived > 5);
    append(&log, "live", 0);
    let consumer = log.consumer("live".into(), "c".into(), Durability::Process).unwrap();
    wait(|reply| consumer.open(reply)).unwrap();
    // The thread that reads is held up until all have asked.
    let held = log.replay("live".into(), ReplayFilter::default()).unwrap();
    let archived = log.replay(SESSION.into(), ReplayFilter { archived: true, ..ReplayFilter::default() }).unwrap();
    let (go_on, going_on) = bounded::<()>(0);
    held.pull(Reply::new(move |_| assert!(going_on.recv().is_err(), "nothing is sent")));
    let (tell, told) = unbounded();
    let (pulled, acknowledged) = (tell.clone(), tell);
    archived.pull(Reply::new(move |piece: Result<Option<String>>| {
        pulled.send(if piece.unwrap().unwrap().contains("\"seq\":1,") { "pulled" } else { "something else" }).unwrap();
    }));
    consumer.acknowledge(
        1,
        Reply::new(move |outcome: Result<()>| {
            acknowledged.send(if outcome.is_ok() { "acknowledged" } else { "not" }).unwrap()
        }),
    );
    drop(go_on);
    assert_eq!(told.iter().take(2).collect::<Vec<_>>(), ["acknowledged", "pulled"]);
    close(&log);
}

#[test]
fn each_replay_beside_a_writer_is_a_prefix_with_everything_acknowledged() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 2000, ..place.options() }).unwrap();
    append(&log, SESSION, 0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    let events = payloads(&all(&log, SESSION));
                    assert_eq!(events, (0..events.len() as u64).collect::<Vec<_>>());
                    assert!(events.len() >= seen);
                    seen = events.len();
                }
            });
        }
        for payload in 1..1500 {
            append(&log, SESSION, payload);
            if payload % 100 == 0 {
                assert_eq!(all(&log, SESSION).len() as u64, payload + 1);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn each_replay_beside_a_writer_whose_files_are_closed_and_archived_at_once_has_each_event_once() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 1, ..place.options() }).unwrap();
    let done = AtomicBool::new(false);
    let found = |archived| payloads(&replay(&log, SESSION, ReplayFilter { archived, ..ReplayFilter::default() }));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let events = found(true);
                assert_eq!(events, (0..events.len() as u64).collect::<Vec<_>>());
                assert!(events.len() >= seen);
                seen = events.len();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let events = found(false);
                assert!(events.windows(2).all(|two| two[0] + 1 == two[1]), "{events:?}");
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                wait(|reply| log.cleanup(Duration::from_millis(20), reply)).unwrap();
            }
        });
        for payload in 0..150 {
            append(&log, SESSION, payload);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(found(true), (0..150).collect::<Vec<_>>());
}

#[test]
fn a_replay_that_was_ended_brings_nothing_more() {
    let place = Place::new();
    let log = some_events(&place);
    let replay = log.replay(SESSION.into(), ReplayFilter::default()).unwrap();
    replay.release();
    assert_eq!(wait(|reply| replay.pull(reply)).unwrap(), None);
    close(&log);
    assert_eq!(log.replay(SESSION.into(), ReplayFilter::default()).err().unwrap().code(), "ERR_CLOSED");
}

/// Who follows a session of a thousand files would open all of them for each event.
#[test]
fn files_in_which_nothing_is_wanted_are_not_opened() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 300, ..place.options() }).unwrap();
    for number in 0..40 {
        append(&log, SESSION, number);
    }
    // What leads to itself cannot be opened, nor can a directory elsewhere. One that is not there would be skipped.
    let closed = place.active().join("s.1.jsonl");
    std::fs::remove_file(&closed).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&closed, &closed).unwrap();
    #[cfg(not(unix))]
    std::fs::create_dir(&closed).unwrap();
    let after = |seq| ReplayFilter { after_seq: Some(seq), ..ReplayFilter::default() };
    assert_eq!(payloads(&replay(&log, SESSION, after(38.0))), [38, 39]);
    let missing = log.replay(SESSION.into(), after(0.0)).unwrap();
    assert_eq!(wait(|reply| missing.pull(reply)).unwrap_err().code(), "ERR_IO");
}
