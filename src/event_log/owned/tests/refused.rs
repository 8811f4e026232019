//! Events that a full disk refuses, and the files that were made for them.

use super::{
    cleaning::{append_to, many},
    *,
};

/// A disk that takes nothing for some files, by the ends of their paths, as long as this is there.
struct Full;

impl Full {
    fn at(ends: &[&'static str]) -> Self {
        files::FULL.set(ends.to_vec());
        Self
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        files::FULL.take();
    }
}

fn active(directory: &std::path::Path) -> Vec<String> {
    files::names(&directory.join("active")).unwrap()
}

#[test]
fn an_event_that_is_refused_leaves_no_file_that_was_made_for_it() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        append_to(&mut owned, "first");
        let full = Full::at(&["active/s.jsonl"]);
        for _ in 0..3 {
            assert_eq!(append(&mut owned, durability).unwrap_err().code(), "ERR_FULL");
            assert_eq!(active(directory.path()), ["first.jsonl"]);
            assert!(!owned.lanes["s"].holds_a_handle() && !owned.lanes["s"].broken);
        }
        drop(full);
        let seq = append(&mut owned, durability).unwrap();
        assert_eq!(events(&owned), [seq]);
        // What is there stays.
        let full = Full::at(&["active/s.jsonl"]);
        assert_eq!(append(&mut owned, durability).unwrap_err().code(), "ERR_FULL");
        drop(full);
        assert_eq!(events(&owned), [seq]);
        let next = append(&mut owned, durability).unwrap();
        flush(&mut owned).unwrap();
        owned.close().unwrap();
        let mut owned = open(directory.path());
        assert!(owned.report.clean && next > seq);
        assert_eq!(events(&owned), [seq, next]);
        assert!(append(&mut owned, durability).unwrap() > next);
        owned.close().unwrap();
    }
}

#[test]
fn the_next_file_of_a_session_is_not_left_empty_either() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    owned.around.options.max_file_bytes = 1;
    append(&mut owned, Durability::Process).unwrap();
    let full = Full::at(&["active/s.jsonl"]);
    assert_eq!(append(&mut owned, Durability::Process).unwrap_err().code(), "ERR_FULL");
    assert_eq!(active(directory.path()), ["s.1.jsonl"]);
    drop(full);
    append(&mut owned, Durability::Process).unwrap();
    assert_eq!(active(directory.path()), ["s.1.jsonl", "s.jsonl"]);
    assert_eq!(events(&owned).len(), 2);
    owned.close().unwrap();
}

#[test]
fn a_file_that_cannot_be_removed_again_or_was_there_takes_the_next_event() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("active")).unwrap();
    std::fs::write(directory.path().join("active/s.jsonl"), "").unwrap();
    let mut owned = open(directory.path());
    let full = Full::at(&["active/s.jsonl", "active/t.jsonl"]);
    files::STUCK.set(vec!["active/t.jsonl"]);
    for session in ["s", "t"] {
        let (reply, answer) = Reply::channel();
        let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
        owned.append(vec![Append { session: session.into(), body, id: None, durability: None, reply }.into()]);
        assert_eq!(answer.recv().unwrap().unwrap_err().code(), "ERR_FULL");
    }
    files::STUCK.take();
    assert_eq!(active(directory.path()), ["s.jsonl", "t.jsonl"]);
    drop(full);
    for session in ["s", "t"] {
        append_to(&mut owned, session);
        let found = std::fs::read_to_string(directory.path().join(format!("active/{session}.jsonl"))).unwrap();
        assert_eq!(found.lines().count(), 1);
    }
    owned.close().unwrap();
}

#[test]
fn a_cleanup_removes_old_files_without_an_event_and_no_number_of_theirs_comes_again() {
    let hour = Duration::from_secs(3600);
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 1);
    let used = append(&mut owned, Durability::Process).unwrap();
    assert_eq!(clean(&mut owned, hour).unwrap().archived, 2);
    owned.close().unwrap();
    let place = directory.path().join("active");
    let old = std::time::SystemTime::now() - 2 * hour;
    // A closed file had an event once, and `fresh` may be about to get one.
    for name in ["s.jsonl", "kept.jsonl", "kept.7.jsonl", "fresh.jsonl", "lost.7.jsonl", "long.jsonl"] {
        std::fs::write(place.join(name), "").unwrap();
        if name != "fresh.jsonl" {
            files::open_to_mend(&place.join(name)).unwrap().set_modified(old).unwrap();
        }
    }
    let mut owned = open(directory.path());
    assert_eq!(clean(&mut owned, hour).unwrap().archived, 0);
    assert_eq!(active(directory.path()), ["fresh.jsonl", "kept.7.jsonl", "kept.jsonl", "lost.7.jsonl"]);
    assert!(append(&mut owned, Durability::Process).unwrap() > used);
    assert!(append_to(&mut owned, "long") > used);
    append_to(&mut owned, "fresh");
    assert_eq!(events(&owned).len(), 1);
    owned.close().unwrap();
}
