//! A disk that does not answer one who reads: nobody else waits for it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, bounded};

use super::*;
use crate::event_log::checkpoint::WORTH_IT;

/// Nobody who is not held up takes that long.
const LONG: Duration = Duration::from_secs(20);

/// A log whose session `s` has a large file, so that its events are read from an index, and whose session `other` has one event.
struct Place {
    directory: tempfile::TempDir,
    log: Arc<EventLog>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let filler = "x".repeat(usize::try_from(WORTH_IT).unwrap());
        let log = open(directory.path());
        wait(|reply| log.append("s".into(), body(&filler), None, None, reply)).unwrap();
        wait(|reply| log.append("other".into(), body(""), None, None, reply)).unwrap();
        wait(|reply| log.close(reply)).unwrap();
        let log = Arc::new(open(directory.path()));
        wait(|reply| log.sessions(reply)).unwrap();
        Self { directory, log }
    }

    /// Does something that may not wait, on a thread of its own, and gives what it said.
    fn at_once<T: Send + 'static>(&self, work: impl FnOnce(&EventLog) -> T + Send + 'static) -> Option<T> {
        let (tell, told) = bounded(1);
        let log = Arc::clone(&self.log);
        thread::spawn(move || tell.send(work(&log)));
        told.recv_timeout(LONG).ok()
    }

    fn append(&self, session: &str) -> Receiver<Result<Receipt>> {
        let (reply, answer) = Reply::channel();
        self.log.append(session.into(), body(""), None, None, reply);
        answer
    }

    /// A replay of `s` that waits for what has the name of a file, until what this gives is dropped.
    fn hold_up(&self, file: &str) -> Held {
        let path = self.directory.path().join(file);
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let held = self.log.replay("s".into(), ReplayFilter::default()).unwrap();
        let (reply, answer) = Reply::channel();
        held.pull(reply);
        Held { silent: wait_for_a_reader(&path), answer, _replay: held }
    }
}

struct Held {
    silent: File,
    answer: Receiver<Result<Option<String>>>,
    _replay: Replay,
}

impl Held {
    /// The disk answers again: how many events the replay brings.
    fn events(self) -> usize {
        assert!(self.answer.try_recv().is_err(), "it was not held up");
        drop(self.silent);
        let piece = self.answer.recv_timeout(LONG).unwrap().unwrap();
        piece.map_or(0, |piece| piece.matches("\"seq\":").count())
    }
}

fn open(directory: &Path) -> EventLog {
    let options =
        LogOptions { cleanup_interval: Duration::ZERO, max_file_bytes: 2 * WORTH_IT, ..LogOptions::new(directory) };
    EventLog::open(options).unwrap()
}

fn body(payload: &str) -> String {
    format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":"{payload}"}}"#)
}

/// From then on that reader waits for what is written, and nothing is.
fn wait_for_a_reader(path: &PathBuf) -> File {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Ok(file) => return file,
            // Nobody reads yet.
            Err(_) => thread::yield_now(),
        }
    }
}

const INDEX: &str = "index/s.jsonl.index";

#[test]
fn the_newest_number_of_a_session_is_told_while_its_index_does_not_answer() {
    let place = Place::new();
    let held = place.hold_up(INDEX);
    assert_eq!(place.at_once(|log| log.last_seq("s")), Some(Some(1)));
    assert_eq!(held.events(), 1);
}

#[test]
fn a_wait_is_called_off_and_others_go_on_while_an_index_does_not_answer() {
    let place = Place::new();
    let held = place.hold_up(INDEX);
    let wait_for = |session: &str, ticket| {
        let (reply, answer) = Reply::channel();
        place.log.wait(session.into(), 1, ticket, reply);
        answer
    };
    let (other, same) = (wait_for("other", 1), wait_for("s", 2));
    // They are begun once this is answered.
    let (reply, begun) = Reply::channel();
    place.log.sessions(reply);
    let begun = begun.recv_timeout(LONG);
    assert!(place.at_once(|log| log.end_wait(1)).is_some());
    assert_eq!(other.recv_timeout(LONG).unwrap().unwrap_err().code(), "ERR_CLOSED");
    assert!(begun.unwrap().is_ok());
    place.log.end_wait(2);
    assert_eq!(same.recv_timeout(LONG).unwrap().unwrap_err().code(), "ERR_CLOSED");
    assert_eq!(held.events(), 1);
}

#[test]
fn events_of_other_sessions_are_taken_while_an_index_does_not_answer() {
    let place = Place::new();
    let held = place.hold_up(INDEX);
    let (reply, counted) = Reply::channel();
    place.log.statistics(reply);
    assert_eq!(place.append("other").recv_timeout(LONG).unwrap().unwrap().seq, 2);
    assert_eq!(counted.recv_timeout(LONG).unwrap().unwrap().events, 2);
    assert_eq!(held.events(), 1);
}

#[test]
fn what_was_added_while_an_index_did_not_answer_stays() {
    let place = Place::new();
    let held = place.hold_up(INDEX);
    // Whoever writes reads it as well; to him the disk answers.
    fs::remove_file(place.directory.path().join(INDEX)).unwrap();
    assert_eq!(place.append("s").recv_timeout(LONG).unwrap().unwrap().seq, 2);
    // The first is a piece by itself.
    assert_eq!(held.events(), 1);
    assert_eq!(wait(|reply| place.log.statistics(reply)).unwrap().events, 3);
    let after = ReplayFilter { after_seq: Some(1.0), ..ReplayFilter::default() };
    let rest = place.log.replay("s".into(), after).unwrap();
    let piece = wait(|reply| rest.pull(reply)).unwrap().unwrap();
    assert!(piece.starts_with(r#"[{"seq":2,"#), "{piece}");
    assert_eq!(place.log.last_seq("s"), Some(2));
}
