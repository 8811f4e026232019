//! Numbers, files and limits.

use std::{collections::HashSet, fs, time::Duration};

use proptest::prelude::*;
use smalltalk_native::{
    durability::Durability,
    event_log::{LogOptions, MAX_EVENT_BYTES},
    reply::Reply,
};

use crate::support::*;

#[test]
fn an_event_comes_back_as_it_was_with_number_id_and_session() {
    let place = Place::new();
    let log = place.open();
    let text = r#"{"topic":"t","priority":"critical","timestamp":12.5,"payload":{"a":[1,"\u2028"]},"agentId":"x"}"#;
    let receipt = wait(|reply| log.append("a/b".into(), text.into(), Some("mine".into()), None, reply)).unwrap();
    let events = all(&log, "a/b");
    let mut expected: serde_json::Value = serde_json::from_str(text).unwrap();
    expected["seq"] = receipt.seq.into();
    expected["id"] = "mine".into();
    expected["sessionId"] = "a/b".into();
    assert_eq!(events, [expected]);
    assert_eq!(names(&place.active()), ["a%2fb.jsonl"]);
}

#[test]
fn numbers_go_on_after_a_close_in_order_and_leap_after_any_other_end() {
    let place = Place::new();
    for expected in [1, 2, 3] {
        let log = place.open();
        assert_eq!(append(&log, SESSION, 0).seq, expected);
        close(&log);
    }
    place.forget_the_close();
    let before = now_micros();
    let log = place.open();
    assert!(append(&log, SESSION, 0).seq >= before);
    assert!(append(&log, "a new one", 0).seq >= before);
    assert!(!statistics(&log).recovery.clean);
    close(&log);
    let log = place.open();
    let last = append(&log, SESSION, 0).seq;
    assert!(last >= before);
    assert!(statistics(&log).recovery.clean);
    assert_eq!(seqs(&all(&log, SESSION)).len(), 5);
}

#[test]
fn no_number_is_handed_out_twice_whatever_is_torn_off() {
    let place = Place::new();
    let mut used = HashSet::new();
    for round in 0_u64..12 {
        let log = place.open();
        for payload in 0..3 {
            assert!(used.insert(append(&log, SESSION, payload).seq), "round {round}");
        }
        close(&log);
        if round % 2 == 0 {
            let bytes = fs::read(place.file()).unwrap();
            fs::write(place.file(), &bytes[..bytes.len() - 100]).unwrap();
        }
        if round % 3 == 0 {
            place.forget_the_close();
        }
    }
}

#[test]
fn a_full_file_is_closed_and_the_next_one_begun() {
    let place = Place::new();
    let options = LogOptions { max_file_bytes: 1000, ..place.options() };
    let log = smalltalk_native::event_log::EventLog::open(options.clone()).unwrap();
    for payload in 0..100 {
        append(&log, SESSION, payload);
    }
    let files = names(&place.active());
    assert!(files.len() > 5, "{files:?}");
    assert!(files.contains(&"s.1.jsonl".to_owned()) && files.contains(&"s.jsonl".to_owned()), "{files:?}");
    for name in &files {
        assert!(fs::metadata(place.active().join(name)).unwrap().len() < 1300);
    }
    assert_eq!(payloads(&all(&log, SESSION)), (0..100).collect::<Vec<_>>());
    close(&log);
    let log = smalltalk_native::event_log::EventLog::open(options).unwrap();
    assert_eq!(append(&log, SESSION, 100).seq, 101);
    assert_eq!(payloads(&all(&log, SESSION)), (0..=100).collect::<Vec<_>>());
}

#[test]
fn one_batch_may_fill_several_files() {
    let place = Place::new();
    let log =
        smalltalk_native::event_log::EventLog::open(LogOptions { max_file_bytes: 500, ..place.options() }).unwrap();
    let mut answers = Vec::new();
    for payload in 0..200 {
        let (reply, answer) = Reply::channel();
        let durability = (payload % 2 == 0).then_some(Durability::Power);
        log.append(SESSION.into(), body("t", "normal", now_ms(), &payload.to_string()), None, durability, reply);
        answers.push(answer);
    }
    let given: Vec<u64> = answers.iter().map(|answer| answer.recv().unwrap().unwrap().seq).collect();
    assert_eq!(given, (1..=200).collect::<Vec<_>>());
    assert_eq!(payloads(&all(&log, SESSION)), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_queue_that_is_full_says_so_and_an_event_may_be_too_large() {
    let place = Place::new();
    let log =
        smalltalk_native::event_log::EventLog::open(LogOptions { max_queue_bytes: 2000, ..place.options() }).unwrap();
    let mut answers = Vec::new();
    for _ in 0..200 {
        let (reply, answer) = Reply::channel();
        log.append(SESSION.into(), body("t", "normal", 1.0, "1"), None, Some(Durability::Power), reply);
        answers.push(answer);
    }
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.recv().unwrap()).collect();
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert!(refused > 0 && refused < 200);
    assert!(outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| error.code() == "ERR_BACKPRESSURE"));
    assert_eq!(all(&log, SESSION).len(), 200 - refused);
    let large = append_body(&log, SESSION, " ".repeat(MAX_EVENT_BYTES + 1)).unwrap_err();
    assert_eq!(large.code(), "ERR_VALUE_TOO_LARGE");
}

