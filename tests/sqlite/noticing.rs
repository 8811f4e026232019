//! A file that is not what it was: it is noticed, said, and nothing is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use smalltalk_native::{Error, Result, durability::Durability, reply::Reply, storage::sqlite::SqliteStore};

use crate::support::{close, get, image, open, save};

fn error_of<T>(outcome: Result<T>) -> Error {
    outcome.err().expect("it should have been refused")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    path.with_file_name(format!("{}{ending}", path.file_name().unwrap().to_string_lossy()))
}

/// A store with one session, and where it is.
fn filled(directory: &Path) -> (SqliteStore, PathBuf) {
    let path = directory.join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &["1"]), Durability::Power).unwrap();
    (store, path)
}

#[test]
fn a_file_that_lost_its_contents_is_no_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    close(&store);
    fs::write(&path, "").unwrap();
    for _ in 0..2 {
        assert!(matches!(error_of(open(&path)), Error::Corrupt { .. }));
        assert_eq!(fs::metadata(&path).unwrap().len(), 0, "nothing was written");
    }
    fs::remove_file(&path).unwrap();
    assert!(get(&open(&path).unwrap(), "one").unwrap().is_none(), "removed, it may begin anew");
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    let kept = fs::read(beside(&path, "-wal")).unwrap();
    close(&store);
    let moved = directory.path().join("moved.db");
    fs::rename(&path, &moved).unwrap();
    fs::write(beside(&path, "-wal"), &kept).unwrap();
    assert!(matches!(error_of(open(&path)), Error::Corrupt { .. }));
    assert_eq!(fs::read(beside(&path, "-wal")).unwrap(), kept, "nothing was written");
    assert!(!path.exists());
    fs::rename(&moved, &path).unwrap();
    assert!(get(&open(&path).unwrap(), "one").unwrap().is_some(), "put back, it is all there");
}

#[test]
fn a_file_that_is_emptied_while_it_is_open_is_used_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    assert!(get(&store, "one").unwrap().is_some());
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert!(matches!(error_of(save(&store, &image("two", &[]), Durability::Power)), Error::Io { .. }));
    assert!(matches!(error_of(get(&store, "one")), Error::Io { .. }));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn what_is_not_our_database_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let foreign = |sql: &str| {
        let _ = fs::remove_file(&path);
        crate::support::raw(&path).execute_batch(sql).unwrap();
    };
    let garbage = || fs::write(&path, "this is no database, whatever its name says; ".repeat(100)).unwrap();
    type Case<'a> = (&'a dyn Fn(), fn(&Error) -> bool);
    let cases: [Case<'_>; 3] = [
        (&garbage, |error| matches!(error, Error::Corrupt { .. })),
        (&|| foreign("CREATE TABLE theirs (a)"), |error| matches!(error, Error::Version(_))),
        (&|| foreign("PRAGMA application_id = 0x536D546B; PRAGMA user_version = 99; CREATE TABLE ours (a)"), |error| {
            matches!(error, Error::Version(_))
        }),
    ];
    for (make, expected) in cases {
        make();
        let before = fs::read(&path).unwrap();
        let error = error_of(open(&path));
        assert!(expected(&error), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_new_file_has_its_name_when_it_is_whole_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (answers, stores): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let (reply, opened) = Reply::channel();
            let options = crate::support::options(&path);
            (opened, SqliteStore::open(&options, reply).unwrap())
        })
        .unzip();
    for answer in answers {
        answer.recv().unwrap().unwrap();
    }
    save(&stores[0], &image("one", &[]), Durability::Power).unwrap();
    assert!(get(&stores[3], "one").unwrap().is_some(), "all have opened the same one");
    for store in &stores {
        close(store);
    }
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["s.db"], "nothing is left of how it was made, nor of how it was used");
}

#[cfg(unix)]
#[test]
fn a_file_in_the_place_of_the_one_that_was_opened_is_neither_read_nor_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    let backup = directory.path().join("backup.db");
    let (reply, made) = Reply::channel();
    store.backup(backup.clone(), reply);
    made.recv().unwrap().unwrap();
    save(&store, &image("two", &[]), Durability::Power).unwrap();
    fs::rename(&backup, &path).unwrap();
    for _ in 0..4 {
        for error in [error_of(get(&store, "one")), error_of(save(&store, &image("three", &[]), Durability::Power))] {
            assert!(matches!(error, Error::Io { .. }), "{error}");
            assert!(error.to_string().contains("open it anew"), "{error}");
        }
    }
    close(&store);
    assert!(matches!(error_of(open(&path)), Error::Corrupt { .. }), "the log of the other one is there still");
    for ending in ["-wal", "-shm"] {
        fs::remove_file(beside(&path, ending)).unwrap();
    }
    let store = open(&path).unwrap();
    assert!(get(&store, "one").unwrap().is_some());
    assert!(get(&store, "two").unwrap().is_none(), "it is what the backup holds");
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_looked_at_is_not_said_to_be_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let [place, away] = ["place", "away"].map(|name| directory.path().join(name));
    let (store, path) = filled(&place);
    fs::rename(&place, &away).unwrap();
    let error = error_of(save(&store, &image("two", &[]), Durability::Power)).to_string();
    assert!(error.contains("deleted") && error.contains("s.db"), "{error}");
    fs::write(&place, "").unwrap();
    for error in [error_of(save(&store, &image("two", &[]), Durability::Power)), error_of(get(&store, "one"))] {
        let error = error.to_string();
        assert!(error.contains("Not a directory") && !error.contains("deleted"), "{error}");
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
    }
    fs::remove_file(&place).unwrap();
    fs::rename(&away, &place).unwrap();
    save(&store, &image("two", &[]), Durability::Power).unwrap();
}

#[cfg(unix)]
#[test]
fn what_keeps_a_file_from_opening_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    close(&store);
    let memory = beside(&path, "-shm");
    std::os::unix::fs::symlink(&memory, &memory).unwrap();
    let error = error_of(open(&path));
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(error.to_string().contains(&*memory.to_string_lossy()), "{error}");
}

/// A directory in the place of the memory that all users share can be opened for reading only, also by root.
#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_to_is_read_and_is_written_to_when_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let (store, path) = filled(directory.path());
    close(&store);
    fs::create_dir(beside(&path, "-shm")).unwrap();
    let store = open(&path).unwrap();
    for _ in 0..3 {
        assert!(get(&store, "one").unwrap().is_some());
        let error = error_of(save(&store, &image("two", &[]), Durability::Power));
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
    fs::remove_dir(beside(&path, "-shm")).unwrap();
    save(&store, &image("two", &[]), Durability::Power).unwrap();
    assert!(get(&store, "two").unwrap().is_some());
    close(&store);
    assert!(!beside(&path, "-wal").exists());
}
