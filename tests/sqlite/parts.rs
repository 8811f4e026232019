//! Parts of sessions, and small things on the calling thread.

use std::sync::Arc;

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::Encoded,
        sqlite::{Glance, Part, Piece, Read, SessionInfo, SessionReading, SqliteStore, Write},
    },
};

use crate::support::{close, engine_text as text, image, long, messages, open, open_with, save, values};

fn part(store: &SqliteStore, id: &str, part: Part) -> Result<Option<Piece>> {
    pieces(store, id, part).map(|found| found.and_then(|mut pieces| pieces.pop()))
}

fn pieces(store: &SqliteStore, id: &str, part: Part) -> Result<Option<Vec<Piece>>> {
    let (reply, got) = Reply::channel();
    let reading = Arc::new(SessionReading::new(|| ()));
    store.read(Read::messages(id.into(), part, Arc::clone(&reading), reply), false);
    let last = got.recv().unwrap()?;
    let before = std::iter::from_fn(|| reading.next_piece());
    Ok(last.map(|last| before.chain([last]).collect()))
}

fn info(store: &SqliteStore, id: &str) -> Result<Option<SessionInfo>> {
    let (reply, got) = Reply::channel();
    store.read(Read::session_info(id.into(), reply), false);
    got.recv().unwrap()
}

#[test]
fn parts_of_a_session_are_those_that_were_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let texts: Vec<String> = (0..20).map(|index| index.to_string()).collect();
    save(&store, &long("one", &texts), Durability::Process).unwrap();
    let bounds = [None, Some(0), Some(1), Some(3), Some(19), Some(20), Some(50)];
    for last in bounds {
        for before in bounds {
            for limit in bounds {
                let end = before.unwrap_or(20).min(20);
                let first = last.map_or(0, |last| (end - last).max(0));
                let to = limit.map_or(end, |limit| end.min(first + limit));
                let expected: Vec<serde_json::Value> = (first..to).map(serde_json::Value::from).collect();
                let piece = part(&store, "one", Part { last, before, limit }).unwrap().unwrap();
                assert_eq!(values(std::slice::from_ref(&piece)), expected, "{last:?} {before:?} {limit:?}");
                assert_eq!(piece.positions, (first..to).map(|at| at << 20).collect::<Vec<_>>());
            }
        }
    }
    assert!(part(&store, "none", Part::default()).unwrap().is_none());
    let newest = Part { last: Some(2), ..Part::default() };
    Connection::open(&path).unwrap().execute("DELETE FROM messages WHERE position = 19 << 20", []).unwrap();
    assert!(part(&store, "one", Part { last: Some(19), ..Part::default() }).is_ok());
    Connection::open(&path).unwrap().execute("UPDATE messages SET data = '0' WHERE position = 18 << 20", []).unwrap();
    assert!(matches!(part(&store, "one", newest), Err(Error::Corrupt { .. })));
    assert!(matches!(part(&store, "one", Part::default()), Err(Error::Corrupt { .. })));
}

#[test]
fn a_large_part_comes_in_pieces_of_whole_messages() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let texts = messages(30, 15_000);
    save(&store, &long("one", &texts), Durability::Process).unwrap();
    for (part, from) in [(Part::default(), 0), (Part { last: Some(20), ..Part::default() }, 10)] {
        let found = pieces(&store, "one", part).unwrap().unwrap();
        assert!(found.len() > 5, "{} pieces", found.len());
        let expected: Vec<serde_json::Value> =
            texts[from..].iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(values(&found), expected);
    }
    assert_eq!(pieces(&store, "one", Part { last: Some(2), ..Part::default() }).unwrap().unwrap().len(), 1);
}

#[test]
fn versions_are_told_in_the_order_of_the_ids_and_change_with_each_save() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let versions = |ids: &[&str]| -> Vec<Option<i64>> {
        let (reply, got) = Reply::channel();
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        store.read(Read::session_versions(ids, reply), false);
        got.recv().unwrap().unwrap()
    };
    for id in ["a", "b"] {
        save(&store, &long(id, &["text".to_owned()]), Durability::Process).unwrap();
    }
    let known = |id: &str| info(&store, id).unwrap().map(|info| info.version);
    let before = versions(&["b", "none", "a", "b"]);
    assert_eq!(before, [known("b"), None, known("a"), known("b")]);
    save(&store, &long("b", &["other".to_owned()]), Durability::Process).unwrap();
    let after = versions(&["b", "none", "a"]);
    assert!(after[0] > before[0]);
    assert_eq!(after[1..], before[1..3]);
    assert!(versions(&[]).is_empty());
}

