//! Pruning, giving pages back, backups and verification.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, SessionFilter, SessionImage},
        sqlite::{Damage, Kind, Pruned, Read, SqliteStore, Verification, Write},
    },
};

use crate::support::{close, get, image, list, open, save, whole};

fn ask<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T> {
    let (reply, answer) = Reply::channel();
    ask(reply);
    answer.recv().unwrap()
}

fn prune(store: &SqliteStore, before: i64, limit: usize) -> Pruned {
    ask(|reply| store.write(Write::prune(before, limit, reply), Durability::Process)).unwrap()
}

fn set(store: &SqliteStore, key: &str) {
    let value = Encoded { text: "1".into(), types: None };
    ask(|reply| store.write(Write::set_key(key.into(), value, None, reply), Durability::Process)).unwrap();
}

fn verify(store: &SqliteStore) -> Verification {
    ask(|reply| store.verify(reply)).unwrap()
}

fn aged(id: &str, updated_at: i64, messages: &[&str]) -> SessionImage {
    SessionImage { updated_at, ..image(id, messages) }
}

#[test]
fn old_sessions_go_in_batches_the_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for (id, updated_at) in [("new", 100), ("c", 30), ("a", 10), ("b", 20), ("edge", 50)] {
        save(&store, &aged(id, updated_at, &["1", "2"]), Durability::Process).unwrap();
    }
    let bytes = |id: &str| 2 * 22 + format!(r#"{{"id":{id:?},"messages":[]}}"#).len() as i64;
    let three = Pruned { sessions: 3, messages: 6, bytes: 3 * bytes("a"), more: false };
    assert_eq!(ask(|reply| store.preview_prune(50, reply)).unwrap(), three);
    assert_eq!(list(&store, SessionFilter::default()).len(), 5, "a dry run removes nothing");

    assert_eq!(prune(&store, 50, 2), Pruned { sessions: 2, messages: 4, bytes: 2 * bytes("a"), more: true });
    assert_eq!(list(&store, SessionFilter::default()), ["new", "edge", "c"]);
    assert_eq!(prune(&store, 50, 2), Pruned { sessions: 1, messages: 2, bytes: bytes("c"), more: false });
    assert_eq!(prune(&store, 50, 2), Pruned::default());
    assert_eq!(list(&store, SessionFilter::default()), ["new", "edge"]);
    let found = verify(&store);
    assert_eq!((found.sessions, found.messages, found.damaged), (2, 4, Vec::new()));
}

#[test]
fn pruning_leaves_damaged_sessions_and_goes_past_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    for (id, updated_at) in [("damaged", 1), ("old", 2)] {
        save(&store, &aged(id, updated_at, &[]), Durability::Process).unwrap();
    }
    Connection::open(&path).unwrap().execute("UPDATE sessions SET created_at = 9 WHERE id = 'damaged'", []).unwrap();
    assert_eq!(prune(&store, 10, 1).sessions, 1);
    assert_eq!(prune(&store, 10, 1), Pruned::default());
    assert_eq!(list(&store, SessionFilter::default()), ["damaged"]);
}

#[test]
fn what_was_removed_is_given_back_to_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let large = format!("{:?}", "x".repeat(1 << 20));
    for index in 0..40 {
        save(&store, &aged(&index.to_string(), index, &[&large]), Durability::Process).unwrap();
    }
    // Large ones go a few at a time: who writes meanwhile waits for no more than that.
    let batches = std::iter::from_fn(|| Some(prune(&store, 39, 100)).filter(|batch| batch.sessions > 0));
    assert_eq!(
        batches.map(|batch| (batch.sessions, batch.more)).collect::<Vec<_>>(),
        [(16, true), (16, true), (7, false)]
    );
    let freed = ask(|reply| store.reclaim(reply)).unwrap();
    assert!(freed > 39 << 20, "{freed} bytes");
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 2 << 20, "the file has {size} bytes");
    assert_eq!(ask(|reply| store.reclaim(reply)).unwrap(), 0);
    assert!(get(&store, "39").unwrap().is_some());
    assert!(verify(&store).damaged.is_empty());
}

