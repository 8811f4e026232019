//! Who may have a log open, and what becomes of it when they leave.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use smalltalk_native::{
    durability::Durability,
    event_log::{EventLog, ReplayFilter, push_line},
    reply::Reply,
};

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

/// The files below a directory that this process has open.
#[cfg(target_os = "linux")]
fn open_files(below: &std::path::Path) -> usize {
    let below = below.canonicalize().unwrap();
    let held = std::fs::read_dir("/proc/self/fd").unwrap();
    held.filter_map(|held| std::fs::read_link(held.unwrap().path()).ok())
        .filter(|file| file.starts_with(&below))
        .count()
}

#[test]
fn who_reads_many_sessions_holds_few_files_and_sees_what_becomes_of_each() {
    const SESSIONS: u64 = 600;
    let place = Place::new();
    let log = place.open();
    let id = |number: u64| format!("m{number}");
    for number in 0..SESSIONS {
        append(&log, &id(number), number);
    }
    close(&log);
    let visitor = EventLog::visit(&place.root).unwrap();
    for number in 0..SESSIONS {
        assert_eq!(payloads(&all(&visitor, &id(number))), [number]);
    }
    #[cfg(target_os = "linux")]
    assert!(open_files(&place.active()) <= 257, "{} files are open", open_files(&place.active()));
    let log = place.open();
    // As long as the one before, and perhaps under its identity.
    wait(|reply| log.erase(id(0), reply)).unwrap();
    append(&log, &id(0), 7);
    for number in 1..SESSIONS {
        append(&log, &id(number), number + 1000);
    }
    assert_eq!(payloads(&all(&visitor, &id(0))), [7]);
    for number in 1..SESSIONS {
        assert_eq!(payloads(&all(&visitor, &id(number))), [number, number + 1000]);
    }
}

#[test]
fn who_reads_counts_what_has_been_archived_no_longer() {
    let place = Place::new();
    let options = smalltalk_native::event_log::LogOptions { max_file_bytes: 300, ..place.options() };
    let log = EventLog::open(options).unwrap();
    for number in 0..20_u64 {
        let timestamp = if number < 15 { 1.0 } else { now_ms() };
        append_body(&log, SESSION, body("t", "normal", timestamp, &number.to_string())).unwrap();
    }
    let visitor = EventLog::visit(&place.root).unwrap();
    assert_eq!(statistics(&visitor).events, 20);
    let archived = wait(|reply| log.cleanup(std::time::Duration::from_secs(3600), reply)).unwrap().archived;
    assert!(archived > 0);
    let (ours, theirs) = (statistics(&visitor), statistics(&log));
    assert_eq!((ours.files, ours.events, ours.bytes), (theirs.files, theirs.events, theirs.bytes));
    assert_eq!(payloads(&all(&visitor, SESSION)), payloads(&all(&log, SESSION)));
}

#[test]
fn sessions_are_those_with_events_whoever_looks() {
    let place = Place::new();
    let log = place.open();
    append(&log, "one", 1);
    let long = body("t", "normal", now_ms(), &format!("\"{}\"", "x".repeat(100_000)));
    append_body(&log, "large", long).unwrap();
    append(&log, &"Long".repeat(100), 1);
    close(&log);
    // Nothing was ever written to it; its only line was never finished; it is somebody else's; another session's.
    let files = [("empty", ""), ("torn", "{\"seq\":1,\"id"), ("notes", "my own\n")];
    for (name, text) in files {
        std::fs::write(place.active().join(format!("{name}.jsonl")), text).unwrap();
    }
    std::fs::copy(place.active().join("one.jsonl"), place.active().join("copy.jsonl")).unwrap();
    let expected = ["Long".repeat(100), "large".into(), "one".into()];
    let visitor = EventLog::visit(&place.root).unwrap();
    assert_eq!(wait(|reply| visitor.sessions(reply)).unwrap(), expected);
    assert_eq!(statistics(&visitor).sessions, 3);
    let log = place.open();
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), expected);
    assert_eq!(statistics(&log).sessions, 3);
    append(&log, "torn", 1);
    assert!(wait(|reply| log.sessions(reply)).unwrap().contains(&"torn".to_owned()));
    assert!(wait(|reply| visitor.sessions(reply)).unwrap().contains(&"torn".to_owned()));
}

