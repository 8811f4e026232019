use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::event_log::{index::read, push_line};

mod moving;

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
        write(&self.active, name, id, seq);
    }

    /// As soon as this thread has listed the directory, the owner closes the file with event 2 of `s` and begins another one.
    #[cfg(unix)]
    fn close_meanwhile(&self) {
        let active = self.active.clone();
        files::MEANWHILE.set(Some(Box::new(move || close(&active))));
    }

    /// The numbers of the events of `s`.
    fn seqs(&self) -> Vec<u64> {
        seqs(&self.visitor.session("s").unwrap().unwrap())
    }

    fn events(&self, id: &str) -> u64 {
        events(&self.visitor.session(id).unwrap().unwrap())
    }

    /// Until a change of the directory would show in its state.
    #[cfg(unix)]
    fn settle(&self) {
        use std::time::{Duration, Instant};
        let deadline = Instant::now() + Duration::from_secs(10);
        while crate::event_log::stamp::Stamp::of(&self.active).is_none() {
            assert!(Instant::now() < deadline, "the directory never stands still");
            std::thread::yield_now();
        }
    }

    /// How many files without a name are held.
    #[cfg(target_os = "linux")]
    fn held_in_vain(&self) -> usize {
        let held = fs::read_dir("/proc/self/fd").unwrap();
        let held = held.filter_map(|held| fs::read_link(held.unwrap().path()).ok());
        held.filter(|file| file.starts_with(&self.active) && file.to_string_lossy().ends_with("(deleted)")).count()
    }
}

fn write(active: &Path, name: &str, id: &str, seq: u64) {
    let mut line = Vec::new();
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#;
    push_line(&mut line, seq, b"\"id\"", &format!("{id:?}"), body);
    fs::write(active.join(name), line).unwrap();
}

/// Closes the file with event 2 of `s`, and begins one with event 3.
#[cfg(unix)]
fn close(active: &Path) {
    fs::rename(active.join("s.jsonl"), active.join("s.2.jsonl")).unwrap();
    write(active, "s.jsonl", "s", 3);
}

fn seqs(session: &Session) -> Vec<u64> {
    session
        .files()
        .iter()
        .flat_map(|file| read(&file.entries).list.iter().map(|entry| entry.seq).collect::<Vec<_>>())
        .collect()
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

#[cfg(target_os = "linux")]
#[test]
fn files_of_sessions_that_are_gone_are_let_go_by_whatever_lists_the_directory() {
    type Look = fn(&Visitor);
    let looks: [(&str, Look); 3] = [
        ("the ids", |visitor| assert_eq!(visitor.ids().unwrap(), ["new", "stays"])),
        ("all", |visitor| assert_eq!(visitor.all().unwrap().len(), 2)),
        ("a session that is new", |visitor| assert!(visitor.session("new").unwrap().is_some())),
    ];
    for (name, look) in looks {
        let place = Place::new();
        for id in ["stays", "goes", "went"] {
            place.write(&format!("{id}.jsonl"), id, 1);
            assert_eq!(place.events(id), 1);
        }
        for id in ["goes", "went"] {
            fs::remove_file(place.active.join(format!("{id}.jsonl"))).unwrap();
        }
        place.write("new.jsonl", "new", 1);
        assert_eq!(place.held_in_vain(), 2);
        look(&place.visitor);
        assert_eq!(place.held_in_vain(), 0, "{name}");
        assert!(place.visitor.session("goes").unwrap().is_none());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_session_that_goes_before_it_is_confirmed_is_let_go() {
    let place = Place::new();
    place.write("goes.jsonl", "goes", 1);
    let listing = place.visitor.list().unwrap();
    let mut all =
        std::collections::BTreeMap::from([("goes".to_owned(), place.visitor.look("goes", &listing).unwrap())]);
    fs::remove_file(place.active.join("goes.jsonl")).unwrap();
    let later = place.visitor.list().unwrap();
    assert_eq!(place.visitor.confirm(&mut all, &later), ["goes"], "it is to be looked at once more");
    assert!(place.visitor.all().unwrap().is_empty());
    assert_eq!(place.held_in_vain(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_closed_and_is_gone_is_let_go_though_its_session_goes_on() {
    let place = Place::new();
    place.write("s.jsonl", "s", 1);
    assert_eq!(place.events("s"), 1);
    fs::remove_file(place.active.join("s.jsonl")).unwrap();
    place.write("s.2.jsonl", "s", 2);
    place.write("s.jsonl", "s", 3);
    assert_eq!(place.held_in_vain(), 1);
    assert_eq!(place.visitor.ids().unwrap(), ["s"]);
    assert_eq!(place.held_in_vain(), 0);
    assert_eq!((place.events("s"), place.visitor.newest("s").unwrap()), (2, 3));
}

#[test]
fn what_a_verification_sees_that_outlives_the_log_is_let_go_when_it_is_done() {
    let place = Place::new();
    place.write("s.jsonl", "s", 1);
    let known = || place.visitor.seen().sessions.len();
    assert_eq!((place.events("s"), known()), (1, 1));
    place.visitor.close_again();
    assert_eq!(known(), 1, "the log is open");
    place.visitor.close();
    assert_eq!((known(), place.events("s"), known()), (0, 1, 1));
    place.visitor.close_again();
    assert_eq!(known(), 0);
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

#[cfg(target_os = "linux")]
#[test]
fn closed_files_that_are_known_cost_next_to_nothing_when_another_one_is_closed_however_many_they_are() {
    use crate::event_log::time::thread_time;
    const CLOSED: u64 = 1_500;
    let place = Place::new();
    (1..=CLOSED).for_each(|seq| place.write(&format!("s.{seq}.jsonl"), "s", seq));
    let look = |last: u64| {
        place.write("s.jsonl", "s", last);
        let begun = thread_time();
        assert_eq!(place.visitor.newest("s").unwrap(), last);
        thread_time().saturating_sub(begun)
    };
    let first = look(CLOSED + 1);
    fs::rename(place.active.join("s.jsonl"), place.active.join(format!("s.{}.jsonl", CLOSED + 1))).unwrap();
    let later = look(CLOSED + 2);
    assert!(later * 2 < first, "{later:?} after {first:?}");
    assert_eq!(place.events("s"), CLOSED + 2);
}