#[test]
fn a_backup_is_a_store_of_one_moment_although_others_write_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory.path().join("s.db")).unwrap());
    let filler = format!("{:?}", "x".repeat(1 << 20));
    save(&store, &image("filler", &[filler.as_str(); 20]), Durability::Process).unwrap();
    // Two sessions that are always saved in this order: a moment never has the second ahead of the first.
    let round = |store: &SqliteStore, round: i64| {
        for id in ["first", "second"] {
            save(store, &aged(id, round, &[&round.to_string()]), Durability::Process).unwrap();
        }
    };
    round(&store, 0);
    let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
    let writer = std::thread::spawn({
        let store = Arc::clone(&store);
        move || {
            (1..)
                .take_while(|_| stopped.try_recv() == Err(crossbeam_channel::TryRecvError::Empty))
                .for_each(|number| round(&store, number))
        }
    });
    let backups: Vec<_> = (0..5).map(|index| directory.path().join(format!("backup-{index}.db"))).collect();
    for backup in &backups {
        ask(|reply| store.backup(backup.clone(), reply)).unwrap();
    }
    drop(stop);
    writer.join().unwrap();
    for backup in &backups {
        let copy = open(backup).unwrap();
        let found = verify(&copy);
        assert_eq!((found.sessions, found.messages, found.damaged), (3, 22, Vec::new()));
        let at = |id| whole_number(&copy, id);
        assert!(at("first") == at("second") || at("first") == at("second") + 1);
        close(&copy);
    }
    let left: Vec<_> = names(directory.path()).into_iter().filter(|name| name.starts_with("backup")).collect();
    assert_eq!(left, ["backup-0.db", "backup-1.db", "backup-2.db", "backup-3.db", "backup-4.db"]);
}

