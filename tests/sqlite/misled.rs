//! A bit of an index is turned over: what is written goes to the row that it is meant for, whatever row the index leads to, and
//! to no other.

use std::{fs, path::Path};

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Appendix, Encoded, Expected, Lines, SessionChanges, SessionImage},
        sqlite::{Read, SqliteStore, Verification, Write},
    },
};

use crate::support::{assert_counts_are_true, close, get, image, open, raw, save, texts, write};

const IDS: [&str; 4] = ["s1", "s2", "s3", "s4"];

fn value(text: &str) -> Encoded {
    Encoded { text: format!("{text:?}"), types: None }
}

fn key(store: &SqliteStore, id: &str) -> Option<String> {
    let (reply, got) = Reply::channel();
    store.read(Read::key(format!("k{id}"), 0, reply), false);
    got.recv().unwrap().unwrap().map(|value| value.text)
}

fn damage(store: &SqliteStore) -> Vec<String> {
    let (reply, verified) = Reply::<Verification>::channel();
    store.verify(reply);
    verified.recv().unwrap().unwrap().damaged.into_iter().map(|it| format!("{}: {}", it.id, it.detail)).collect()
}

/// Four sessions and four keys in rows 1 to 4, of which the sessions have the numbers 1 to 4 as well.
fn fill(path: &Path) {
    let store = open(path).unwrap();
    for (index, id) in IDS.into_iter().enumerate() {
        let updated_at = 10 + i64::try_from(index).unwrap();
        save(&store, &SessionImage { updated_at, ..image(id, &["\"old\""]) }, Durability::Process).unwrap();
    }
    for id in IDS {
        write(&store, |reply| Write::set_key(format!("k{id}"), value("old"), Some(i64::MAX), reply)).unwrap();
    }
    close(&store);
}

