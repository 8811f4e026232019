//! Several changes as one.

use smalltalk_native::{
    Error,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, Expected, Lines, SessionImage},
        sqlite::{Read, SqliteStore, Write},
    },
};

use crate::support::{assert_counts_are_true, get, image, open, raw, save, texts, write};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn key(store: &SqliteStore, key: &str, now: i64) -> Option<Encoded> {
    let (reply, got) = Reply::channel();
    store.read(Read::key(key.into(), now, reply), false);
    got.recv().unwrap().unwrap()
}

#[test]
fn sessions_are_saved_and_removed_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("a", &["old"]), Durability::Process).unwrap();
    let images = vec![image("a", &["new", "newer"]), image("b", &["b"]), image("c", &[])];
    write(&store, |reply| Write::save_sessions(images, reply)).unwrap();
    assert_eq!(texts(&store, "a"), ["new", "newer"]);
    assert_eq!(texts(&store, "b"), ["b"]);
    assert_counts_are_true(&path);
    let removed = write(&store, |reply| Write::delete_sessions(names(&["a", "unknown", "c", "a"]), reply));
    assert_eq!(removed.unwrap(), 2);
    assert!(get(&store, "a").unwrap().is_none() && get(&store, "b").unwrap().is_some());
    assert_counts_are_true(&path);
}

#[test]
fn one_session_that_cannot_be_saved_keeps_the_others_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let late = SessionImage { expected: Expected::Version(1), ..image("b", &[]) };
    let outcome = write(&store, |reply| Write::save_sessions(vec![image("a", &["1"]), late], reply));
    assert!(matches!(outcome, Err(Error::Conflict { .. })));
    assert!(get(&store, "a").unwrap().is_none());
    assert_counts_are_true(&path);
}

#[test]
fn keys_are_set_and_removed_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let mut values = Lines::default();
    values.push("1", None);
    values.push("\"2025\"", Some(r#"{"":"Date"}"#));
    let far = i64::MAX;
    let set = values.clone();
    write(&store, |reply| Write::set_keys(names(&["k\n1", "k2"]), set, Some(far), reply)).unwrap();
    assert_eq!(key(&store, "k\n1", 0).unwrap().text, "1");
    assert_eq!(key(&store, "k2", 0).unwrap().types.as_deref(), Some(r#"{"":"Date"}"#));
    assert!(key(&store, "k2", far).is_none());
    let uneven = write(&store, |reply| Write::set_keys(names(&["k3"]), values, None, reply));
    assert!(matches!(uneven, Err(Error::OptionInvalid(_))));
    assert!(key(&store, "k3", 0).is_none());
    assert_counts_are_true(&path);
    let removed = write(&store, |reply| Write::delete_keys(names(&["k2", "unknown"]), 0, reply));
    assert_eq!(removed.unwrap(), 1);
    assert_counts_are_true(&path);
}

#[test]
fn a_change_that_fails_half_way_takes_back_itself_and_none_of_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("s", &["0"]), Durability::Process).unwrap();
    // The writer waits for another connection with its first change, so that the others share a batch.
    let blocker = raw(&path);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let queue = |image: SessionImage| {
        let (reply, saved) = Reply::channel();
        store.write(Write::save_session(image, reply), Durability::Process);
        saved
    };
    let first = queue(image("first", &[]));
    let before = queue(image("before", &["1"]));
    let late = SessionImage { expected: Expected::Version(1_000), ..image("late", &[]) };
    let (reply, failing) = Reply::channel();
    store.write(Write::save_sessions(vec![image("half", &["1"]), late.clone()], reply), Durability::Process);
    let refused = queue(late);
    let after = queue(image("after", &["1", "2"]));
    blocker.execute_batch("COMMIT").unwrap();
    let versions = [first, before, after].map(|answer| answer.recv().unwrap().unwrap());
    assert!(matches!(failing.recv().unwrap(), Err(Error::Conflict { .. })));
    assert!(matches!(refused.recv().unwrap(), Err(Error::Conflict { .. })));
    assert!(versions.is_sorted(), "{versions:?}");
    assert!(get(&store, "half").unwrap().is_none());
    assert_eq!((texts(&store, "before").len(), texts(&store, "after").len()), (1, 2));
    assert_counts_are_true(&path);
}
