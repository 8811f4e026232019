//! What the writer does when nobody asks: it keeps the log short, and removes keys whose time has come.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;
use smalltalk_native::{
    durability::Durability,
    storage::{
        session::{Encoded, Lines},
        sqlite::{SqliteStore, Write},
    },
};

use crate::support::{assert_counts_are_true, close, image, open, raw, save, wait_until, write};

const MIB: u64 = 1024 * 1024;

fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

fn keys(path: &Path) -> i64 {
    raw(path).query_row("SELECT count(*) FROM key_values", [], |row| row.get(0)).unwrap()
}

fn set_many(store: &SqliteStore, prefix: &str, count: usize, end: Option<i64>) {
    let mut values = Lines::default();
    let names = (0..count).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
    names.iter().for_each(|_| values.push("1", None));
    write(store, |reply| Write::set_keys(names, values, end, reply)).unwrap();
}

/// One megabyte of session, another one each time.
fn write_a_megabyte(store: &SqliteStore, round: u64) {
    let text = format!("\"{round}{}\"", "x".repeat(10_000));
    save(store, &image("s", &vec![text.as_str(); 100]), Durability::Process).unwrap();
}

#[test]
fn the_log_stays_bounded_under_writing_that_never_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    for round in 0..200 {
        write_a_megabyte(&store, round);
        assert!(log_bytes(&path) < 32 * MIB, "{} bytes after {round} MB", log_bytes(&path));
    }
}

#[test]
fn the_log_stays_bounded_although_there_is_always_a_reader_that_began_earlier() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let over = AtomicBool::new(false);
    let views = AtomicU64::new(0);
    let mut longest = 0;
    thread::scope(|scope| {
        // Each opens its next view before it closes its last one.
        for _ in 0..2 {
            scope.spawn(|| {
                let mut view: Option<Connection> = None;
                while !over.load(Ordering::Relaxed) {
                    let next = raw(&path);
                    next.execute_batch("BEGIN; SELECT count(*) FROM sessions;").unwrap();
                    view = Some(next);
                    views.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(20));
                }
                drop(view);
            });
        }
        for round in 0..300 {
            write_a_megabyte(&store, round);
            longest = longest.max(log_bytes(&path));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(views.load(Ordering::Relaxed) > 10);
    assert!(longest < 96 * MIB, "{longest} bytes");
}

#[test]
fn a_reader_that_stays_does_not_stop_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    write_a_megabyte(&store, 0);
    let reader = raw(&path);
    reader.execute_batch("BEGIN; SELECT count(*) FROM sessions;").unwrap();
    let begun = Instant::now();
    (1..150).for_each(|round| write_a_megabyte(&store, round));
    assert!(begun.elapsed() < Duration::from_secs(60));
    reader.execute_batch("COMMIT").unwrap();
    // Once it is gone, the log is folded again.
    (0..40).for_each(|round| write_a_megabyte(&store, round));
    assert!(log_bytes(&path) <= 64 * MIB, "{} bytes", log_bytes(&path));
}

#[test]
fn the_log_of_an_idle_store_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    write_a_megabyte(&store, 0);
    assert!(log_bytes(&path) > 0);
    wait_until("an empty log", || log_bytes(&path) == 0);
    // It is still open.
    write_a_megabyte(&store, 1);
}

#[test]
fn keys_go_by_themselves_when_their_time_has_come_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let soon = now() + 300;
    // More than one step, and some that are set one by one.
    set_many(&store, "soon ", 1_200, Some(soon));
    set_many(&store, "later ", 3, Some(now() + 3_600_000));
    set_many(&store, "for good ", 2, None);
    let value = Encoded { text: "1".into(), types: None };
    write(&store, |reply| Write::set_key("alone".into(), value, Some(soon), reply)).unwrap();
    assert_eq!(keys(&path), 1_206);
    wait_until("five keys", || keys(&path) == 5);
    assert!(now() >= soon, "none went too early");
    assert_counts_are_true(&path);
    // A later end comes too.
    set_many(&store, "soon ", 2, Some(now() + 100));
    wait_until("five keys again", || keys(&path) == 5);
}

#[test]
fn keys_that_ended_while_the_store_was_closed_go_when_it_opens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    // Far enough for the store to be closed before.
    set_many(&store, "k", 3, Some(now() + 1_000_000));
    close(&store);
    raw(&path).execute("UPDATE key_values SET expires_at = 1", []).unwrap();
    let store = open(&path).unwrap();
    wait_until("no key", || keys(&path) == 0);
    assert_counts_are_true(&path);
    close(&store);
}
