//! A file that cannot be read costs its own session, which says so, and only as long as it cannot.

use std::{fs, path::PathBuf};

use smalltalk_native::{
    Result,
    event_log::{EventLog, LogOptions},
};

use crate::support::*;

/// A log of two sessions that was closed in order.
fn written(long: &str) -> Place {
    let place = Place::new();
    let log = EventLog::open(LogOptions { max_file_bytes: 200, ..place.options() }).unwrap();
    for payload in 1..=3 {
        append(&log, SESSION, payload);
        append(&log, "bad", payload);
        append(&log, long, payload);
    }
    close(&log);
    place
}

/// The first file of a session can only be opened by nobody, until this is undone.
struct Unreadable {
    file: PathBuf,
    aside: PathBuf,
}

impl Unreadable {
    fn make(place: &Place, prefix: &str) -> Self {
        let name = names(&place.active()).into_iter().find(|name| name.starts_with(prefix)).unwrap();
        let (file, aside) = (place.active().join(name), place.root.join("aside"));
        fs::rename(&file, &aside).unwrap();
        // It leads to itself.
        std::os::unix::fs::symlink(&file, &file).unwrap();
        Self { file, aside }
    }

    fn undo(self) {
        fs::remove_file(&self.file).unwrap();
        fs::rename(&self.aside, &self.file).unwrap();
    }
}

fn try_append(log: &EventLog, session: &str, payload: u64) -> Result<u64> {
    append_body(log, session, body("t", "normal", now_ms(), &payload.to_string())).map(|receipt| receipt.seq)
}

fn code<T>(outcome: Result<T>) -> &'static str {
    outcome.err().map_or("fine", |error| error.code())
}

fn try_replay(log: &EventLog, session: &str) -> Result<Option<String>> {
    let replay = log.replay(session.into(), Default::default()).unwrap();
    wait(|reply| replay.pull(reply))
}

#[cfg(unix)]
#[test]
fn a_session_that_cannot_be_read_says_so_and_no_other_one_minds() {
    let long = "Long ".repeat(100);
    for bad in ["bad", &long] {
        let place = written(&long);
        let prefix = if bad == "bad" { "bad." } else { "%4cong" };
        let unreadable = Unreadable::make(&place, prefix);
        let log = place.open();
        assert_eq!(payloads(&all(&log, SESSION)), [1, 2, 3]);
        assert!(append(&log, SESSION, 4).seq > 3);
        append(&log, "new", 1);
        for _ in 0..2 {
            assert_eq!(code(try_replay(&log, bad)), "ERR_IO");
            assert_eq!(code(try_append(&log, bad, 4)), "ERR_IO");
            assert_eq!(code(wait(|reply| log.wait(bad.into(), 0, 1, reply))), "ERR_IO");
            assert_eq!(code(wait(|reply| log.verify(Some(bad.into()), reply))), "ERR_IO");
            assert_eq!(code(wait(|reply| log.verify(None, reply))), "ERR_IO");
            wait(|reply| log.flush(reply)).unwrap();
        }
        let sessions = wait(|reply| log.sessions(reply)).unwrap();
        assert_eq!(sessions.iter().any(|id| id == bad), bad == "bad", "its name says whose it is: {sessions:?}");
        assert_eq!(statistics(&log).events, 3 * 2 + 2);
        close(&log);
        assert!(!names(&place.root).contains(&"closed.json".to_owned()), "nobody knows the numbers that it has used");
        // It can be read again while the log is open; whoever asks finds it.
        let log = place.open();
        assert_eq!(code(try_replay(&log, bad)), "ERR_IO");
        unreadable.undo();
        let before = now_micros();
        assert_eq!(payloads(&all(&log, bad)), [1, 2, 3]);
        assert!(try_append(&log, bad, 4).unwrap() <= now_micros());
        assert!(try_append(&log, bad, 5).unwrap() >= before, "its numbers have leapt");
        assert_eq!(payloads(&all(&log, bad)), [1, 2, 3, 4, 5]);
        close(&log);
        let log = place.open();
        assert!(statistics(&log).recovery.clean);
        assert_eq!(payloads(&all(&log, bad)), [1, 2, 3, 4, 5]);
    }
}

