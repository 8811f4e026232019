//! No number is handed out twice, also where nothing was written since it became doubtful which ones were.

use std::fs;

use crate::support::*;

#[test]
fn numbers_that_leapt_and_were_not_used_leap_again() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    append(&log, "other", 1);
    close(&log);
    place.forget_the_close();
    // Whatever the disk lost of the events of that owner, their numbers stay used.
    let before = now_micros();
    close(&{
        let log = place.open();
        statistics(&log);
        log
    });
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    assert!(append(&log, SESSION, 2).seq >= before);
    assert!(append(&log, "other", 2).seq >= before);
    close(&log);
    let log = place.open();
    let (third, fourth) = (append(&log, SESSION, 3).seq, append(&log, SESSION, 4).seq);
    assert_eq!(fourth, third + 1, "it has calmed down");
}

#[test]
fn a_file_without_an_event_does_not_begin_anew() {
    let place = Place::new();
    let log = place.open();
    let used = append(&log, SESSION, 1).seq.max(append(&log, SESSION, 2).seq);
    wait(|reply| log.cleanup(std::time::Duration::ZERO, reply)).unwrap();
    assert!(names(&place.active()).is_empty(), "all is archived");
    close(&log);
    // As an owner leaves it that could open the file and not write to it.
    fs::write(place.file(), "").unwrap();
    let log = place.open();
    assert!(append(&log, SESSION, 3).seq > used);
}
