//! Files of earlier versions: `tests/fixture/` has one that each version wrote, and it never changes.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, SessionFilter, Stats},
        sqlite::{Read, SqliteStore, Write, schema},
    },
};

use crate::support::{close, get, image, list, open, save, texts, wait_until, write};

fn copy_of_version_1(directory: &Path) -> PathBuf {
    let path = directory.join("s.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/sessions-v1.db"), &path).unwrap();
    path
}

fn key(store: &SqliteStore, key: &str) -> Result<Option<Encoded>> {
    let (reply, got) = Reply::channel();
    store.read(Read::key(key.into(), 1_000, reply), false);
    got.recv().unwrap()
}

#[test]
fn a_file_of_version_1_comes_whole_and_its_damage_stays_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&copy_of_version_1(directory.path())).unwrap();
    let plain = get(&store, "plain").unwrap().unwrap();
    assert_eq!(plain.head.types.as_deref(), Some(r#"{"/createdAt":"Date","/updatedAt":"Date"}"#));
    let messages: Vec<_> = plain.messages.iter().collect();
    assert_eq!(messages[0].1, Some(r#"{"/timestamp":"Date"}"#));
    assert_eq!(messages[1], (r#"{"id":"m2","role":"agent","content":"Hi"}"#, None));
    let foreign = get(&store, "Grüße — 日本 🙂").unwrap().unwrap();
    assert_eq!(foreign.messages.texts, r#"{"content":"naïve — 日本 🙂","tags":[["a",1]]}"#);
    assert_eq!(get(&store, "empty").unwrap().unwrap().messages.iter().count(), 0);
    assert!(get(&store, "gone").unwrap().is_none());
    for id in ["damaged head", "damaged message"] {
        assert!(matches!(get(&store, id), Err(Error::Corrupt { .. })), "{id}");
    }
    let agent = SessionFilter { active_agent: Some("Übersetzer".into()), ..SessionFilter::default() };
    assert_eq!(list(&store, agent), ["Grüße — 日本 🙂"]);

    assert_eq!(key(&store, "plain").unwrap().unwrap().text, "1");
    assert_eq!(key(&store, "Schlüssel 🔑").unwrap().unwrap().types.as_deref(), Some(r#"{"/0":"Date"}"#));
    assert!(key(&store, "until 2100").unwrap().is_some());
    assert!(key(&store, "expired").unwrap().is_none());
    assert!(matches!(key(&store, "damaged"), Err(Error::Corrupt { .. })));

    // A version that was given out is not given out again.
    let mut again = image("gone", &[]);
    again.updated_at = 9;
    assert!(save(&store, &again, Durability::Process).unwrap() > 6);
}

#[test]
fn a_migrated_file_is_as_a_new_one_and_counts_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let old = copy_of_version_1(directory.path());
    let new = directory.path().join("new.db");
    let store = open(&old).unwrap();
    let (reply, counted) = Reply::channel();
    store.read(Read::stats(1_000, reply), false);
    let Stats { sessions, messages, keys, .. } = counted.recv().unwrap().unwrap();
    assert_eq!((sessions, messages, keys), (5, 6, 4));
    close(&store);
    close(&open(&new).unwrap());

    let raw = [&old, &new].map(|path| Connection::open(path).unwrap());
    let described = raw.each_ref().map(|connection| {
        let mut statement =
            connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        });
        rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    });
    assert_eq!(described[0], described[1]);
    let version: i32 = raw[0].pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, schema::SCHEMA_VERSION);
    // Opened again, nothing is migrated twice.
    drop(raw);
    let store = open(&old).unwrap();
    assert!(get(&store, "plain").unwrap().is_some());
}

#[test]
fn a_migrated_file_gives_pages_back_also_while_another_store_has_it_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = copy_of_version_1(directory.path());
    let (store, other) = (open(&path).unwrap(), open(&path).unwrap());
    let damaged = |store: &SqliteStore| {
        let (reply, report) = Reply::channel();
        store.verify(reply);
        report.recv().unwrap().unwrap().damaged
    };
    let before = damaged(&store);
    let large = format!("{:?}", "x".repeat(1 << 20));
    for store in [&store, &other] {
        for id in 0..10 {
            save(store, &image(&id.to_string(), &[&large]), Durability::Process).unwrap();
        }
    }
    assert!(get(&other, "0").unwrap().is_some());
    let size = || std::fs::metadata(&path).unwrap().len();
    let remove = |store: &SqliteStore, ids: std::ops::Range<i32>| {
        for id in ids {
            write(store, |reply| Write::delete_session(id.to_string(), reply)).unwrap();
        }
    };
    let reclaim = |store: &SqliteStore| {
        let (reply, freed) = Reply::channel();
        store.reclaim(reply);
        freed.recv().unwrap().unwrap()
    };
    remove(&store, 0..8);
    assert!(reclaim(&store) > 7 << 20);
    // The other store may be folding the log at this moment: then the file is cut by a later checkpoint.
    wait_until("the file is cut", || size() < 4 << 20);
    // The other store goes on with the file as it is now, and gives back in steps as with any other.
    save(&other, &image("late", &[&large]), Durability::Process).unwrap();
    assert_eq!(texts(&other, "9"), [large.as_str()]);
    remove(&other, 8..10);
    assert!(reclaim(&other) > 1 << 20);
    assert_eq!(texts(&store, "late"), [large.as_str()]);
    for store in [&store, &other] {
        assert_eq!(damaged(store), before, "only what the fixture has");
        close(store);
    }
}

#[test]
fn a_row_with_columns_of_the_wrong_kind_does_not_keep_the_others_from_migrating() {
    let directory = tempfile::tempdir().unwrap();
    let path = copy_of_version_1(directory.path());
    let edit = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    // What a flipped bit does to a row, done with the guard against it taken away and put back.
    edit(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'sessions'",
    );
    edit("UPDATE sessions SET data = x'FF00', created_at = 'x', number = 1.5 WHERE id = 'empty'");
    edit("UPDATE sessions SET crc = 'x' WHERE id = 'damaged message'");
    edit("UPDATE sessions SET number = number - 0.5 WHERE id = 'damaged head'");
    edit("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql || 'STRICT' WHERE name = 'sessions'");
    let store = open(&path).unwrap();
    for id in ["empty", "damaged message", "damaged head"] {
        assert!(matches!(get(&store, id), Err(Error::Corrupt { .. })), "{id}");
    }
    assert_eq!(texts(&store, "plain").len(), 2);
}
