//! Saves whose messages come while they wait: what has come takes room in the queue, as any write does.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, Lines},
        sqlite::{ComingMessages, SqliteStore, Write},
    },
};

use crate::support::{close, image, open_with, raw, texts};

const LIMIT: usize = 10_000;

/// A store whose writer waits for somebody else until they commit.
fn held_up(path: &Path) -> (SqliteStore, Connection) {
    let store = open_with(path, |options| {
        options.max_queue_bytes = LIMIT;
        options.busy_timeout = Duration::from_secs(60);
    });
    let other = raw(path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (store.unwrap(), other)
}

fn piece(size: usize) -> Lines {
    let mut lines = Lines::default();
    lines.push(&format!("\"{}\"", "x".repeat(size)), None);
    lines
}

type Saved = crossbeam_channel::Receiver<Result<Option<i64>>>;

fn begin(store: &SqliteStore, id: &str, first: Lines) -> (Arc<ComingMessages>, Saved) {
    let coming = Arc::new(ComingMessages::default());
    coming.add(first).unwrap();
    let (reply, saved) = Reply::channel();
    store.write(Write::save_coming(image(id, &[]), Arc::clone(&coming), reply), Durability::Process);
    (coming, saved)
}

fn finish(store: &SqliteStore, id: &str, coming: &Arc<ComingMessages>, saved: &Saved) {
    let _ = coming.complete();
    // The writer may have waited too long for them: then they are asked for again, as the face does.
    if saved.recv().unwrap().unwrap().is_none() {
        let (reply, saved) = Reply::channel();
        store.write(Write::save_come(image(id, &[]), Arc::clone(coming), reply), Durability::Process);
        saved.recv().unwrap().unwrap();
    }
}

fn set(store: &SqliteStore, size: usize) -> Result<()> {
    let (reply, set) = Reply::channel();
    let value = Encoded { text: "1".repeat(size), types: None };
    store.write(Write::set_key("k".into(), value, None, reply), Durability::Process);
    // What is refused is answered at once.
    set.recv_timeout(Duration::from_millis(1)).unwrap_or(Ok(()))
}

fn is_refused<T>(outcome: Result<T>) -> bool {
    matches!(outcome, Err(Error::Backpressure { limit: LIMIT, .. }))
}

#[test]
fn one_that_is_larger_than_the_queue_is_taken_and_others_are_refused_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let (store, other) = held_up(&directory.path().join("s.db"));
    let (large, large_saved) = begin(&store, "large", piece(3_000));
    let (second, second_saved) = begin(&store, "second", piece(3_000));
    for _ in 0..20 {
        large.add(piece(3_000)).unwrap();
    }
    assert!(is_refused(second.add(piece(3_000))));
    second.abandon();
    let (third, third_saved) = begin(&store, "third", piece(3_000));
    assert!(is_refused(third_saved.recv().unwrap()));
    third.add(piece(100_000)).unwrap();
    assert_eq!(third.size(), 0, "nobody asks for it any more");
    assert!(is_refused(set(&store, 1)));
    other.execute_batch("COMMIT").unwrap();
    finish(&store, "large", &large, &large_saved);
    assert_eq!(second_saved.recv().unwrap().unwrap(), None);
    assert_eq!(texts(&store, "large").len(), 21);
    // All of it is free again.
    set(&store, LIMIT - 200).unwrap();
    close(&store);
}

#[test]
fn what_comes_too_late_has_its_room_until_it_is_saved_and_needs_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (store, other) = held_up(&directory.path().join("s.db"));
    let (coming, saved) = begin(&store, "late", piece(3_000));
    coming.add(piece(20_000)).unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(saved.recv().unwrap().unwrap(), None, "the rest did not come");
    assert!(is_refused(set(&store, 1)), "it is still there");
    let (reply, again) = Reply::channel();
    assert!(!coming.complete());
    store.write(Write::save_come(image("late", &[]), Arc::clone(&coming), reply), Durability::Process);
    again.recv().unwrap().unwrap();
    assert_eq!(texts(&store, "late").len(), 2);
    set(&store, LIMIT - 200).unwrap();
    close(&store);
}
