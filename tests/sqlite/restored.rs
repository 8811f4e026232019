//! A backup in the place of a database: the log of the file that was there before is never played into it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use smalltalk_native::{
    Error,
    durability::Durability,
    reply::Reply,
    storage::sqlite::{SqliteStore, Verification},
};

use crate::support::{close, get, image, open, options, raw, save};

fn beside(path: &Path, ending: &str) -> PathBuf {
    path.with_file_name(format!("{}{ending}", path.file_name().unwrap().to_string_lossy()))
}

fn back_up(store: &SqliteStore, target: &Path) {
    let (reply, made) = Reply::channel();
    store.backup(target.to_owned(), reply);
    made.recv().unwrap().unwrap();
}

fn verify(store: &SqliteStore) -> Verification {
    let (reply, found) = Reply::channel();
    store.verify(reply);
    found.recv().unwrap().unwrap()
}

/// A database as a crash leaves it, with its log; and a backup of an earlier state. Gives both, and the log.
fn crashed(directory: &Path) -> (PathBuf, PathBuf, Vec<u8>) {
    let [path, backup] = ["s.db", "backup.db"].map(|name| directory.join(name));
    let store = open(&path).unwrap();
    let long = format!("{:?}", "x".repeat(20_000));
    for id in ["one", "two", "three"] {
        save(&store, &image(id, &[&long]), Durability::Power).unwrap();
    }
    back_up(&store, &backup);
    close(&store);
    let store = open(&path).unwrap();
    for id in ["two", "three", "four"] {
        save(&store, &image(id, &[&long, &long]), Durability::Power).unwrap();
    }
    let log = fs::read(beside(&path, "-wal")).unwrap();
    close(&store);
    fs::write(beside(&path, "-wal"), &log).unwrap();
    (path, backup, log)
}

#[test]
fn a_backup_beside_the_log_of_another_file_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup, log) = crashed(directory.path());
    fs::copy(&backup, &path).unwrap();
    for _ in 0..2 {
        let error = open(&path).err().expect("the log would be played into the backup");
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("remove the log"), "{error}");
        assert!(error.to_string().contains("s.db"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), fs::read(&backup).unwrap());
        assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), log);
    }
    fs::remove_file(beside(&path, "-wal")).unwrap();
    let store = open(&path).unwrap();
    let found = verify(&store);
    assert_eq!((found.sessions, found.messages, found.damaged), (3, 3, Vec::new()), "what was backed up, and no more");
}

#[test]
fn what_becomes_of_a_backup_after_its_first_opening_is_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (_, backup, _) = crashed(directory.path());
    let copy = directory.path().join("copy.db");
    fs::copy(&backup, &copy).unwrap();
    let store = open(&copy).unwrap();
    save(&store, &image("five", &[]), Durability::Power).unwrap();
    // As a kill leaves it: nothing of the log is folded into the file yet.
    let [file, log] = ["", "-wal"].map(|ending| fs::read(beside(&copy, ending)).unwrap());
    assert!(log.iter().any(|byte| *byte != 0));
    close(&store);
    fs::write(&copy, file).unwrap();
    fs::write(beside(&copy, "-wal"), log).unwrap();
    assert!(get(&open(&copy).unwrap(), "five").unwrap().is_some());
}

#[test]
fn a_backup_may_be_opened_by_many_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (_, backup, _) = crashed(directory.path());
    let (answers, stores): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let (reply, opened) = Reply::channel();
            (opened, SqliteStore::open(&options(&backup), reply).unwrap())
        })
        .unzip();
    for answer in answers {
        answer.recv().unwrap().unwrap();
    }
    for (number, store) in stores.iter().enumerate() {
        save(store, &image(&format!("new {number}"), &[]), Durability::Power).unwrap();
    }
    assert_eq!(verify(&stores[0]).sessions, 7);
    stores.iter().for_each(close);
}

#[test]
fn a_backup_of_a_backup_and_one_that_was_only_looked_at_are_backups() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup, _) = crashed(directory.path());
    let id = |path: &Path| -> i32 { raw(path).pragma_query_value(None, "application_id", |row| row.get(0)).unwrap() };
    let sessions: i64 = raw(&backup).query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!((sessions, id(&backup)), (3, 0x536D_5462));
    assert!(!beside(&backup, "-wal").exists(), "it is read without a log");
    let again = directory.path().join("again.db");
    let opened = open(&backup).unwrap();
    back_up(&opened, &again);
    assert_eq!(id(&again), 0x536D_5462);
    assert_eq!(id(&backup), 0x536D_546B);
    fs::copy(&again, &path).unwrap();
    assert!(matches!(open(&path).err(), Some(Error::Corrupt { .. })));
}

/// The same without the mark: what is there was there before, and has its log.
#[test]
fn a_crashed_database_goes_on_with_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s %?#.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &[]), Durability::Power).unwrap();
    let [file, log] = ["", "-wal"].map(|ending| fs::read(beside(&path, ending)).unwrap());
    close(&store);
    fs::write(&path, &file).unwrap();
    fs::write(beside(&path, "-wal"), &log).unwrap();
    let store = open(&path).unwrap();
    assert!(get(&store, "one").unwrap().is_some());

    let backup = directory.path().join("backup.db");
    back_up(&store, &backup);
    close(&store);
    fs::copy(&backup, &path).unwrap();
    fs::write(beside(&path, "-wal"), log).unwrap();
    assert!(open(&path).is_err(), "whatever is in the name");
}