#[test]
fn what_is_to_know_about_a_session_takes_none_of_its_messages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let version = save(&store, &image("one", &["1", "22"]), Durability::Process).unwrap();
    Connection::open(&path).unwrap().execute("DELETE FROM messages", []).unwrap();
    let known = info(&store, "one").unwrap().unwrap();
    let expected = SessionInfo {
        message_count: 2,
        message_bytes: 3 + 2 * 21,
        data_bytes: 26,
        active_agent: Some("writer".into()),
        created_at: 1,
        updated_at: 2,
        version,
    };
    assert_eq!(known, expected);
    assert!(info(&store, "none").unwrap().is_none());
}

#[test]
fn what_is_small_is_read_on_the_calling_thread_and_the_rest_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("small", &["1", "2"]), Durability::Process).unwrap();
    save(&store, &long("large", &messages(100, 1_000)), Durability::Process).unwrap();
    save(&store, &long("many", &messages(1_001, 1)), Durability::Process).unwrap();
    // So far away that nothing reclaims it.
    let end = 1 << 50;
    for (key, length, end) in [("small", 10, None), ("large", 70_000, None), ("mortal", 10, Some(end))] {
        let (reply, set) = Reply::channel();
        let value = Encoded { text: format!("{:?}", "z".repeat(length)), types: Some("{}".into()) };
        store.write(Write::set_key(key.into(), value, end, reply), Durability::Process);
        set.recv().unwrap().unwrap();
    }
    let Glance::Found(small) = store.small_session("small") else { panic!("it is small") };
    assert_eq!(small.head.message_count, 2);
    assert_eq!(text(&small.messages.messages), "[1,2]");
    assert!(matches!(store.small_session("large"), Glance::AskReader));
    assert!(matches!(store.small_session("many"), Glance::AskReader));
    assert!(matches!(store.small_session("none"), Glance::Nothing));
    let found = Glance::Found(Encoded { text: format!("{:?}", "z".repeat(10)), types: Some("{}".into()) });
    assert_eq!(store.small_key("small", 0), found);
    assert_eq!(store.small_key("mortal", end - 1), found);
    assert_eq!(store.small_key("mortal", end), Glance::Nothing);
    assert_eq!(store.small_key("large", 0), Glance::AskReader);
    assert_eq!(store.small_key("none", 0), Glance::Nothing);

    let raw = Connection::open(&path).unwrap();
    raw.execute("UPDATE key_values SET data = '1' WHERE key = 'small'", []).unwrap();
    raw.execute("UPDATE sessions SET message_bytes = 1 WHERE id = 'large'", []).unwrap();
    raw.execute("UPDATE messages SET data = '3' WHERE data = '2'", []).unwrap();
    assert_eq!(store.small_key("small", 0), Glance::AskReader, "damage is for the reader to tell");
    assert!(matches!(store.small_session("large"), Glance::AskReader));
    assert!(matches!(store.small_session("small"), Glance::AskReader));
}

#[test]
fn nothing_is_read_on_the_calling_thread_where_that_is_forbidden_or_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let forbidden = open_with(&path, |options| options.direct = false).unwrap();
    assert_eq!(forbidden.small_key("none", 0), Glance::AskReader);
    close(&forbidden);
    let store = open(&path).unwrap();
    assert_eq!(store.small_key("none", 0), Glance::Nothing);
    close(&store);
    assert_eq!(store.small_key("none", 0), Glance::AskReader);
    assert!(!path.with_extension("db-wal").exists(), "the writer was the last to close the file");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_or_replaced_is_read_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("one", &[]), Durability::Power).unwrap();
    assert!(matches!(store.small_session("one"), Glance::Found(_)));
    assert!(info(&store, "one").unwrap().is_some());
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !matches!(store.small_session("one"), Glance::AskReader) {
        assert!(std::time::Instant::now() < deadline, "noticed within moments");
    }
    // Both readers, those with a connection and those without.
    for _ in 0..4 {
        assert!(matches!(info(&store, "one"), Err(Error::Io { .. })));
    }
    std::fs::rename(directory.path().join("moved.db"), &path).unwrap();
    assert!(info(&store, "one").unwrap().is_some());
}
