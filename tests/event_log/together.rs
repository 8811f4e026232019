//! Events of one turn: stored in order, answered in one, and each failure its own.

use smalltalk_native::{
    Error,
    event_log::{EventLog, Together, TogetherOutcome},
};

use crate::support::*;

fn store(log: &EventLog, sessions: &[&str], events: &[(u32, String)]) -> smalltalk_native::Result<TogetherOutcome> {
    wait(|reply| {
        log.append_together(Together {
            sessions: sessions.iter().map(ToString::to_string).collect(),
            places: Some(events.iter().map(|(place, _)| *place).collect()),
            bodies: events.iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>().join("\n"),
            durability: None,
            receipts: true,
            reply,
        });
    })
}

fn event(payload: usize) -> String {
    body("t", "critical", 1.0, &payload.to_string())
}

fn stored_in(log: &EventLog, session: &str) -> Vec<u64> {
    payloads(&all(log, session))
}

#[test]
fn each_goes_to_its_session_in_order() {
    let place = Place::new();
    let log = place.open();
    let events: Vec<_> = (0..300).map(|at| (u32::try_from(at % 3).unwrap(), event(at))).collect();
    let stored = store(&log, &["a", "b", "c"], &events).unwrap();
    assert!(stored.unstored.is_empty());
    for (session, first) in [("a", 0), ("b", 1), ("c", 2)] {
        assert_eq!(stored_in(&log, session), (0..100).map(|at| at * 3 + first).collect::<Vec<_>>());
        let receipts = stored.receipts.iter().skip(usize::try_from(first).unwrap()).step_by(3);
        assert_eq!(seqs(&all(&log, session)), receipts.flatten().map(|receipt| receipt.seq).collect::<Vec<_>>());
    }
}

#[test]
fn those_that_cannot_be_stored_are_named_and_the_others_are_stored() {
    let place = Place::new();
    let log = place.open();
    let events = [(0, event(0)), (0, "no event".to_owned()), (7, event(2)), (0, event(3))];
    let TogetherOutcome { receipts, mut unstored } = store(&log, &[SESSION], &events).unwrap();
    assert_eq!(receipts.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, true]);
    unstored.sort_by_key(|unstored| unstored.index);
    assert_eq!(unstored.iter().map(|unstored| unstored.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(stored_in(&log, SESSION), [0, 3]);
}

#[test]
fn a_log_that_is_closed_stores_none_of_them() {
    let place = Place::new();
    let log = place.open();
    close(&log);
    assert!(matches!(store(&log, &[SESSION], &[(0, event(0))]), Err(Error::Closed(_))));
}
