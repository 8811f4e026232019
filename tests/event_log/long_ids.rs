//! A session whose name is too long to say whose files it has: damage costs it what it costs any other one.

use std::fs;

use smalltalk_native::event_log::{EventLog, LogOptions};

use crate::support::*;

fn ids() -> [String; 2] {
    [SESSION.to_owned(), "顧客との打ち合わせの記録と次の作業の計画について".to_owned()]
}

/// A log of one session with so many events that was closed in order, and its files, the oldest first.
fn written(id: &str, events: u64, max_file_bytes: u64) -> (Place, Vec<std::path::PathBuf>) {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes, ..place.options() }).unwrap();
    (1..=events).for_each(|payload| drop(append(&log, id, payload)));
    close(&log);
    let files = names(&place.active()).into_iter().map(|name| place.active().join(name)).collect();
    (place, files)
}

/// What an owner finds and whoever only reads, now and when the log is opened again, with an event added in between.
fn assert_goes_on(place: &Place, id: &str, left: &[u64]) {
    let before = now_micros();
    let visitor = EventLog::visit(&place.root).unwrap();
    assert_eq!(payloads(&all(&visitor, id)), left, "{id}: who reads");
    let expected = if left.is_empty() { vec![] } else { vec![id.to_owned()] };
    if !left.is_empty() {
        assert_eq!(wait(|reply| visitor.sessions(reply)).unwrap(), expected);
    }
    let log = place.open();
    assert_eq!(payloads(&all(&log, id)), left, "{id}");
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), expected);
    let found = statistics(&log).recovery;
    assert_eq!((found.events, found.damaged.len(), found.torn.len()), (left.len() as u64, 1, 0), "{id}");
    assert!(append(&log, id, 98).seq >= before, "{id}: what is damaged may have had the next number");
    append(&log, id, 99);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1, "{id}: it is told once");
    close(&log);
    let log = place.open();
    assert_eq!(payloads(&all(&log, id)), [left, &[98, 99]].concat(), "{id}");
}

#[test]
fn a_line_of_another_session_at_its_head_costs_no_other_one() {
    for id in ids() {
        let (place, files) = written(&id, 100, u64::MAX);
        let (_other, others) = written("other", 1, u64::MAX);
        let bytes = [fs::read(&others[0]).unwrap(), fs::read(&files[0]).unwrap()].concat();
        fs::write(&files[0], bytes).unwrap();
        assert_goes_on(&place, &id, &(1..=100).collect::<Vec<_>>());
    }
}

#[test]
fn one_without_an_event_that_is_whole_goes_on() {
    for id in ids() {
        let (place, files) = written(&id, 1, u64::MAX);
        let mut bytes = fs::read(&files[0]).unwrap();
        bytes[40] ^= 1;
        fs::write(&files[0], bytes).unwrap();
        assert_goes_on(&place, &id, &[]);
    }
}

#[test]
fn one_whose_first_page_never_reached_the_disk_goes_on() {
    for id in ids() {
        let (place, files) = written(&id, 3, u64::MAX);
        let length = fs::metadata(&files[0]).unwrap().len();
        fs::write(&files[0], [vec![0; 4096], b"\n".to_vec()].concat()).unwrap();
        assert!(length < 4096);
        assert_goes_on(&place, &id, &[]);
    }
}

#[test]
fn one_whose_closed_files_are_damaged_goes_on() {
    for id in ids() {
        // The file being written is gone, and the only closed one is damaged; then one is whole.
        for whole in [0, 1] {
            let (place, files) = written(&id, 2 + whole, 1);
            fs::remove_file(files.last().unwrap()).unwrap();
            let mut bytes = fs::read(&files[0]).unwrap();
            bytes[40] ^= 1;
            fs::write(&files[0], bytes).unwrap();
            let left: Vec<u64> = (2..2 + whole).collect();
            assert_goes_on(&place, &id, &left);
        }
    }
}

#[test]
fn one_whose_only_line_was_never_finished_goes_on() {
    for id in ids() {
        let (place, files) = written(&id, 1, u64::MAX);
        let bytes = fs::read(&files[0]).unwrap();
        fs::write(&files[0], &bytes[..bytes.len() / 2]).unwrap();
        let log = place.open();
        append(&log, &id, 2);
        assert_eq!(payloads(&all(&log, &id)), [2], "{id}");
        let found = statistics(&log).recovery;
        assert_eq!((found.torn.len(), found.damaged.len()), (1, 0), "{id}");
        close(&log);
        assert_eq!(payloads(&all(&place.open(), &id)), [2], "{id}");
    }
}

#[test]
fn one_that_is_erased_before_anybody_writes_to_it_begins_above_what_it_may_have_had() {
    for id in ids() {
        let (place, files) = written(&id, 1, u64::MAX);
        let mut bytes = fs::read(&files[0]).unwrap();
        bytes[40] ^= 1;
        fs::write(&files[0], bytes).unwrap();
        let before = now_micros();
        let log = place.open();
        assert!(wait(|reply| log.erase(id.clone(), reply)).unwrap());
        assert!(names(&place.active()).is_empty());
        assert!(append(&log, &id, 2).seq >= before, "{id}");
    }
}