#[test]
fn a_body_that_is_no_event_is_refused_and_its_neighbours_land() {
    let place = Place::new();
    let log = place.open();
    let bodies =
        [body("t", "normal", 1.0, "1"), "{}".into(), body("t", "odd", 1.0, "1"), body("t", "normal", 1.0, "2")];
    let answers = bodies.map(|body| {
        let (reply, answer) = Reply::channel();
        log.append(SESSION.into(), body, None, None, reply);
        answer
    });
    let codes = answers.map(|answer| answer.recv().unwrap().err().map(|error| error.code()));
    assert_eq!(codes, [None, Some("ERR_OPTION_INVALID"), Some("ERR_OPTION_INVALID"), None]);
    assert_eq!(seqs(&all(&log, SESSION)), [1, 2]);
}

#[test]
#[cfg(unix)]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    close(&log);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.root), mode(&place.active())), (0o700, 0o700));
    for name in ["lock", "closed.json", "metadata.json"] {
        assert_eq!(mode(&place.root.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&place.file()), 0o600);
}

#[test]
fn a_write_that_fails_is_answered_and_the_log_goes_on() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    // A directory where the file of another session should be.
    fs::create_dir(place.active().join("other.jsonl")).unwrap();
    let failed = append_body(&log, "other", body("t", "normal", 1.0, "1")).unwrap_err();
    assert_eq!(failed.code(), "ERR_IO");
    fs::remove_dir(place.active().join("other.jsonl")).unwrap();
    append(&log, "other", 2);
    assert_eq!(payloads(&all(&log, "other")), [2]);
    assert_eq!(payloads(&all(&log, SESSION)), [1]);
}

#[test]
#[cfg(unix)]
fn a_file_that_somebody_takes_away_is_noticed_by_the_next_write() {
    type Interfere = fn(&std::path::Path);
    let cases: [(&str, Interfere, &[u64]); 4] = [
        ("removed", |file| fs::remove_file(file).unwrap(), &[4]),
        ("moved away", |file| fs::rename(file, file.with_extension("mine")).unwrap(), &[4]),
        ("cut", |file| fs::OpenOptions::new().write(true).open(file).unwrap().set_len(100).unwrap(), &[4]),
        (
            "replaced by a copy",
            |file| {
                fs::copy(file, file.with_extension("copy")).unwrap();
                fs::rename(file.with_extension("copy"), file).unwrap();
            },
            &[1, 2, 4],
        ),
    ];
    for (what, interfere, left) in cases {
        for at_rest in [false, true] {
            let place = Place::new();
            let log = place.open();
            append(&log, SESSION, 1);
            let last = append(&log, SESSION, 2).seq;
            if at_rest {
                // Closes the handles of files that wait for nothing.
                wait(|reply| log.flush(reply)).unwrap();
                wait(|reply| log.cleanup(Duration::from_secs(3600), reply)).unwrap();
            }
            interfere(&place.file());
            let before = now_micros();
            let refused = wait(|reply| {
                let durability = Some(Durability::Power);
                log.append(SESSION.into(), body("t", "normal", now_ms(), "3"), None, durability, reply);
            });
            assert_eq!(refused.unwrap_err().code(), "ERR_IO", "{what}, at rest: {at_rest}");
            let next = append(&log, SESSION, 4).seq;
            assert!(next >= before && next > last, "{what}: no number is handed out twice");
            assert_eq!(payloads(&all(&log, SESSION)), left, "{what}, at rest: {at_rest}");
            close(&log);
            assert_eq!(payloads(&all(&place.open(), SESSION)), left, "{what}, at rest: {at_rest}");
        }
    }
}

#[test]
fn a_file_that_was_put_in_place_of_one_is_never_moved_as_ours() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    fs::remove_file(place.file()).unwrap();
    fs::write(place.file(), "mine").unwrap();
    let report = wait(|reply| log.cleanup(Duration::ZERO, reply)).unwrap();
    assert_eq!(report.archived, 0);
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "mine");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let place = Place::new();
    let wrong = LogOptions { max_retention: Duration::ZERO, ..place.options() };
    assert_eq!(smalltalk_native::event_log::EventLog::open(wrong).err().unwrap().code(), "ERR_OPTION_INVALID");
    assert!(!place.root.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_event_of_any_session_comes_back_also_after_reopening(
        events in prop::collection::vec(("[^\\x00]{1,100}", "\\PC{0,20}", "(?s).{0,200}", any::<bool>()), 1..12),
    ) {
        let place = Place::new();
        let log = place.open();
        let mut expected: Vec<(String, serde_json::Value)> = Vec::new();
        for (session, topic, payload, critical) in events {
            let priority = if critical { "critical" } else { "normal" };
            let mut event = serde_json::json!({ "topic": topic, "priority": priority, "timestamp": 5.5, "payload": payload });
            let receipt = append_body(&log, &session, event.to_string()).unwrap();
            event["seq"] = receipt.seq.into();
            event["id"] = receipt.id.into();
            event["sessionId"] = session.clone().into();
            expected.push((session, event));
        }
        let check = |log: &smalltalk_native::event_log::EventLog| {
            for (session, _) in &expected {
                let wanted: Vec<_> = expected.iter().filter(|(of, _)| of == session).map(|(_, event)| event.clone()).collect();
                assert_eq!(all(log, session), wanted);
            }
        };
        check(&log);
        close(&log);
        check(&place.open());
    }
}
