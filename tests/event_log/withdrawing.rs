//! What has waited for too long and has not been begun is withdrawn: it is never written, and nothing else is touched.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use proptest::prelude::*;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    event_log::{EventLog, ReplayFilter, Together},
    reply::{Reply, Tag},
};

use crate::support::*;

/// Holds up a thread in an answer that it gives, until it is dropped.
struct HeldUp(#[expect(dead_code, reason = "that it is there is all it does")] Sender<()>);

fn held_up<T: 'static>(ask: impl FnOnce(Reply<T>)) -> HeldUp {
    let (hold, go_on) = bounded::<()>(0);
    let (begun, is_held) = bounded(1);
    ask(Reply::new(move |_| {
        begun.send(()).unwrap();
        go_on.recv().unwrap_err();
    }));
    is_held.recv().unwrap();
    HeldUp(hold)
}

fn writer_held_up(log: &EventLog) -> HeldUp {
    held_up(|reply| log.statistics(reply))
}

/// An event or several, and what became of them.
struct Asked {
    tag: Tag,
    bytes: usize,
    payloads: Vec<u64>,
    answer: Receiver<Result<()>>,
}

fn reply<T: Send + 'static>(tag: Tag) -> (Reply<T>, Receiver<Result<()>>) {
    let (sender, answer) = bounded(1);
    let reply = Reply::new(move |outcome: Result<T>| sender.send(outcome.map(drop)).unwrap());
    (reply.tagged(Some(tag)), answer)
}

fn ask_one(log: &EventLog, tag: Tag, durability: Durability) -> Asked {
    let text = body("t", "normal", 1.0, &tag.to_string());
    let (bytes, (reply, answer)) = (text.len(), reply(tag));
    log.append(SESSION.into(), text, None, Some(durability), reply);
    Asked { tag, bytes, payloads: vec![tag], answer }
}

fn ask_several(log: &EventLog, tag: Tag, count: u64) -> Asked {
    let payloads: Vec<_> = (0..count).map(|at| tag * 1_000 + at).collect();
    let texts: Vec<_> = payloads.iter().map(|payload| body("t", "normal", 1.0, &payload.to_string())).collect();
    let (bodies, (reply, answer)) = (texts.join("\n"), reply(tag));
    let (sessions, places, bytes) = (vec![SESSION.into()], None, bodies.len());
    log.append_together(Together {
        sessions,
        places,
        bodies,
        durability: None,
        receipts: tag.is_multiple_of(2),
        reply,
    });
    Asked { tag, bytes, payloads, answer }
}

fn is_withdrawn(asked: &Asked) -> bool {
    matches!(asked.answer.try_recv(), Ok(Err(Error::Timeout(_))))
}

#[derive(Debug, Clone)]
enum Step {
    HoldUp,
    GoOn,
    One(bool),
    Several(u64),
    /// Of what has not been answered, what has a bit here.
    Withdraw(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::HoldUp),
        1 => Just(Step::GoOn),
        4 => any::<bool>().prop_map(Step::One),
        2 => (1..5_u64).prop_map(Step::Several),
        2 => any::<u64>().prop_map(Step::Withdraw),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn while_the_writer_is_held_up_exactly_what_is_withdrawn_is_never_there(steps in steps()) {
        let place = Place::new();
        let log = place.open();
        let mut held = None;
        let mut waiting: Vec<Asked> = Vec::new();
        let mut expected = Vec::new();
        for (tag, step) in (1..).zip(steps) {
            match step {
                Step::HoldUp if held.is_none() => {
                    for asked in waiting.drain(..) {
                        asked.answer.recv().unwrap().unwrap();
                        expected.extend(asked.payloads);
                    }
                    while log.queued_bytes() > 0 {
                        thread::yield_now();
                    }
                    held = Some(writer_held_up(&log));
                }
                Step::GoOn => drop(held.take()),
                Step::One(power) => {
                    waiting.push(ask_one(&log, tag, if power { Durability::Power } else { Durability::Process }));
                }
                Step::Several(count) => waiting.push(ask_several(&log, tag, count)),
                Step::Withdraw(bits) if held.is_some() => {
                    let picked = |asked: &Asked| bits >> (asked.tag % 64) & 1 == 1;
                    log.withdraw(&waiting.iter().filter(|asked| picked(asked)).map(|asked| asked.tag).collect());
                    let (gone, left) = waiting.into_iter().partition(picked);
                    waiting = left;
                    prop_assert!(gone.iter().all(is_withdrawn));
                    prop_assert!(waiting.iter().all(|asked: &Asked| asked.answer.is_empty()));
                    prop_assert_eq!(log.queued_bytes(), waiting.iter().map(|asked| asked.bytes).sum::<usize>());
                }
                Step::HoldUp | Step::Withdraw(_) => {}
            }
        }
        drop(held);
        for asked in waiting {
            asked.answer.recv().unwrap().unwrap();
            expected.extend(asked.payloads);
        }
        let found = all(&log, SESSION);
        prop_assert_eq!(payloads(&found), expected);
        prop_assert!(seqs(&found).is_sorted_by(|a, b| a < b));
        close(&log);
    }
}

