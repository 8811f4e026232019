//! What cannot be removed: it keeps nothing else.

use std::fs;

use super::*;
use crate::event_log::{consumers, erase};

/// Files that cannot be removed as long as this is there, by the ends of their paths.
struct Stuck;

impl Stuck {
    fn at(ends: &[&'static str]) -> Self {
        files::STUCK.set(ends.to_vec());
        Self
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        files::STUCK.take();
    }
}

#[test]
fn leftovers_keep_no_log_from_opening() {
    let directory = tempfile::TempDir::new().unwrap();
    let root = directory.path();
    open(root).close().unwrap();
    // Somebody has given directories such names.
    for name in ["index/one.jsonl.index", ".one.tmp", "quarantine/.one.tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["index/two.jsonl.index", "index/zero.jsonl.index", ".two.tmp", ".zero.tmp"] {
        fs::write(root.join(name), "").unwrap();
    }
    let stuck = Stuck::at(&["two.jsonl.index", ".two.tmp"]);
    let mut owned = open(root);
    assert_eq!(append(&mut owned, Durability::Power).unwrap(), 1);
    assert!(!root.join("index/zero.jsonl.index").exists() && !root.join(".zero.tmp").exists());
    drop(stuck);
    owned.close().unwrap();
}

#[test]
fn what_cannot_be_deleted_from_the_archive_keeps_nothing_else_there() {
    let directory = tempfile::TempDir::new().unwrap();
    let archive = directory.path().join("archive");
    let mut owned = open(directory.path());
    for day in ["2020-01-01", "2020-01-02"] {
        fs::create_dir_all(archive.join(day)).unwrap();
        for name in [".a.tmp", ".b.tmp", "a.1.jsonl", "b.1.jsonl"] {
            fs::write(archive.join(day).join(name), "four").unwrap();
        }
    }
    let stuck = Stuck::at(&["2020-01-01/.a.tmp", "2020-01-01/a.1.jsonl"]);
    let retention = owned.around.options.retention;
    assert_eq!(clean(&mut owned, retention).unwrap_err().code(), "ERR_IO");
    assert_eq!(files::names(&archive).unwrap(), ["2020-01-01"]);
    assert_eq!(files::names(&archive.join("2020-01-01")).unwrap(), [".a.tmp", "a.1.jsonl"]);
    assert_eq!(owned.totals.deleted, 3, "what is gone is counted");
    drop(stuck);
    let report = clean(&mut owned, retention).unwrap();
    assert_eq!((report.deleted, report.bytes_freed), (1, 4));
    assert!(files::names(&archive).unwrap().is_empty());
    owned.close().unwrap();
}

#[test]
fn a_position_that_cannot_be_removed_keeps_no_other_one_of_its_session() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    let layout = owned.around.layout.clone();
    for name in ["a", "b", "c"] {
        drop(consumers::Position::open(&layout, "s", name, Durability::Process).unwrap());
    }
    let place = consumers::directory_of(&layout, "s");
    let stuck = Stuck::at(&["s/a.json"]);
    synced();
    assert_eq!(erase::erase(&mut owned, "s").unwrap_err().code(), "ERR_IO");
    assert_eq!(files::names(&place).unwrap(), ["a.json"]);
    assert!(synced().contains(&place), "a power cut would bring them back");
    drop(stuck);
    assert!(erase::erase(&mut owned, "s").unwrap());
    assert!(!place.exists());
    owned.close().unwrap();
}
