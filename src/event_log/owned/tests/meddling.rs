//! Others who lay hands on the files while the log is open. One look at their directory says for many of them that none did.

use std::{fs, path::Path, thread, time::Instant};

use super::*;
use crate::event_log::stamp::Stamp;

const LINE: &[u8] = b"{\"topic\":\"t\"}\n";

/// One event for each of two sessions, together: the error code of the first, where it is not stored.
fn append_both(owned: &mut Owned) -> Option<&'static str> {
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#;
    let (parcels, answers): (Vec<_>, Vec<_>) = ["s", "t"]
        .map(|session| {
            let (reply, answer) = Reply::channel();
            let append = Append { session: session.into(), body: body.into(), id: None, durability: None, reply };
            (append.into(), answer)
        })
        .into_iter()
        .unzip();
    owned.append(parcels);
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.recv().unwrap()).collect();
    assert!(outcomes[1].is_ok(), "{:?}", outcomes[1]);
    outcomes[0].as_ref().err().map(crate::error::Error::code)
}

/// Until a change of the directory would show in its state.
fn settle(active: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Stamp::of(active).is_none() {
        assert!(Instant::now() < deadline, "the directory never stands still");
        thread::yield_now();
    }
}

type Meddling = fn(&Path, &Path);

const MEDDLINGS: [(&str, Meddling); 7] = [
    ("removed", |file, _| fs::remove_file(file).unwrap()),
    ("moved away", |file, aside| fs::rename(file, aside).unwrap()),
    ("moved away, and a copy put in its place", |file, aside| {
        fs::rename(file, aside).unwrap();
        fs::copy(aside, file).unwrap();
    }),
    ("replaced by a copy", |file, aside| {
        fs::copy(file, aside).unwrap();
        fs::rename(aside, file).unwrap();
    }),
    ("cut", |file, _| fs::OpenOptions::new().write(true).open(file).unwrap().set_len(3).unwrap()),
    ("added to", |file, _| {
        let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, LINE).unwrap();
    }),
    ("in a directory that was moved away, and a copy put in its place", |file, aside| {
        let active = file.parent().unwrap();
        fs::rename(active, aside).unwrap();
        fs::create_dir(active).unwrap();
        fs::copy(aside.join("s.jsonl"), file).unwrap();
        // That of the other session is the very same.
        fs::hard_link(aside.join("t.jsonl"), active.join("t.jsonl")).unwrap();
    }),
];

#[cfg(unix)]
#[test]
fn a_directory_that_stands_still_answers_for_the_names_in_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append_both(&mut owned);
    settle(&owned.around.layout.active);
    let looks = |owned: &mut Owned| {
        let before = files::LOOKED.get();
        assert_eq!(append_both(owned), None);
        files::LOOKED.get() - before
    };
    assert_eq!([looks(&mut owned), looks(&mut owned), looks(&mut owned)], [2, 0, 0]);
    fs::write(owned.around.layout.active.join("something else"), "").unwrap();
    assert_eq!(looks(&mut owned), 2, "a name has come");
    settle(&owned.around.layout.active);
    assert_eq!([looks(&mut owned), looks(&mut owned)], [2, 0]);
}

#[test]
fn nothing_is_acknowledged_that_would_go_to_a_file_others_have_laid_hands_on() {
    for (what, meddle) in MEDDLINGS {
        for (before, after) in [(false, false), (true, false), (true, true)] {
            let directory = tempfile::TempDir::new().unwrap();
            let mut owned = open(&directory.path().join("events"));
            assert_eq!(append_both(&mut owned), None);
            if before {
                settle(&owned.around.layout.active);
                assert_eq!([append_both(&mut owned), append_both(&mut owned)], [None, None]);
            }
            let file = owned.around.layout.active.join("s.jsonl");
            meddle(&file, &directory.path().join("aside"));
            if after {
                settle(&owned.around.layout.active);
            }
            assert_eq!(append_both(&mut owned), Some("ERR_IO"), "{what}, settled before: {before}, after: {after}");
            assert_eq!(append_both(&mut owned), None, "{what}: it is read again");
            let all = fs::read(&file).unwrap();
            assert!(all.ends_with(b"\n"), "{what}: the event is in the file that has the name");
        }
    }
}

#[cfg(unix)]
#[test]
fn where_names_are_not_counted_they_are_looked_up() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append_both(&mut owned);
    settle(&owned.around.layout.active);
    files::UNCOUNTED.set(true);
    assert_eq!([(); 3].map(|()| append_both(&mut owned)), [None; 3]);
}

#[cfg(unix)]
#[test]
fn what_is_written_while_somebody_removes_the_lock_is_not_acknowledged() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        append(&mut owned, durability).unwrap();
        fs::remove_file(directory.path().join("lock")).unwrap();
        assert_eq!(append(&mut owned, durability).unwrap_err().code(), "ERR_INDETERMINATE");
    }
}
