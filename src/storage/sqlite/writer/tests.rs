use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    thread,
};

use rusqlite::Connection;

use super::{batch::FULL_FOR, *};
use crate::storage::{session::Encoded, sqlite::Write};

mod full_disk;
#[cfg(unix)]
mod lost_log;
mod owed_syncs;

/// A writer whose file is open.
fn writer(path: &Path) -> Writer {
    let mut writer = Writer::new(path.to_owned(), Duration::ZERO, Arc::default(), Weak::new(), None);
    open(&mut writer).unwrap();
    writer
}

fn open(writer: &mut Writer) -> Result<()> {
    let (reply, opened) = Reply::channel();
    writer.handle(vec![Job::Open(reply)]);
    opened.recv().unwrap()
}

/// Has it do changes as one batch.
fn write(writer: &mut Writer, changes: Vec<Write>) {
    writer.handle(changes.into_iter().map(|write| Job::Step(Step::Write(write, Durability::Process))).collect());
}

fn set(writer: &mut Writer, key: &str, end: Option<i64>) -> Result<()> {
    let (reply, set) = Reply::channel();
    let value = Encoded { text: "1".into(), types: None };
    write(writer, vec![Write::set_key(key.into(), value, end, reply)]);
    set.recv().unwrap()
}

fn failed_sync() -> Error {
    Error::Io { doing: "giving pages back".into(), cause: "disk I/O error".into() }
}

fn chore(writer: &mut Writer, outcome: Result<()>) -> Result<()> {
    let (reply, done) = Reply::channel();
    writer.handle(vec![Job::Chore(Chore::new(reply, move |_| outcome))]);
    done.recv().unwrap()
}

fn keys(path: &Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM key_values", [], |row| row.get(0)).unwrap()
}

/// Lets time do what it asks for until something is so.
fn tick_until(writer: &mut Writer, what: &str, done: impl Fn(&Writer) -> bool) {
    let begun = Instant::now();
    while !done(writer) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        let wake_at = writer.wake_at().unwrap_or_else(|| panic!("{what}: it would sleep for ever"));
        thread::sleep(wake_at.saturating_duration_since(Instant::now()));
        writer.tick();
    }
}

#[test]
fn after_a_chore_whose_sync_failed_nothing_is_acknowledged_before_the_log_is_folded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    set(&mut writer, "unsynced", None).unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM key_values").unwrap();
    assert!(chore(&mut writer, Err(Error::Busy)).is_err());
    set(&mut writer, "a chore that only waited", None).unwrap();
    assert!(matches!(chore(&mut writer, Err(failed_sync())), Err(Error::Io { .. })));
    assert!(matches!(set(&mut writer, "k", None), Err(Error::Busy)), "a reader is in the way of folding");
    reader.execute_batch("COMMIT").unwrap();
    set(&mut writer, "k", None).unwrap();
    assert_eq!(keys(&path), 3);
}

#[test]
fn doubt_ends_although_nobody_asks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    set(&mut writer, "unsynced", None).unwrap();
    let _ = chore(&mut writer, Err(failed_sync()));
    // It comes back after the first try.
    let elsewhere = directory.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    tick_until(&mut writer, "a try", |writer| writer.wake_at() > Instant::now().checked_add(Duration::from_secs(3)));
    fs::rename(&elsewhere, &path).unwrap();
    tick_until(&mut writer, "a sound file", |_| fs::metadata(path.with_extension("db-wal")).unwrap().len() == 0);
    set(&mut writer, "k", None).unwrap();
}

#[test]
fn closing_in_doubt_has_all_on_the_disk_or_says_why_not() {
    for in_the_way in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut writer = writer(&path);
        set(&mut writer, "unsynced", None).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM key_values").unwrap();
        let _ = chore(&mut writer, Err(failed_sync()));
        assert!(matches!(set(&mut writer, "k", None), Err(Error::Busy)), "a first try to end the doubt");
        if !in_the_way {
            reader.execute_batch("COMMIT").unwrap();
        }
        let closed = writer.finish();
        let unfolded = fs::metadata(path.with_extension("db-wal")).unwrap().len() > 0;
        assert_eq!((closed.is_err(), unfolded), (in_the_way, in_the_way), "{closed:?}");
    }
}

