//! What is written comes back, and what is damaged is not believed.

use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, SessionFilter, SessionImage},
        sqlite::{Read, SqliteOptions, SqliteStore, Write, schema},
    },
};

use crate::support::{close, get, image, list, open, save, whole};

#[test]
fn a_session_survives_closing_and_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/sessions.db");
    let saved = image("one", &[r#"{"n":1}"#, r#"{"n":2}"#]);
    let store = open(&path).unwrap();
    let first = save(&store, &saved, Durability::Power).unwrap();
    let second = save(&store, &saved, Durability::Process).unwrap();
    assert!(second > first, "versions grow");
    close(&store);
    assert!(!path.with_extension("db-wal").exists(), "a clean close folds the log into the file");

    let store = open(&path).unwrap();
    let back = get(&store, "one").unwrap().unwrap();
    assert_eq!((back.head, back.messages), (saved.head, whole(&saved.messages)));
    assert!(get(&store, "two").unwrap().is_none());
}

#[test]
fn a_read_in_order_sees_the_writes_queued_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for round in 0..50 {
        let key = format!("key-{round}");
        let (reply, set) = Reply::channel();
        let value = Encoded { text: round.to_string(), types: None };
        store.write(Write::set_key(key.clone(), value.clone(), None, reply), Durability::Process);
        let (reply, got) = Reply::channel();
        store.read(Read::key(key, 0, reply), true);
        assert_eq!(got.recv().unwrap().unwrap(), Some(value));
        set.recv().unwrap().unwrap();
    }
}

#[test]
fn a_key_is_gone_when_its_time_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    // Far off: what has ended by the clock of this machine goes by itself.
    let end = 4_102_444_800_000;
    let (reply, set) = Reply::channel();
    let value = Encoded { text: "1".into(), types: None };
    store.write(Write::set_key("k".into(), value, Some(end), reply), Durability::Process);
    set.recv().unwrap().unwrap();
    let has = |now| {
        let (reply, answer) = Reply::channel();
        store.read(Read::has_key("k".into(), now, reply), false);
        answer.recv().unwrap().unwrap()
    };
    assert!(has(end - 1));
    assert!(!has(end));
}

#[test]
fn lists_are_filtered_ordered_and_cut() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for (id, updated_at) in [("b/2", 20), ("a/1", 10), ("b/3", 30), ("b/1", 30)] {
        save(&store, &SessionImage { updated_at, ..image(id, &[]) }, Durability::Process).unwrap();
    }
    assert_eq!(list(&store, SessionFilter::default()), ["b/3", "b/1", "b/2", "a/1"]);
    let after = SessionFilter { updated_after: Some(20), updated_before: Some(30), ..SessionFilter::default() };
    assert_eq!(list(&store, after), ["b/2"]);
    let prefix = SessionFilter { id_prefix: Some("b/".into()), limit: Some(1), offset: 1, ..SessionFilter::default() };
    assert_eq!(list(&store, prefix), ["b/1"]);
}

