//! Who reads a log that somebody else writes to.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use smalltalk_native::event_log::{EventLog, LogOptions, ReplayFilter, push_line};

use crate::support::*;

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
    let options = LogOptions { max_file_bytes: 300, ..place.options() };
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
    let options = LogOptions { max_file_bytes: 300, ..place.options() };
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
    let options = LogOptions { max_file_bytes: 300, ..place.options() };
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
fn who_reads_tells_what_is_damaged_and_whether_the_last_owner_left_in_order() {
    let place = Place::new();
    let visitor = EventLog::visit(&place.root).unwrap();
    assert!(statistics(&visitor).recovery.clean, "there was none");
    let log = EventLog::open(LogOptions { max_file_bytes: 1000, ..place.options() }).unwrap();
    (1..=30).for_each(|payload| drop(append(&log, SESSION, payload)));
    assert!(!statistics(&visitor).recovery.clean, "it is being written");
    close(&log);
    let files: Vec<_> = names(&place.active()).into_iter().map(|name| place.active().join(name)).collect();
    let recovery = statistics(&visitor).recovery;
    assert_eq!((recovery.clean, recovery.events, recovery.damaged.len()), (true, 30, 0));
    let flip = |file: &std::path::Path, at: usize| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes[at] ^= 1;
        std::fs::write(file, bytes).unwrap();
    };
    flip(&files[1], 40);
    flip(&place.file(), 40);
    // It is told once, whoever looks how often: also whoever had read the files before.
    let late = EventLog::visit(&place.root).unwrap();
    for _ in 0..2 {
        assert_eq!(all(&late, SESSION).len(), 28);
        let recovery = statistics(&late).recovery;
        assert_eq!(recovery.events, 28);
        let mut told: Vec<_> = recovery.damaged.iter().map(|damage| damage.file.clone()).collect();
        told.sort();
        let expected = [&files[1], &place.file()].map(|file| file.file_name().unwrap().to_string_lossy().into_owned());
        assert_eq!(told, expected);
        let verified = wait(|reply| late.verify(None, reply)).unwrap().damaged;
        let places = |found: &[smalltalk_native::event_log::Damage]| -> Vec<_> {
            let mut places: Vec<_> = found.iter().map(|one| (one.file.clone(), one.offset, one.bytes)).collect();
            places.sort();
            places
        };
        assert_eq!(places(&recovery.damaged).len(), places(&verified).len());
        assert!(recovery.damaged.iter().all(|damage| damage.copy.is_none()), "it touches nothing");
    }
    assert!(!place.root.join("quarantine").exists());
    place.forget_the_close();
    assert!(!statistics(&late).recovery.clean);
}

#[test]
fn who_reads_tells_what_is_damaged_of_what_has_come_since() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    let visitor = EventLog::visit(&place.root).unwrap();
    assert_eq!(all(&visitor, SESSION).len(), 1);
    let mut bytes = std::fs::read(place.file()).unwrap();
    let start = bytes.len() as u64;
    (2..=4).for_each(|payload| drop(append(&log, SESSION, payload)));
    close(&log);
    bytes = std::fs::read(place.file()).unwrap();
    bytes[usize::try_from(start).unwrap() + 30] ^= 1;
    std::fs::write(place.file(), &bytes).unwrap();
    assert_eq!(payloads(&all(&visitor, SESSION)), [1, 3, 4]);
    let [damage] = &statistics(&visitor).recovery.damaged[..] else { panic!("one line") };
    assert_eq!((damage.file.as_str(), damage.offset), ("s.jsonl", start));
}

#[test]
fn who_reads_takes_no_index_that_was_copied_with_its_file() {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 300_000, ..place.options() }).unwrap();
    let text = format!("\"{}\"", "x".repeat(3000));
    for _ in 0..200 {
        append_body(&log, SESSION, body("t", "normal", now_ms(), &text)).unwrap();
    }
    close(&log);
    let (active, index) = (place.active(), place.root.join("index"));
    for (file, copy) in
        [(active.join("s.1.jsonl"), "s.1-1.jsonl"), (index.join("s.1.jsonl.index"), "s.1-1.jsonl.index")]
    {
        let copy = file.with_file_name(copy);
        std::fs::copy(&file, &copy).unwrap();
        let written = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::File::options().write(true).open(&copy).unwrap().set_modified(written).unwrap();
    }
    let visitor = EventLog::visit(&place.root).unwrap();
    let found = seqs(&all(&visitor, SESSION));
    assert_eq!(found, (1..=200).collect::<Vec<_>>());
    let told = statistics(&visitor).recovery.damaged;
    assert_eq!(told.len(), 1, "one of them is no file of the session: {told:?}");
}