/// Turns bits of what an index says of the second row: of a byte counted from the end, where the row's number is the last.
fn flip(path: &Path, index: &str, from_end: usize, bits: u8) {
    let raw = raw(path);
    let ask = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let root = ask(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{index}'"));
    let page_size = usize::try_from(ask("PRAGMA page_size")).unwrap();
    drop(raw);
    let mut bytes = fs::read(path).unwrap();
    let page = (usize::try_from(root).unwrap() - 1) * page_size;
    let second = page + 8 + 2;
    let cell = page + usize::from(u16::from_be_bytes([bytes[second], bytes[second + 1]]));
    let end = cell + 1 + usize::from(bytes[cell]);
    bytes[end - from_end] ^= bits;
    fs::write(path, bytes).unwrap();
}

/// Where an index leads elsewhere, or is not what the row says: its name, a byte from the end of what it says, and bits.
const DAMAGES: [(&str, usize, u8); 8] = [
    ("sqlite_autoindex_sessions_1", 1, 1),
    ("sqlite_autoindex_sessions_1", 1, 64),
    ("sqlite_autoindex_sessions_2", 1, 1),
    ("sqlite_autoindex_sessions_2", 2, 64),
    ("idx_sessions_updated", 1, 1),
    ("idx_sessions_active_agent", 1, 1),
    ("sqlite_autoindex_key_values_1", 1, 1),
    ("sqlite_autoindex_key_values_1", 1, 64),
];

type Change = fn(&SqliteStore) -> Result<()>;

/// What is done to the second of them, what its session's messages are then, and what its key is.
const CHANGES: [(&str, Change, &[&str], Option<&str>); 9] = [
    ("save", |store| save(store, &image("s2", &["\"new\""]), Durability::Process).map(drop), &["\"new\""], Some("old")),
    (
        "save many",
        |store| write(store, |reply| Write::save_sessions(vec![image("s2", &["\"new\""])], reply)),
        &["\"new\""],
        Some("old"),
    ),
    (
        "changes",
        |store| write(store, |reply| Write::save_changes(changes(), reply)).map(drop),
        &["\"new\""],
        Some("old"),
    ),
    (
        "append",
        |store| write(store, |reply| Write::append_messages(appendix(), reply)).map(drop),
        &["\"old\"", "\"new\""],
        Some("old"),
    ),
    ("delete", |store| write(store, |reply| Write::delete_session("s2".into(), reply)).map(drop), &[], Some("old")),
    (
        "delete many",
        |store| write(store, |reply| Write::delete_sessions(vec!["s2".into()], reply)).map(drop),
        &[],
        Some("old"),
    ),
    (
        "set key",
        |store| write(store, |reply| Write::set_key("ks2".into(), value("new"), None, reply)),
        &["\"old\""],
        Some("new"),
    ),
    (
        "delete key",
        |store| write(store, |reply| Write::delete_key("ks2".into(), 0, reply)).map(drop),
        &["\"old\""],
        None,
    ),
    (
        "delete keys",
        |store| write(store, |reply| Write::delete_keys(vec!["ks2".into()], 0, reply)).map(drop),
        &["\"old\""],
        None,
    ),
];

fn lines(text: &str) -> Lines {
    let mut lines = Lines::default();
    lines.push(text, None);
    lines
}

fn changes() -> SessionChanges {
    SessionChanges {
        id: "s2".into(),
        head: Encoded { text: r#"{"id":"s2","messages":[]}"#.into(), types: None },
        active_agent: None,
        created_at: 5,
        updated_at: 30,
        base_stamp: 1,
        stamp: 2,
        removed: Vec::new(),
        positions: vec![0],
        messages: lines("\"new\""),
        message_count: 1,
        expected: Expected::Anything,
    }
}

fn appendix() -> Appendix {
    Appendix { id: "s2".into(), messages: lines("\"new\""), count: 1, now: (30, "30".into()), stamp: 2 }
}

#[test]
fn a_change_is_made_to_its_own_row_and_to_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let sound = directory.path().join("sound.db");
    fill(&sound);
    for (index, from_end, bits) in DAMAGES {
        for (name, change, messages, of_key) in CHANGES {
            let what = format!("{name}, {index}, {from_end}, {bits}");
            let path = directory.path().join("damaged.db");
            fs::copy(&sound, &path).unwrap();
            flip(&path, index, from_end, bits);
            let store = open(&path).unwrap();
            assert!(!damage(&store).is_empty(), "{what}");
            // Before anything is read: what is read must not be what helps.
            change(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
            // What is in the way of nothing that was asked for is as it was.
            let left = damage(&store);
            if index.contains("key") == name.contains("key") || left.is_empty() {
                assert!(left.is_empty() || left.iter().any(|damage| damage.contains(index)), "{what}: {left:?}");
                for id in ["s1", "s3", "s4"] {
                    assert_eq!(texts(&store, id), ["\"old\""], "{what}: {id}");
                    assert_eq!(key(&store, id).as_deref(), Some("\"old\""), "{what}: {id}");
                }
                assert_eq!(get(&store, "s2").unwrap().is_some(), !messages.is_empty(), "{what}");
                assert!(messages.is_empty() || texts(&store, "s2") == messages, "{what}");
                assert_eq!(key(&store, "s2"), of_key.map(|text| format!("{text:?}")), "{what}");
            }
            close(&store);
            assert_counts_are_true(&path);
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn pruning_removes_what_is_old_and_nothing_else_whatever_an_index_says() {
    let directory = tempfile::tempdir().unwrap();
    let sound = directory.path().join("sound.db");
    fill(&sound);
    for (index, from_end, bits) in DAMAGES {
        let path = directory.path().join("damaged.db");
        fs::copy(&sound, &path).unwrap();
        flip(&path, index, from_end, bits);
        let store = open(&path).unwrap();
        let pruned = write(&store, |reply| Write::prune(12, 100, reply)).unwrap();
        assert!((1..=2).contains(&pruned.sessions), "{index}: {pruned:?}");
        for id in ["s3", "s4"] {
            assert_eq!(texts(&store, id), ["\"old\""], "{index}: {id}");
        }
        close(&store);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn one_who_shares_a_commit_with_a_misled_change_is_stored_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    flip(&path, "sqlite_autoindex_sessions_1", 1, 1);
    let store = open(&path).unwrap();
    // The writer waits for another connection, so that the others share a batch.
    let blocker = raw(&path);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers = ["s1", "s2", "s5", "s3"].map(|id| {
        let (reply, saved) = Reply::channel();
        store.write(Write::save_session(image(id, &["\"new\""]), reply), Durability::Process);
        saved
    });
    blocker.execute_batch("COMMIT").unwrap();
    for answer in answers {
        answer.recv().unwrap().unwrap();
    }
    for (id, message) in [("s1", "new"), ("s2", "new"), ("s3", "new"), ("s4", "old"), ("s5", "new")] {
        assert_eq!(texts(&store, id), [format!("{message:?}")], "{id}");
    }
    assert_eq!(damage(&store), [""; 0]);
}

#[test]
fn a_version_counter_that_fell_behind_keeps_nobody_from_saving_and_gives_no_version_twice() {
    for damage_of_it in [
        "UPDATE counters SET value = 3 WHERE name = 'version'",
        "UPDATE counters SET value = 41 WHERE name = 'version'",
        "UPDATE counters SET name = 'vercion' WHERE name = 'version'",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = open(&path).unwrap();
        let names: Vec<_> = (0..40).map(|index| format!("s{index}")).collect();
        for id in &names {
            save(&store, &image(id, &["1"]), Durability::Process).unwrap();
        }
        let last = (0..10).map(|_| save(&store, &image("s0", &["1"]), Durability::Process).unwrap()).max().unwrap();
        close(&store);
        raw(&path).execute(damage_of_it, []).unwrap();
        let store = open(&path).unwrap();
        let versions = ["s0", "new", "s1"].map(|id| save(&store, &image(id, &[]), Durability::Process).unwrap());
        assert!(versions.is_sorted_by(|one, next| one < next) && versions[0] > last, "{damage_of_it}: {versions:?}");
        for id in &names[2..] {
            assert_eq!(texts(&store, id), ["1"], "{damage_of_it}");
        }
        close(&store);
        let store = open(&path).unwrap();
        raw(&path).execute("UPDATE counters SET value = 7 WHERE name = 'version'", []).unwrap();
        let new = save(&store, &image("newer", &["1"]), Durability::Process).unwrap();
        assert!(new > versions[2], "{damage_of_it}: {new}");
        close(&store);
        assert!(count_of(&raw(&path), "SELECT count(*) - count(DISTINCT version) FROM sessions") == 0);
    }
}

fn count_of(raw: &Connection, sql: &str) -> i64 {
    raw.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_can_be_made_anew_is_also_where_something_else_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    flip(&path, "sqlite_autoindex_sessions_1", 1, 1);
    flip(&path, "sqlite_autoindex_key_values_1", 1, 1);
    raw(&path).execute("UPDATE counters SET value = 5 WHERE name = 'keys'", []).unwrap();
    let store = open(&path).unwrap();
    let set = || write(&store, |reply| Write::set_key("ks2".into(), value("new"), None, reply));
    for _ in 0..2 {
        assert!(matches!(set(), Err(Error::Corrupt { .. })), "there may be a key that nobody finds");
        save(&store, &image("s2", &["\"new\""]), Durability::Process).unwrap();
    }
    assert_eq!(texts(&store, "s2"), ["\"new\""]);
    close(&store);
}

#[test]
fn the_keys_are_found_again_also_where_the_sessions_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    flip(&path, "sqlite_autoindex_key_values_1", 1, 1);
    let page = count_of(&raw(&path), "SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'") - 1;
    let page_size = count_of(&raw(&path), "PRAGMA page_size");
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(page * page_size).unwrap()] = 0;
    fs::write(&path, bytes).unwrap();
    let store = open(&path).unwrap();
    assert!(get(&store, "s1").is_err());
    write(&store, |reply| Write::set_key("ks2".into(), value("new"), None, reply)).unwrap();
    close(&store);
}

#[test]
fn what_is_refused_by_what_was_made_anew_has_made_it_so_for_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    flip(&path, "sqlite_autoindex_sessions_1", 1, 1);
    let store = open(&path).unwrap();
    let first = SessionImage { expected: Expected::Nothing, ..image("s2", &["1"]) };
    assert!(matches!(save(&store, &first, Durability::Process), Err(Error::Conflict { .. })));
    save(&store, &image("s2", &["1"]), Durability::Process).unwrap();
    close(&store);
}

#[test]
fn no_version_is_below_all_others_that_there_may_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    raw(&path).execute("UPDATE counters SET value = -120 WHERE name = 'version'", []).unwrap();
    let store = open(&path).unwrap();
    let version = save(&store, &image("new", &["1"]), Durability::Process).unwrap();
    assert!(version > 4, "{version}");
    close(&store);
}

#[test]
fn a_version_counter_that_fell_behind_is_noticed_before_the_session_goes_that_tells_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    let store = open(&path).unwrap();
    let last = (0..10).map(|_| save(&store, &image("s2", &["1"]), Durability::Process).unwrap()).max().unwrap();
    close(&store);
    raw(&path).execute("UPDATE counters SET value = 6 WHERE name = 'version'", []).unwrap();
    let store = open(&path).unwrap();
    assert!(write(&store, |reply| Write::delete_session("s2".into(), reply)).unwrap());
    let version = save(&store, &image("s2", &["1"]), Durability::Process).unwrap();
    assert!(version > last, "{version} is not behind {last}");
    close(&store);
}