#[test]
fn a_damaged_row_is_an_error_for_that_session_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    for id in ["good", "bad head", "bad message", "missing message"] {
        save(&store, &image(id, &[r#"{"n":1}"#]), Durability::Process).unwrap();
    }
    close(&store);
    let raw = Connection::open(&path).unwrap();
    raw.execute("UPDATE sessions SET data = replace(data, 'bad', 'sad') WHERE id = 'bad head'", []).unwrap();
    let message = "session = (SELECT number FROM sessions WHERE id = ?1)";
    raw.execute(&format!("UPDATE messages SET data = '{{\"n\":2}}' WHERE {message}"), ["bad message"]).unwrap();
    raw.execute(&format!("DELETE FROM messages WHERE {message}"), ["missing message"]).unwrap();
    drop(raw);

    let store = open(&path).unwrap();
    assert!(get(&store, "good").unwrap().is_some());
    for id in ["bad head", "bad message", "missing message"] {
        assert!(matches!(get(&store, id), Err(Error::Corrupt { .. })), "{id}");
    }
    assert_eq!(list(&store, SessionFilter::default()).len(), 4);
}

#[test]
fn a_damaged_number_harms_no_other_session() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    for damage_is_followed_by_save in [true, false] {
        let store = open(&path).unwrap();
        for id in ["a", "b"] {
            save(&store, &image(id, &[&format!(r#"{{"of":"{id}"}}"#)]), Durability::Process).unwrap();
        }
        close(&store);
        let raw = Connection::open(&path).unwrap();
        let number: i64 = raw.query_row("SELECT number FROM sessions WHERE id = 'b'", [], |row| row.get(0)).unwrap();
        // The index on numbers would not have it otherwise; a flipped bit in the file does not ask it.
        raw.execute("UPDATE sessions SET number = -number WHERE id = 'b'", []).unwrap();
        raw.execute("UPDATE sessions SET number = ?1 WHERE id = 'a'", [number]).unwrap();
        drop(raw);
        let store = open(&path).unwrap();
        let messages = |id| {
            let session = get(&store, id).unwrap().unwrap();
            session.messages.iter().map(|(text, _)| text.to_owned()).collect::<Vec<_>>()
        };
        if damage_is_followed_by_save {
            save(&store, &image("a", &["1"]), Durability::Process).unwrap();
            assert_eq!(messages("a"), ["1"]);
        } else {
            let (reply, deleted) = Reply::channel();
            store.write(Write::delete_session("a".into(), reply), Durability::Process);
            assert!(deleted.recv().unwrap().unwrap());
            assert!(get(&store, "a").unwrap().is_none());
        }
        // The other one's own row was changed here too, and is believed no more; its messages are all there.
        assert!(matches!(get(&store, "b"), Err(Error::Corrupt { .. })));
        close(&store);
        let raw = Connection::open(&path).unwrap();
        raw.execute("UPDATE sessions SET number = ?1 WHERE id = 'b'", [number]).unwrap();
        drop(raw);
        let store = open(&path).unwrap();
        let back = get(&store, "b").unwrap().unwrap();
        assert_eq!(back.messages.iter().next().unwrap().0, r#"{"of":"b"}"#);
        close(&store);
    }
}

#[test]
fn the_view_shows_whole_sessions_to_people() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &[r#"{"n":1}"#, r#"{"n":2}"#]), Durability::Process).unwrap();
    save(&store, &image("none", &[]), Durability::Process).unwrap();
    let raw = Connection::open(&path).unwrap();
    let whole = |id| -> String {
        raw.query_row("SELECT data FROM sessions_full WHERE id = ?1", [id], |row| row.get(0)).unwrap()
    };
    assert_eq!(whole("one"), r#"{"id":"one","messages":[{"n":1},{"n":2}]}"#);
    assert_eq!(whole("none"), r#"{"id":"none","messages":[]}"#);
}

#[test]
fn files_of_others_and_of_the_future_are_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let future = directory.path().join("future.db");
    close(&open(&future).unwrap());
    let raw = Connection::open(&future).unwrap();
    raw.pragma_update(None, "user_version", schema::SCHEMA_VERSION + 1).unwrap();
    drop(raw);
    let garbage = directory.path().join("garbage.db");
    std::fs::write(&garbage, vec![b'x'; 4096]).unwrap();
    for path in [&foreign, &future, &garbage] {
        let before = std::fs::read(path).unwrap();
        let error = open(path).map(|_| ()).unwrap_err();
        assert!(matches!(error.code(), "ERR_VERSION" | "ERR_CORRUPT"), "{error}");
        assert_eq!(std::fs::read(path).unwrap(), before, "nothing was written");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_or_replaced_is_written_to_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &[]), Durability::Power).unwrap();
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    assert!(matches!(save(&store, &image("two", &[]), Durability::Power), Err(Error::Io { .. })));
    std::fs::write(&path, "another file").unwrap();
    assert!(matches!(save(&store, &image("two", &[]), Durability::Power), Err(Error::Io { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"another file");
    // Put back, it goes on.
    std::fs::rename(directory.path().join("moved.db"), &path).unwrap();
    save(&store, &image("two", &[]), Durability::Power).unwrap();
}

#[test]
fn what_is_queued_lands_before_a_drain_ends_closed_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let answers: Vec<_> = (0..200)
        .map(|index| {
            let (reply, saved) = Reply::channel();
            store.write(Write::save_session(image(&index.to_string(), &["1"]), reply), Durability::Power);
            saved
        })
        .collect();
    store.close(Reply::new(|_| ()));
    assert!(store.drain(Duration::from_secs(30), true));
    assert!(answers.iter().all(|answer| matches!(answer.try_recv(), Ok(Ok(_)))));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/s.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &[]), Durability::Process).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
}

#[test]
fn a_full_queue_is_an_error_and_no_wait() {
    let directory = tempfile::tempdir().unwrap();
    let (reply, opened) = Reply::channel();
    let options = SqliteOptions {
        path: directory.path().join("s.db"),
        readers: 1,
        busy_timeout: Duration::from_secs(5),
        max_queue_bytes: 10_000,
        direct: true,
        read_mark: None,
    };
    let store = SqliteStore::open(&options, reply).unwrap();
    opened.recv().unwrap().unwrap();
    // Another connection holds the write lock, so the writer is busy with the first change.
    let blocker = Connection::open(&options.path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers: Vec<_> = (0..20)
        .map(|index| {
            let (reply, set) = Reply::channel();
            let value = Encoded { text: "x".repeat(2_000), types: None };
            store.write(Write::set_key(format!("k{index}"), value, None, reply), Durability::Process);
            set
        })
        .collect();
    blocker.execute_batch("COMMIT").unwrap();
    let outcomes: Vec<_> = answers.into_iter().map(|answer| answer.recv().unwrap()).collect();
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Backpressure { .. }))));
    assert!(outcomes.iter().any(Result::is_ok));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_text_comes_back_byte_for_byte(texts in prop::collection::vec("[^\n]{1,200}", 0..20), types in prop::option::of("[^\n]{1,20}")) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory.path().join("s.db")).unwrap();
        let mut saved = image("any", &[]);
        for text in &texts {
            saved.messages[0].push(text, types.as_deref());
        }
        saved.head.types = types;
        save(&store, &saved, Durability::Process).unwrap();
        let back = get(&store, "any").unwrap().unwrap();
        prop_assert_eq!((back.head, back.messages), (saved.head, whole(&saved.messages)));
    }
}
