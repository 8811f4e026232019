use std::{fs, path::PathBuf, thread, time::Instant};

use super::*;
use crate::event_log::{index::read, push_line, stamp::Stamp};

/// The directory of a log that nobody else writes.
struct Place {
    _directory: tempfile::TempDir,
    active: PathBuf,
    visitor: Visitor,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir(root.join("active")).unwrap();
        Self { active: root.join("active"), visitor: Visitor::new(Layout::new(&root)), _directory: directory }
    }

    /// A file with one event.
    fn write(&self, name: &str, id: &str, seq: u64) {
        let mut line = Vec::new();
        let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#;
        push_line(&mut line, seq, b"\"id\"", &format!("{id:?}"), body);
        fs::write(self.active.join(name), line).unwrap();
    }

    fn events(&self, id: &str) -> u64 {
        events(&self.visitor.session(id).unwrap().unwrap())
    }

    /// Until a change of the directory would show in its state.
    fn settle(&self) {
        let deadline = Instant::now() + std::time::Duration::from_secs(10);
        while cfg!(unix) && Stamp::of(&self.active).is_none() {
            assert!(Instant::now() < deadline, "the directory never stands still");
            thread::yield_now();
        }
    }
}

fn events(session: &Session) -> u64 {
    session.files().iter().map(|file| read(&file.entries).summary.count).sum()
}

/// How often the directory was listed meanwhile.
fn listings(work: impl FnOnce()) -> usize {
    let before = files::LISTED.get();
    work();
    files::LISTED.get() - before
}

#[test]
fn one_listing_serves_all_sessions() {
    let place = Place::new();
    for number in 0..50 {
        place.write(&format!("s{number}.1.jsonl"), &format!("s{number}"), 1);
        place.write(&format!("s{number}.jsonl"), &format!("s{number}"), 2);
        place.write(&format!("closed{number}.1.jsonl"), &format!("closed{number}"), 1);
    }
    // Right after a change, too, when the state of the directory tells nothing: one before, and one for what is closed meanwhile.
    for _ in 0..2 {
        let listed = listings(|| {
            let all = place.visitor.all().unwrap();
            assert_eq!((all.len(), all.iter().map(|session| events(session)).sum::<u64>()), (100, 150));
        });
        assert!(listed <= 2, "{listed} listings");
    }
}

#[cfg(unix)]
#[test]
fn a_session_that_rests_costs_no_listing_until_the_directory_changes() {
    let place = Place::new();
    let ids: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    for id in &ids {
        place.write(&format!("{id}.1.jsonl"), id, 1);
    }
    place.settle();
    let look = |expected: [u64; 20]| {
        listings(|| {
            let newest: Vec<u64> = ids.iter().map(|id| place.visitor.newest(id).unwrap()).collect();
            assert_eq!(newest, expected);
        })
    };
    assert_eq!(look([1; 20]), 1);
    assert_eq!(look([1; 20]), 0);
    let mut expected = [1; 20];
    // Closed at once, so that nobody sees it being written.
    place.write("s7.5.jsonl", "s7", 5);
    expected[7] = 5;
    assert!(look(expected) > 0);
    fs::remove_file(place.active.join("s7.1.jsonl")).unwrap();
    assert_eq!(place.events("s7"), 1);
    place.settle();
    assert!(look(expected) <= 1);
    assert_eq!(look(expected), 0);
    place.write("s3.jsonl", "s3", 2);
    expected[3] = 2;
    assert!(look(expected) > 0);
}