#[test]
fn what_is_owed_is_synced_before_the_file_is_closed_or_leaves_doubt() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM key_values").unwrap();
    set(&mut writer, "unsynced", None).unwrap();
    writer.fold_at_last();
    assert!(!writer.doubt.is_there());
    set(&mut writer, "unsynced too", None).unwrap();
    // Where the log is not found under its name, whoever looks for it there says so.
    fs::rename(path.with_extension("db-wal"), directory.path().join("elsewhere")).unwrap();
    writer.fold_at_last();
    assert!(writer.doubt.is_there());
}

#[test]
fn behind_a_commit_that_failed_half_way_nothing_of_its_batch_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    let commits = AtomicUsize::new(0);
    let connection = &mut writer.opened.as_mut().unwrap().connection;
    let fail_the_first = move || commits.fetch_add(1, Ordering::Relaxed) == 0;
    connection.commit_hook(Some(fail_the_first)).unwrap();
    let damage = || Error::Corrupt { what: "the database file".into(), detail: String::new() };
    let value = || Encoded { text: "1".into(), types: None };
    let (damaged, damaged_is) = Reply::<()>::channel();
    let (first, first_is) = Reply::channel();
    let (second, second_is) = Reply::channel();
    write(
        &mut writer,
        vec![
            Write::set_key("first".into(), value(), None, first),
            Write::new(0, damaged, move |_| Err(damage())),
            Write::set_key("second".into(), value(), None, second),
        ],
    );
    assert!(matches!(first_is.recv().unwrap(), Err(Error::Indeterminate { .. })));
    assert!(matches!(damaged_is.recv().unwrap(), Err(Error::Corrupt { .. } | Error::Io { .. })));
    assert!(matches!(second_is.recv().unwrap(), Err(Error::Io { .. })));
    assert_eq!(keys(&path), 0);
    // Opened anew.
    set(&mut writer, "third", None).unwrap();
    assert_eq!(keys(&path), 1);
}

#[test]
fn a_damaged_index_of_ends_keeps_nobody_from_anything_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut first = writer(&path);
    set(&mut first, "ends", Some(i64::MAX)).unwrap();
    first.finish().unwrap();
    let root: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'idx_key_values_expires'", [], |row| row.get(0))
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from((root - 1) * 16 * 1024).unwrap()] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let mut writer = Writer::new(path.clone(), Duration::ZERO, Arc::default(), Weak::new(), None);
    open(&mut writer).unwrap();
    set(&mut writer, "stays", None).unwrap();
    assert!(matches!(set(&mut writer, "ends too", Some(i64::MAX)), Err(Error::Corrupt { .. })));
    assert_eq!(keys(&path), 2);
}

#[test]
fn what_waits_for_a_file_that_cannot_be_opened_hears_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fs::write(&path, "this is no database, whatever its name says; ".repeat(100)).unwrap();
    let mut writer = Writer::new(path, Duration::ZERO, Arc::default(), Weak::new(), None);
    assert!(open(&mut writer).is_err());
    assert!(matches!(set(&mut writer, "k", None), Err(Error::Corrupt { .. })));
}

#[test]
fn what_looks_for_something_finds_what_was_asked_for_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    let (set, _) = Reply::channel();
    let (reply, found) = Reply::channel();
    let count = Arc::new(AtomicI64::new(-1));
    let seen = Arc::clone(&count);
    let look = move |connection: &Connection, _| {
        let keys = connection.query_row("SELECT count(*) FROM key_values", [], |row| row.get(0)).unwrap();
        seen.store(keys, Ordering::Relaxed);
    };
    let value = Encoded { text: "1".into(), types: None };
    write(
        &mut writer,
        vec![
            Write::set_key("k".into(), value, None, set),
            Write::new(0, reply, move |_| Ok(count.load(Ordering::Relaxed))).looking(look),
        ],
    );
    assert_eq!(found.recv().unwrap().unwrap(), 1);
}