#[test]
fn who_reads_sees_what_was_written_where_a_failed_write_was_taken_back() {
    // So many go where two were: as long as what was there, or longer.
    for others in 2..=3 {
        let place = Place::new();
        std::fs::create_dir_all(place.active()).unwrap();
        let line = |seq: u64| {
            let mut bytes = Vec::new();
            push_line(&mut bytes, seq, b"\"id\"", "\"s\"", &body("t", "normal", 1.0, &seq.to_string()));
            bytes
        };
        let lines = |seqs: &[u64]| seqs.iter().flat_map(|seq| line(*seq)).collect::<Vec<u8>>();
        std::fs::write(place.file(), lines(&[1, 2, 3])).unwrap();
        let visitor = EventLog::visit(&place.root).unwrap();
        assert_eq!(payloads(&all(&visitor, SESSION)), [1, 2, 3]);
        let mut file = std::fs::OpenOptions::new().append(true).open(place.file()).unwrap();
        // Another moment than that of the first write, on a disk that tells few of them apart.
        let before = file.metadata().unwrap().modified().unwrap();
        file.set_len(line(1).len() as u64).unwrap();
        std::io::Write::write_all(&mut file, &lines(&[4, 5, 6][..others])).unwrap();
        file.set_modified(before + std::time::Duration::from_secs(1)).unwrap();
        let after = ReplayFilter { after_seq: Some(3.0), ..ReplayFilter::default() };
        assert_eq!(payloads(&replay(&visitor, SESSION, after)), [4, 5, 6][..others]);
        assert_eq!(payloads(&all(&visitor, SESSION)), [&[1], &[4, 5, 6][..others]].concat());
    }
}

#[test]
fn reading_everything_again_misses_no_file_that_is_closed_meanwhile() {
    let place = Place::new();
    let options = smalltalk_native::event_log::LogOptions { max_file_bytes: 300, ..place.options() };
    let log = EventLog::open(options).unwrap();
    append(&log, SESSION, 0);
    let acknowledged = AtomicU64::new(1);
    let visitor = EventLog::visit(&place.root).unwrap();
    // Where files cannot be told apart, who does not own them cannot know.
    let readers = [&log, if cfg!(unix) { &visitor } else { &log }];
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 1..600 {
                append(&log, SESSION, number);
                acknowledged.store(number + 1, Ordering::Release);
            }
        });
        while !writing.is_finished() {
            for reader in readers {
                let before = acknowledged.load(Ordering::Acquire);
                let report = wait(|reply| reader.verify(Some(SESSION.into()), reply)).unwrap();
                assert!(report.events >= before, "{} events of {before}", report.events);
                assert!(report.damaged.is_empty(), "{:?}", report.damaged);
                let before = acknowledged.load(Ordering::Acquire);
                let counted = statistics(reader).events;
                assert!(counted >= before, "{counted} events of {before} are counted");
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn who_reads_one_session_beside_a_verification_of_all_misses_no_file_that_is_closed_meanwhile() {
    let place = Place::new();
    let options = smalltalk_native::event_log::LogOptions { max_file_bytes: 300, ..place.options() };
    let log = &EventLog::open(options).unwrap();
    // Before and behind the one that is read, so that files of it are closed between the listing and its turn.
    for number in 0..300 {
        append(log, &format!("{}{number}", if number % 2 == 0 { "a" } else { "z" }), number);
    }
    append(log, SESSION, 0);
    let visitor = &EventLog::visit(&place.root).unwrap();
    thread::scope(|scope| {
        let (turn, turns) = std::sync::mpsc::sync_channel(0);
        // About a file at a time, and then the reader has its turn: it may also be outrun.
        let writing = scope.spawn(move || {
            for number in 1..300 {
                append(log, SESSION, number);
                if number % 3 == 0 && turns.recv().is_err() {
                    return;
                }
            }
        });
        let verifying = scope.spawn(move || {
            while !writing.is_finished() {
                let report = wait(|reply| visitor.verify(None, reply)).unwrap();
                assert!(report.damaged.is_empty(), "{:?}", report.damaged);
            }
        });
        let mut last = 0;
        while !verifying.is_finished() {
            let seen = seqs(&all(visitor, SESSION));
            assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "a replay");
            // As a tail does.
            #[expect(clippy::cast_precision_loss, reason = "it is small")]
            let after = ReplayFilter { after_seq: Some(last as f64), ..ReplayFilter::default() };
            let more = seqs(&replay(visitor, SESSION, after));
            assert_eq!(more, (last + 1..=last + more.len() as u64).collect::<Vec<_>>(), "a tail");
            last += more.len() as u64;
            let _ = turn.send(());
        }
    });
    assert_eq!(payloads(&all(visitor, SESSION)), (0..300).collect::<Vec<_>>());
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
