//! Who may have a log open, and what becomes of it when they leave.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use smalltalk_native::{durability::Durability, event_log::EventLog, reply::Reply};

use crate::support::*;

#[test]
fn handles_of_one_process_share_one_writer_by_real_path() {
    let place = Place::new();
    let one = place.open();
    append(&one, SESSION, 1);
    let detour = smalltalk_native::event_log::LogOptions::new(place.root.join("../events/./"));
    let two = EventLog::open(detour).unwrap();
    assert_eq!(append(&two, SESSION, 2).seq, 2);
    close(&one);
    close(&one);
    let (reply, answer) = Reply::channel();
    one.append(SESSION.into(), body("t", "normal", 1.0, "1"), None, None, reply);
    assert_eq!(answer.recv().unwrap().unwrap_err().code(), "ERR_CLOSED");
    assert_eq!(append(&two, SESSION, 3).seq, 3);
    assert_eq!(payloads(&all(&two, SESSION)), [1, 2, 3]);
}

#[test]
fn opening_and_closing_in_many_threads_at_once_loses_nothing() {
    let place = Place::new();
    thread::scope(|scope| {
        for worker in 0..4_u64 {
            let place = &place;
            scope.spawn(move || {
                for round in 0..25 {
                    let log = place.open();
                    append(&log, &format!("w{worker}"), round);
                    if round % 2 == 0 {
                        close(&log);
                    }
                }
            });
        }
    });
    let log = place.open();
    for worker in 0..4 {
        let events = all(&log, &format!("w{worker}"));
        assert_eq!(payloads(&events), (0..25).collect::<Vec<_>>());
        assert_eq!(seqs(&events), (1..=25).collect::<Vec<_>>(), "every close was in order");
    }
}

#[test]
fn a_forgotten_handle_closes_in_order() {
    let place = Place::new();
    drop({
        let log = place.open();
        append(&log, SESSION, 1);
        log
    });
    let log = place.open();
    assert_eq!(append(&log, SESSION, 2).seq, 2);
    assert!(statistics(&log).recovery.clean);
}

#[test]
fn a_handle_that_was_never_used_hides_nobody_who_is_still_closing() {
    let place = Place::new();
    for round in 1..=5 {
        let first = place.open();
        assert_eq!(append(&first, SESSION, 0).seq, round);
        drop(first);
        drop(place.open());
    }
    assert_eq!(append(&place.open(), SESSION, 0).seq, 6);
}

#[test]
fn draining_closes_in_order_and_waits() {
    let place = Place::new();
    let log = place.open();
    let (reply, answer) = Reply::channel();
    log.append(SESSION.into(), body("t", "normal", 1.0, "1"), None, None, reply);
    assert!(log.drain(std::time::Duration::from_secs(5)));
    assert!(answer.try_recv().unwrap().is_ok());
    assert!(names(&place.root).contains(&"closed.json".to_owned()));
}

const DIRECTORY: &str = "EVENT_LOG_TEST_DIRECTORY";

/// Not a test: the second process of the one below, which runs it with `--ignored`.
#[test]
#[ignore = "runs as a child process"]
fn child_that_holds_the_log() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let log = EventLog::open(smalltalk_native::event_log::LogOptions::new(directory)).unwrap();
    append(&log, SESSION, 1);
    println!("\nholding");
    // Until it is killed.
    std::io::stdin().lines().next();
}

fn holder(place: &Place) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sharing::child_that_holds_the_log", "--ignored", "--nocapture"])
        .env(DIRECTORY, &place.root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("holding")), "the child never opened the log");
    child
}

#[test]
fn a_second_process_is_told_who_owns_the_log_until_the_owner_is_gone_however_it_went() {
    let place = Place::new();
    let mut child = holder(&place);
    let log = place.open();
    let refused = append_body(&log, SESSION, body("t", "normal", 1.0, "2")).unwrap_err();
    assert_eq!((refused.code(), refused.owner(), refused.retryable()), ("ERR_LOCKED", Some(child.id()), true));
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap_err().code(), "ERR_LOCKED");
    let before = now_micros();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(append(&log, SESSION, 2).seq >= before, "the same handle tries again, and numbers leap");
    assert_eq!(payloads(&all(&log, SESSION)), [1, 2]);
    assert!(!statistics(&log).recovery.clean);
}

#[test]
fn draining_waits_for_a_close_that_is_under_way() {
    for others in 0..2 {
        let place = Place::new();
        let log = place.open();
        let _others: Vec<_> = (0..others).map(|_| place.open()).collect();
        let answers: Vec<_> = (0..2_000)
            .map(|number| {
                let (reply, answer) = Reply::channel();
                let text = body("t", "normal", 1.0, &number.to_string());
                log.append(SESSION.into(), text, None, Some(Durability::Power), reply);
                answer
            })
            .collect();
        log.close(Reply::new(drop));
        assert!(log.drain(std::time::Duration::from_secs(60)));
        for answer in answers {
            answer.try_recv().unwrap().unwrap();
        }
    }
}
