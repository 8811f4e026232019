//! A cleanup of many files holds nobody up.

use std::{sync::mpsc, time::Duration};

use smalltalk_native::{
    Result,
    event_log::{CleanupReport, EventLog},
    reply::Reply,
};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);
/// More files than are moved between two answers.
const MANY: usize = 500;

/// What an answer was to, and its outcome where it was that of a cleanup.
type Answer = (&'static str, Option<Result<CleanupReport>>);

/// A log of many sessions that are old enough to be archived.
fn many(place: &Place) -> EventLog {
    let log = place.open();
    let answers: Vec<_> = (0..MANY)
        .map(|number| {
            let (reply, answer) = Reply::channel();
            let old = body("t", "normal", now_ms() - 25.0 * 3_600_000.0, "1");
            log.append(format!("old-{number}"), old, None, None, reply);
            answer
        })
        .collect();
    assert!(answers.iter().all(|answer| answer.recv().unwrap().is_ok()));
    log
}

/// Asks for all of it at once: the writer comes to nothing before everything is asked for. Gives the answers in their order.
fn answers(log: &EventLog, ask: impl FnOnce(&mpsc::Sender<Answer>)) -> Vec<Answer> {
    let (go_on, going_on) = mpsc::channel::<()>();
    log.flush(Reply::new(move |_| going_on.recv().unwrap()));
    let (tell, told) = mpsc::channel();
    ask(&tell);
    drop(tell);
    go_on.send(()).unwrap();
    told.iter().collect()
}

fn telling<T>(tell: &mpsc::Sender<Answer>, what: &'static str) -> Reply<T> {
    let tell = tell.clone();
    Reply::new(move |outcome: Result<T>| {
        outcome.unwrap();
        tell.send((what, None)).unwrap();
    })
}

fn cleaning(tell: &mpsc::Sender<Answer>) -> Reply<CleanupReport> {
    let tell = tell.clone();
    Reply::new(move |outcome| tell.send(("cleanup", Some(outcome))).unwrap())
}

fn order(answers: &[Answer]) -> Vec<&str> {
    answers.iter().map(|(what, _)| *what).collect()
}

fn reports(answers: Vec<Answer>) -> Vec<CleanupReport> {
    answers.into_iter().filter_map(|(_, outcome)| outcome.map(|outcome| outcome.unwrap())).collect()
}

#[test]
fn what_is_asked_for_during_a_cleanup_of_many_files_is_answered_before_it_ends() {
    let place = Place::new();
    let log = many(&place);
    let answers = answers(&log, |tell| {
        log.cleanup(HOUR, cleaning(tell));
        log.append(SESSION.into(), body("t", "normal", now_ms(), "1"), None, None, telling(tell, "append"));
        log.statistics(telling(tell, "statistics"));
    });
    assert_eq!(order(&answers), ["append", "statistics", "cleanup"]);
    assert_eq!(reports(answers), [CleanupReport { archived: MANY as u64, deleted: 0, bytes_freed: 0 }]);
    assert_eq!(names(&place.active()), ["s.jsonl"]);
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), [SESSION]);
    assert_eq!(statistics(&log).archived, MANY as u64);
}

#[test]
fn cleanups_that_are_asked_for_at_once_share_the_work_and_an_erase_comes_in_between() {
    let place = Place::new();
    let log = many(&place);
    let answers = answers(&log, |tell| {
        log.cleanup(HOUR, cleaning(tell));
        log.cleanup(HOUR * 24 * 30, cleaning(tell));
        log.cleanup(HOUR, cleaning(tell));
        log.erase("old-7".into(), telling(tell, "erase"));
        log.append("old-8".into(), body("t", "normal", now_ms(), "1"), None, None, telling(tell, "append"));
    });
    assert_eq!(order(&answers), ["erase", "append", "cleanup", "cleanup", "cleanup"]);
    let archived: Vec<_> = reports(answers).iter().map(|report| report.archived).collect();
    assert!(archived[0] + 2 >= MANY as u64 && archived[1..] == [0, 0], "{archived:?}");
    assert_eq!(all(&log, "old-8").last().unwrap()["payload"], 1, "what came in between is kept");
    assert!(names(&place.active()).iter().all(|name| name.starts_with("old-8.")));
}

#[test]
fn a_close_ends_a_cleanup_that_tells_what_it_has_done_and_the_next_one_does_the_rest() {
    let place = Place::new();
    let log = many(&place);
    let answers = answers(&log, |tell| {
        log.cleanup(HOUR, cleaning(tell));
        log.close(telling(tell, "close"));
    });
    assert_eq!(order(&answers), ["cleanup", "close"]);
    let first = reports(answers)[0].archived;
    let left = names(&place.active()).len() as u64;
    assert!(left > 0, "the close has waited for the whole cleanup");
    assert_eq!(first + left, MANY as u64);
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    assert_eq!(statistics(&log).events, left);
    assert_eq!(wait(|reply| log.cleanup(HOUR, reply)).unwrap().archived, left);
}