fn whole_number(store: &SqliteStore, id: &str) -> i64 {
    let session = get(store, id).unwrap().unwrap();
    whole(&[session.messages]).texts.parse().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_backup_has_what_was_queued_before_it_and_is_nobody_elses_business() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let (reply, _) = Reply::channel();
    store.write(Write::save_session(image("one", &["1"]), reply), Durability::Process);
    let target = directory.path().join("b.db");
    ask(|reply| store.backup(target.clone(), reply)).unwrap();
    assert_eq!(names(directory.path()), ["b.db", "s.db", "s.db-reserve", "s.db-shm", "s.db-wal"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(get(&open(&target).unwrap(), "one").unwrap().is_some());
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let taken = directory.path().join("taken");
    std::fs::write(&taken, "precious").unwrap();
    for target in [&taken, &path] {
        assert!(matches!(ask(|reply| store.backup(target.clone(), reply)), Err(Error::OptionInvalid(_))));
    }
    assert_eq!(std::fs::read(&taken).unwrap(), b"precious");
    let nowhere = directory.path().join("nowhere/b.db");
    assert!(matches!(ask(|reply| store.backup(nowhere, reply)), Err(Error::Io { .. })));
    assert_eq!(names(directory.path()), ["s.db", "s.db-reserve", "s.db-shm", "s.db-wal", "taken"]);
}

#[test]
fn a_backup_removes_what_one_to_the_same_place_has_left_that_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let id = "01a21d067a547409936b3bbe8c0a8c97";
    let leave = |name: &str, hours: u64| {
        let file = std::fs::File::create(directory.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    };
    leave(&format!("b.db.{id}.partial"), 2);
    // That of one that goes on, and others.
    let others = [
        (format!("b.db.{}.partial", id.replace('0', "1")), 0),
        (format!("a.db.{id}.partial"), 2),
        ("b.db.mine.partial".into(), 2),
        (format!("b.db.{id}.partial.old"), 2),
    ];
    for (name, hours) in &others {
        leave(name, *hours);
    }
    ask(|reply| store.backup(directory.path().join("b.db"), reply)).unwrap();
    let mut expected: Vec<_> = others.iter().map(|(name, _)| &**name).collect();
    expected.extend(["b.db", "s.db", "s.db-reserve", "s.db-shm", "s.db-wal"]);
    expected.sort_unstable();
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn verification_counts_what_is_there_and_finds_nothing_where_nothing_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for index in 0..300 {
        save(&store, &image(&index.to_string(), &["1", "2"]), Durability::Process).unwrap();
        set(&store, &index.to_string());
    }
    let found = verify(&store);
    assert_eq!((found.sessions, found.messages, found.keys, found.damaged), (300, 600, 300, Vec::new()));
}

#[test]
fn verification_finds_each_planted_damage_and_only_that() {
    let directory = tempfile::tempdir().unwrap();
    let of_two = "session = (SELECT number FROM sessions WHERE id = 'two')";
    let damages: [(&str, Kind, &str); 13] = [
        ("UPDATE sessions SET data = replace(data, 'two', 'tvo') WHERE id = 'two'", Kind::Session, "two"),
        ("UPDATE sessions SET types = '{}' WHERE id = 'two'", Kind::Session, "two"),
        ("UPDATE sessions SET updated_at = 7 WHERE id = 'two'", Kind::Session, "two"),
        ("UPDATE sessions SET message_bytes = 7 WHERE id = 'two'", Kind::Session, "two"),
        ("UPDATE messages SET data = '9' WHERE of_two AND position = 0", Kind::Session, "two"),
        ("UPDATE messages SET types = '9' WHERE of_two AND position = 0", Kind::Session, "two"),
        ("UPDATE messages SET position = -1 WHERE of_two AND position = 0", Kind::Session, "two"),
        ("DELETE FROM messages WHERE of_two AND position = 0", Kind::Session, "two"),
        ("INSERT INTO messages VALUES (1000, 0, '1', NULL, 0)", Kind::File, "messages"),
        ("UPDATE key_values SET data = '9' WHERE key = 'two'", Kind::Key, "two"),
        ("UPDATE key_values SET expires_at = 9 WHERE key = 'two'", Kind::Key, "two"),
        ("UPDATE counters SET value = value + 1 WHERE name = 'messages'", Kind::File, "counters"),
        ("UPDATE counters SET value = 1 WHERE name = 'version'", Kind::File, "counters"),
    ];
    for (index, (damage, kind, id)) in damages.into_iter().enumerate() {
        let path = directory.path().join(format!("{index}.db"));
        let store = open(&path).unwrap();
        for id in ["one", "two", "three"] {
            save(&store, &image(id, &["1", "2"]), Durability::Process).unwrap();
            set(&store, id);
        }
        let damage = damage.replace("of_two", of_two);
        assert_eq!(Connection::open(&path).unwrap().execute(&damage, []).unwrap(), 1, "{damage}");
        let found = verify(&store);
        assert_eq!((found.sessions, found.keys), (3, 3), "{damage}");
        let [Damage { kind: found_kind, id: found_id, detail }] = &*found.damaged else {
            panic!("{damage}: {:?}", found.damaged)
        };
        assert_eq!((*found_kind, &**found_id), (kind, id), "{damage}: {detail}");
    }
}

#[test]
fn verification_goes_on_past_broken_pages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let large = format!("{:?}", "x".repeat(20_000));
    for index in 0..50 {
        save(&store, &image(&format!("session {index}"), &[&large]), Durability::Process).unwrap();
        set(&store, &index.to_string());
    }
    close(&store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64 * 1024].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let store = open(&path).unwrap();
    let found = verify(&store);
    assert!(found.damaged.len() > 1, "{:?}", found.damaged);
    assert!(found.messages > 10, "{} messages were sound", found.messages);
    assert_eq!(found.keys, 50);
}

#[test]
fn a_close_ends_a_verification() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let messages = vec!["1"; 2_000];
    for index in 0..100 {
        save(&store, &image(&index.to_string(), &messages), Durability::Process).unwrap();
    }
    let (reply, verified) = Reply::channel();
    store.verify(reply);
    close(&store);
    assert!(matches!(verified.recv().unwrap(), Err(Error::Closed("the store"))));
    assert!(!path.with_extension("db-wal").exists(), "the writer was the last to close the file");
    assert!(matches!(ask(|reply| store.verify(reply)), Err(Error::Closed("the store"))));
    assert!(matches!(ask(|reply| store.backup(path.clone(), reply)), Err(Error::Closed("the store"))));
    assert!(matches!(ask(|reply| store.reclaim(reply)), Err(Error::Closed("the store"))));
    assert!(matches!(ask(|reply| store.read(Read::has_key("k".into(), 0, reply), false)), Err(Error::Closed(_))));
}