#[test]
fn what_is_withdrawn_while_the_writer_works_is_withdrawn_or_written_and_never_both() {
    let place = Place::new();
    let log = place.open();
    let over = AtomicBool::new(false);
    let asked: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            let every_third: HashSet<Tag> = (0..6_000_u64).filter(|tag| tag.is_multiple_of(3)).collect();
            while !over.load(Ordering::Acquire) {
                log.withdraw(&every_third);
            }
        });
        // Many are on their way at a time: while one batch is written the next ones wait.
        let asked = (0..6_000).map(|tag| match tag % 100 {
            0..50 => ask_one(&log, tag, Durability::Process),
            50 => ask_one(&log, tag, Durability::Power),
            _ => ask_several(&log, tag, 2),
        });
        let asked = asked.collect();
        wait(|reply| log.flush(reply)).unwrap();
        over.store(true, Ordering::Release);
        asked
    });
    let mut expected = Vec::new();
    let mut withdrawn = 0;
    for one in asked {
        match one.answer.recv().unwrap() {
            Ok(()) => expected.extend(one.payloads),
            Err(Error::Timeout(_)) if one.tag.is_multiple_of(3) => withdrawn += 1,
            Err(error) => panic!("{}: {error}", one.tag),
        }
    }
    assert!(withdrawn > 0, "nothing was withdrawn");
    assert_eq!(payloads(&all(&log, SESSION)), expected);
    close(&log);
}

#[test]
fn what_waits_for_the_log_to_open_is_withdrawn() {
    let place = Place::new();
    let before = place.open();
    append(&before, SESSION, 0);
    let held = writer_held_up(&before);
    before.close(Reply::new(drop));
    // It opens when the one before it has closed.
    let log = place.open();
    let asked: Vec<_> = (1..=4).map(|tag| ask_one(&log, tag, Durability::Process)).collect();
    let mut gone = HashSet::from([1, 3]);
    // Its thread may not have begun to wait.
    while !gone.is_empty() {
        log.withdraw(&gone);
        gone.retain(|tag| !is_withdrawn(&asked[usize::try_from(tag - 1).unwrap()]));
    }
    drop(held);
    for tag in [2, 4] {
        asked[tag - 1].answer.recv().unwrap().unwrap();
    }
    assert_eq!(payloads(&all(&log, SESSION)), [0, 2, 4]);
}

#[test]
fn where_all_that_waited_for_a_failing_opening_was_withdrawn_the_next_call_tries_again() {
    let place = Place::new();
    let before = place.open();
    append(&before, SESSION, 0);
    let held = writer_held_up(&before);
    before.close(Reply::new(drop));
    let log = place.open();
    let asked = ask_one(&log, 1, Durability::Process);
    while !is_withdrawn(&asked) {
        log.withdraw(&HashSet::from([1]));
        thread::yield_now();
    }
    // What it finds keeps it from opening.
    let lock = place.root.join("lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    drop(held);
    assert!(append_body(&log, SESSION, body("t", "normal", 1.0, "2")).is_err());
    std::fs::remove_dir(&lock).unwrap();
    append(&log, SESSION, 3);
    assert_eq!(payloads(&all(&log, SESSION)), [0, 3]);
}

#[test]
fn an_acknowledgement_that_is_withdrawn_moves_nothing_and_a_close_is_never_withdrawn() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 0);
    let consumer = log.consumer(SESSION.into(), "mailer".into(), Durability::Process).unwrap();
    assert_eq!(wait(|reply| consumer.open(reply)).unwrap(), 0);
    let replay = log.replay(SESSION.into(), ReplayFilter::default()).unwrap();
    let held = held_up(|reply| replay.pull(reply));
    let ((acknowledging, acknowledged), (closing, closed), (pulling, pulled)) = (reply(1), reply(2), reply(3));
    consumer.acknowledge(1, acknowledging);
    consumer.close(closing);
    replay.pull(pulling);
    log.withdraw(&HashSet::from([1, 2, 3]));
    for withdrawn in [acknowledged, pulled] {
        assert!(matches!(withdrawn.try_recv(), Ok(Err(Error::Timeout(_)))));
    }
    assert!(closed.is_empty());
    drop(held);
    closed.recv().unwrap().unwrap();
    let again = log.consumer(SESSION.into(), "mailer".into(), Durability::Process).unwrap();
    assert_eq!(wait(|reply| again.open(reply)).unwrap(), 0);
}
