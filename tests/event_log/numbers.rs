//! No number is handed out twice, also where nothing was written since it became doubtful which ones were.

use std::{fs, io::Write};

use smalltalk_native::durability::Durability;

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

/// The greatest number that JavaScript tells from its neighbours.
const GREATEST: u64 = (1 << 53) - 1;

/// Adds a line as another program may.
fn write_line(place: &Place, seq: u64) {
    let text = format!(r#"{{"seq":{seq},"sessionId":"{SESSION}","topic":"t","priority":"normal","timestamp":1"#);
    let line = format!("{text},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(text.as_bytes()));
    fs::OpenOptions::new().append(true).open(place.file()).unwrap().write_all(line.as_bytes()).unwrap();
    place.forget_the_close();
}

#[test]
fn what_is_no_number_costs_the_line_that_has_it_and_nothing_that_comes_later() {
    for seq in [GREATEST + 1, u64::MAX] {
        let place = Place::new();
        let log = place.open();
        append(&log, SESSION, 1);
        close(&log);
        write_line(&place, seq);
        let log = place.open();
        append(&log, SESSION, 2);
        append(&log, "other", 3);
        assert_eq!(statistics(&log).recovery.damaged.len(), 1);
        close(&log);
        let log = place.open();
        assert_eq!(payloads(&all(&log, SESSION)), [1, 2], "after {seq}");
        assert_eq!(payloads(&all(&log, "other")), [3], "after {seq}");
    }
}

#[test]
fn an_event_for_which_no_number_is_left_is_refused() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    close(&log);
    write_line(&place, GREATEST);
    let log = place.open();
    let refused = append_body(&log, SESSION, body("t", "normal", now_ms(), "2")).unwrap_err();
    assert_eq!(refused.code(), "ERR_IO");
    close(&log);
    let log = place.open();
    assert_eq!(statistics(&log).recovery.damaged.len(), 0);
    assert_eq!(append_body(&log, SESSION, body("t", "normal", now_ms(), "2")).unwrap_err().code(), "ERR_IO");
}

#[test]
fn a_session_that_has_used_up_all_numbers_is_alone_with_that() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    close(&log);
    write_line(&place, GREATEST);
    let log = place.open();
    assert!(append_body(&log, SESSION, body("t", "normal", now_ms(), "2")).is_err());
    append(&log, "other", 1);
    assert!(wait(|reply| log.erase(SESSION.into(), reply)).unwrap());
    append(&log, SESSION, 3);
    append(&log, "third", 1);
    close(&log);
    let log = place.open();
    assert!(statistics(&log).recovery.clean);
    for session in [SESSION, "other", "third", "fourth"] {
        append(&log, session, 4);
    }
    close(&log);
    // As an earlier version closed it.
    fs::write(place.root.join("closed.json"), format!(r#"{{"highestSeq":{GREATEST},"everywhere":true}}"#)).unwrap();
    let before = now_micros();
    let log = place.open();
    for session in [SESSION, "fifth"] {
        assert!(append(&log, session, 5).seq >= before);
    }
}

/// As an owner gives them whose clock is an hour ahead of that of the next one.
fn ahead() -> u64 {
    now_micros() + 3_600_000_000
}

#[test]
fn numbers_that_the_disk_has_lost_are_not_given_again_where_the_clock_is_behind() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    close(&log);
    write_line(&place, ahead());
    let log = place.open();
    append(&log, SESSION, 2);
    let kept = fs::metadata(place.file()).unwrap().len();
    let given = [3, 4, 5].map(|payload| append(&log, SESSION, payload).seq);
    let new = append(&log, "new", 1).seq;
    close(&log);
    // The power goes.
    fs::OpenOptions::new().write(true).open(place.file()).unwrap().set_len(kept).unwrap();
    fs::remove_file(place.active().join("new.jsonl")).unwrap();
    place.forget_the_close();
    let log = place.open();
    assert!(append(&log, SESSION, 6).seq > given[2]);
    assert!(append(&log, "new", 2).seq > new);
}

#[test]
fn a_number_that_somebody_has_acknowledged_is_not_given_again_where_its_event_is_lost() {
    let place = Place::new();
    let log = place.open();
    append(&log, "other", 1);
    let consumer = log.consumer(SESSION.into(), "mailer".into(), Durability::Power).unwrap();
    wait(|reply| consumer.open(reply)).unwrap();
    // Any number may be acknowledged; one of which time knows nothing means nothing.
    let (seen, nonsense) = (ahead(), GREATEST);
    wait(|reply| consumer.acknowledge(seen, reply)).unwrap();
    let mad = log.consumer("other".into(), "mad".into(), Durability::Power).unwrap();
    wait(|reply| mad.open(reply)).unwrap();
    wait(|reply| mad.acknowledge(nonsense, reply)).unwrap();
    drop((consumer, mad));
    close(&log);
    place.forget_the_close();
    let log = place.open();
    let given = append(&log, SESSION, 2).seq;
    assert!(seen < given && given < nonsense / 2, "{given}");
}

#[test]
fn numbers_that_the_names_of_archived_files_tell_of_are_not_given_again_where_the_clock_is_behind() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    wait(|reply| log.cleanup(std::time::Duration::ZERO, reply)).unwrap();
    close(&log);
    fs::write(place.file(), "").unwrap();
    write_line(&place, ahead());
    let log = place.open();
    let used = append(&log, SESSION, 2).seq;
    wait(|reply| log.cleanup(std::time::Duration::ZERO, reply)).unwrap();
    assert!(names(&place.active()).is_empty(), "all is archived");
    close(&log);
    place.forget_the_close();
    let log = place.open();
    assert!(append(&log, SESSION, 3).seq > used);
}

#[test]
fn some_numbers_are_left_where_only_few_are() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    close(&log);
    write_line(&place, GREATEST - 100);
    for payload in 2..5 {
        let log = place.open();
        append(&log, SESSION, payload);
        close(&log);
        place.forget_the_close();
    }
}