#[cfg(unix)]
#[test]
fn an_event_for_a_session_that_could_not_be_read_has_it_read() {
    let place = written("other");
    let unreadable = Unreadable::make(&place, "bad.");
    let log = place.open();
    append(&log, SESSION, 4);
    unreadable.undo();
    assert!(try_append(&log, "bad", 4).unwrap() > 3);
    assert_eq!(payloads(&all(&log, "bad")), [1, 2, 3, 4]);
    assert_eq!(wait(|reply| log.wait("bad".into(), 0, 1, reply)).unwrap(), all(&log, "bad")[3]["seq"]);
    close(&log);
    assert!(statistics(&place.open()).recovery.clean);
}

#[cfg(unix)]
#[test]
fn a_session_that_cannot_be_read_can_be_erased() {
    let place = written("other");
    drop(Unreadable::make(&place, "bad."));
    let log = place.open();
    assert_eq!(code(try_replay(&log, "bad")), "ERR_IO");
    let before = now_micros();
    assert!(wait(|reply| log.erase("bad".into(), reply)).unwrap());
    assert_eq!(try_replay(&log, "bad").unwrap(), None);
    assert!(try_append(&log, "bad", 1).unwrap() >= before, "nobody knows which numbers were used");
    assert_eq!(payloads(&all(&log, "bad")), [1]);
    close(&log);
    assert!(statistics(&place.open()).recovery.clean);
}

#[test]
fn a_directory_is_no_file_of_a_session() {
    let place = written("other");
    for name in ["notes.jsonl", "notes.5.jsonl", "bad.2-1.jsonl"] {
        fs::create_dir(place.active().join(name)).unwrap();
    }
    let visitor = EventLog::visit(&place.root).unwrap();
    for log in [place.open(), visitor] {
        assert_eq!(payloads(&all(&log, "bad")), [1, 2, 3]);
        assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), ["bad", "other", SESSION]);
        assert!(all(&log, "notes").is_empty());
    }
    let log = place.open();
    assert_eq!(code(try_append(&log, "notes", 1)), "ERR_IO");
    assert!(append(&log, "bad", 4).seq > 3);
    close(&log);
}

#[test]
fn damage_that_cannot_be_copied_aside_is_skipped_and_copied_by_a_later_opening() {
    let place = Place::new();
    let log = place.open();
    for payload in 1..=3 {
        append(&log, SESSION, payload);
    }
    close(&log);
    let mut bytes = fs::read(place.file()).unwrap();
    bytes[40] ^= 1;
    fs::write(place.file(), &bytes).unwrap();
    // Nothing can be put into it.
    fs::write(place.root.join("quarantine"), "").unwrap();
    let log = place.open();
    assert_eq!(payloads(&all(&log, SESSION)), [2, 3]);
    let [damage] = &statistics(&log).recovery.damaged[..] else { panic!("one range") };
    assert_eq!((damage.offset, &damage.copy), (0, &None));
    append(&log, SESSION, 4);
    close(&log);
    fs::remove_file(place.root.join("quarantine")).unwrap();
    let log = place.open();
    let [damage] = &statistics(&log).recovery.damaged[..] else { panic!("one range") };
    let copy = fs::read(place.root.join(damage.copy.as_ref().unwrap())).unwrap();
    assert_eq!(copy.len() as u64, damage.bytes);
    assert!(bytes.starts_with(&copy));
}

#[test]
fn a_copy_that_was_cut_short_does_not_pass_for_the_whole() {
    let place = Place::new();
    let log = place.open();
    append(&log, SESSION, 1);
    append(&log, SESSION, 2);
    close(&log);
    let mut bytes = fs::read(place.file()).unwrap();
    bytes[40] ^= 1;
    fs::write(place.file(), &bytes).unwrap();
    let copy_of = |log: &EventLog| place.root.join(statistics(log).recovery.damaged[0].copy.as_ref().unwrap());
    let log = place.open();
    let copy = copy_of(&log);
    close(&log);
    let whole = fs::read(&copy).unwrap();
    // As somebody left it who was killed while he wrote it, and as he leaves it now.
    fs::write(&copy, &whole[..10]).unwrap();
    let temporary = place.root.join("quarantine/.s.2.0.damaged.0.tmp");
    fs::write(&temporary, &whole[..10]).unwrap();
    for _ in 0..2 {
        let log = place.open();
        assert_eq!(fs::read(copy_of(&log)).unwrap(), whole);
        close(&log);
        assert!(!temporary.exists());
    }
    assert_eq!(names(&place.root.join("quarantine")).len(), 2, "what was there, and the whole");
}
