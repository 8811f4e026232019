//! Room in the write-ahead log for commits that ask for a sync.

use std::{
    fs,
    path::{Path, PathBuf},
};

use smalltalk_native::{
    Error,
    durability::Durability,
    storage::sqlite::{SqliteStore, Write},
};

use crate::support::{close, image, open, raw, save, wait_until, write};

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn log_bytes(path: &Path) -> u64 {
    fs::metadata(log_of(path)).map_or(0, |found| found.len())
}

fn save_round(store: &SqliteStore, round: usize, durability: Durability) {
    let text = format!("\"{round}\"");
    save(store, &image("s", &[text.as_str()]), durability).unwrap();
}

fn write_nothing(store: &SqliteStore) {
    let removed = write(store, |reply| Write::delete_keys(vec!["unknown".into()], 0, reply)).unwrap();
    assert_eq!(removed, 0);
}

/// What a process that was killed has left, opened by another.
fn after_a_kill(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    for ending in ["db", "db-wal"] {
        let from = path.with_extension(ending);
        if from.exists() {
            fs::copy(from, place.path().join("s.db").with_extension(ending)).unwrap();
        }
    }
    let copy = place.path().join("s.db");
    (place, copy)
}

fn messages(path: &Path) -> Vec<String> {
    let connection = raw(path);
    let mut statement = connection.prepare("SELECT data FROM messages").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn after_the_first_commit_the_log_has_room_for_the_next_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save_round(&store, 0, Durability::Power);
    // It is made when the answer has been given, and whole before the writer answers anything else.
    write_nothing(&store);
    let length = log_bytes(&path);
    assert!(length >= 256 * 1024, "{length}");
    save_round(&store, 1, Durability::Power);
    save_round(&store, 2, Durability::Power);
    assert_eq!(log_bytes(&path), length, "it has grown for these");
    let (_place, copy) = after_a_kill(&path);
    assert_eq!(messages(&copy), ["\"2\""]);
    for round in 3..60 {
        save_round(&store, round, Durability::Power);
    }
    assert!(log_bytes(&path) > length, "it has grown with what it holds");
    let (_place, copy) = after_a_kill(&path);
    assert_eq!(messages(&copy), ["\"59\""]);
    close(&store);
    assert_eq!(messages(&path), ["\"59\""]);
}

#[test]
fn the_log_of_an_idle_store_has_room_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save_round(&store, 0, Durability::Power);
    let empty = || fs::read(log_of(&path)).is_ok_and(|log| !log.is_empty() && log.iter().all(|byte| *byte == 0));
    wait_until("a log of zeros", empty);
    let (_place, copy) = after_a_kill(&path);
    assert_eq!(messages(&copy), ["\"0\""]);
    save_round(&store, 1, Durability::Power);
    assert!(!empty());
    let (_place, copy) = after_a_kill(&path);
    assert_eq!(messages(&copy), ["\"1\""]);
}

#[test]
fn a_log_of_zeros_holds_nothing_that_a_database_could_be_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fs::write(log_of(&path), vec![0; 256 * 1024]).unwrap();
    let store = open(&path).unwrap();
    save_round(&store, 0, Durability::Power);
    close(&store);
    fs::remove_file(&path).unwrap();
    fs::write(log_of(&path), [vec![0; 31], vec![1]].concat()).unwrap();
    assert!(matches!(open(&path).err(), Some(Error::Corrupt { .. })));
}

#[test]
fn commits_that_ask_for_no_sync_need_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save_round(&store, 0, Durability::Process);
    let length = log_bytes(&path);
    save_round(&store, 1, Durability::Process);
    assert!(length < 256 * 1024 && log_bytes(&path) < 256 * 1024);
    wait_until("an empty log", || log_bytes(&path) == 0);
}
