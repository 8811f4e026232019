//! Sessions in pieces, in parts, and small ones on the calling thread.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use proptest::prelude::*;
use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    engine_text::EngineText,
    reply::Reply,
    storage::{
        session::{Encoded, Lines, SessionImage},
        sqlite::{Glance, Part, Piece, Read, SessionHead, SessionInfo, SessionReading, SqliteStore, Write},
    },
};

use crate::support::{close, image, open, open_with, save};

/// What a whole reading gave: its row, its pieces, and how often somebody was told of them.
struct Taken {
    head: Result<Option<SessionHead>>,
    pieces: Vec<Piece>,
    woken: usize,
}

fn read(store: &SqliteStore, id: &str, in_order: bool) -> Taken {
    let woken = Arc::new(AtomicUsize::new(0));
    let reading = Arc::new(SessionReading::new({
        let woken = Arc::clone(&woken);
        move || {
            woken.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let (reply, head) = Reply::channel();
    store.read(Read::session_in_pieces(id.into(), Arc::clone(&reading), reply), in_order);
    let head = head.recv().unwrap();
    let pieces = std::iter::from_fn(|| reading.next_piece()).collect();
    Taken { head, pieces, woken: woken.load(Ordering::SeqCst) }
}

fn text(text: &EngineText) -> String {
    match text {
        EngineText::OneByte(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        EngineText::TwoByte(units) => String::from_utf16(units).unwrap(),
    }
}

fn values(pieces: &[Piece]) -> Vec<serde_json::Value> {
    pieces
        .iter()
        .flat_map(|piece| serde_json::from_str::<Vec<serde_json::Value>>(&text(&piece.messages)).unwrap())
        .collect()
}

fn messages(count: usize, size: usize) -> Vec<String> {
    (0..count).map(|index| format!(r#"{{"index":{index},"text":"{}"}}"#, "x".repeat(size))).collect()
}

fn long(id: &str, texts: &[String]) -> SessionImage {
    image(id, &texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn part(store: &SqliteStore, id: &str, part: Part) -> Result<Option<Piece>> {
    let (reply, got) = Reply::channel();
    store.read(Read::messages(id.into(), part, reply), false);
    got.recv().unwrap()
}

fn info(store: &SqliteStore, id: &str) -> Result<Option<SessionInfo>> {
    let (reply, got) = Reply::channel();
    store.read(Read::session_info(id.into(), reply), false);
    got.recv().unwrap()
}

#[test]
fn a_session_comes_in_pieces_of_whole_messages() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let texts = messages(500, 1_000);
    let version = save(&store, &long("one", &texts), Durability::Process).unwrap();
    for in_order in [false, true] {
        let Taken { head, pieces, woken } = read(&store, "one", in_order);
        let head = head.unwrap().unwrap();
        assert_eq!((head.version, head.stamp, head.message_count), (version, 1, 500));
        assert!((12..=16).contains(&pieces.len()), "{} pieces", pieces.len());
        assert_eq!(woken, 1, "nobody took a piece in between");
        for piece in &pieces {
            assert!(text(&piece.messages).len() <= 42 * 1024);
            assert_eq!(text(&piece.types).split('\n').count(), piece.positions.len());
            assert_eq!(values(std::slice::from_ref(piece)).len(), piece.positions.len());
        }
        let expected: Vec<serde_json::Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(values(&pieces), expected);
        let positions: Vec<i64> = pieces.iter().flat_map(|piece| piece.positions.clone()).collect();
        assert_eq!(positions, (0..500).map(|at| at << 20).collect::<Vec<_>>());
    }
}

#[test]
fn a_message_larger_than_a_piece_is_a_piece_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let large = format!("{:?}", "y".repeat(300_000));
    save(&store, &image("one", &["1", &large, "2", "3"]), Durability::Process).unwrap();
    let pieces = read(&store, "one", false).pieces;
    assert_eq!(pieces.iter().map(|piece| piece.positions.len()).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(text(&pieces[1].messages), format!("[{large}]"));
}

#[test]
fn an_empty_session_has_no_pieces_and_no_session_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    save(&store, &image("empty", &[]), Durability::Process).unwrap();
    let empty = read(&store, "empty", false);
    assert_eq!(empty.head.unwrap().unwrap().message_count, 0);
    assert!(empty.pieces.is_empty());
    assert!(read(&store, "none", false).head.unwrap().is_none());
}

#[test]
fn pieces_are_there_while_later_ones_are_still_being_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    save(&store, &long("one", &messages(200, 1_000)), Durability::Process).unwrap();
    let (go, wait) = crossbeam_channel::bounded::<()>(0);
    let (tell, told) = crossbeam_channel::unbounded();
    let reading = Arc::new(SessionReading::new(move || {
        // The thread that reads stands here, at its first piece, until it is let go on.
        tell.send(()).unwrap();
        let _ = wait.recv();
    }));
    let (reply, head) = Reply::channel();
    store.read(Read::session_in_pieces("one".into(), Arc::clone(&reading), reply), false);
    told.recv().unwrap();
    assert!(reading.next_piece().is_some());
    assert!(head.try_recv().is_err(), "it has not been read to the end");
    drop(go);
    assert!(head.recv().unwrap().unwrap().is_some());
    assert!(told.recv().is_ok(), "told again, since all there was had been taken");
    assert!(reading.next_piece().is_some());
}

#[test]
fn damage_anywhere_ends_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let damages = [
        "UPDATE messages SET data = replace(data, 'x', 'y') WHERE position = 100 << 20",
        "UPDATE messages SET types = NULL WHERE position = 100 << 20",
        "DELETE FROM messages WHERE position = 100 << 20",
        "DELETE FROM messages WHERE position = 199 << 20",
        "UPDATE messages SET position = position + 1 WHERE position = 100 << 20",
        "UPDATE sessions SET data = replace(data, 'one', 'two')",
        "UPDATE sessions SET message_count = message_count - 1",
        "UPDATE sessions SET stamp = stamp + 1",
    ];
    for damage in damages {
        let store = open(&path).unwrap();
        save(&store, &long("one", &messages(200, 1_000)), Durability::Process).unwrap();
        close(&store);
        assert_eq!(Connection::open(&path).unwrap().execute(damage, []).unwrap(), 1, "{damage}");
        let store = open(&path).unwrap();
        assert!(matches!(read(&store, "one", false).head, Err(Error::Corrupt { .. })), "{damage}");
        close(&store);
    }
}

#[test]
fn a_reader_sees_one_state_while_another_is_being_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory.path().join("s.db")).unwrap());
    let state = |round: usize| {
        let texts: Vec<String> = (0..60 + round % 7).map(|_| format!(r#"{{"round":{round}}}"#)).collect();
        SessionImage { stamp: i64::try_from(round).unwrap(), ..long("one", &texts) }
    };
    save(&store, &state(0), Durability::Process).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        move || {
            for round in (1..).take_while(|_| !done.load(Ordering::SeqCst)) {
                save(&store, &state(round), Durability::Process).unwrap();
            }
        }
    });
    for _ in 0..1_000 {
        let taken = read(&store, "one", false);
        let head = taken.head.unwrap().unwrap();
        let values = values(&taken.pieces);
        assert_eq!(values.len(), usize::try_from(head.message_count).unwrap());
        assert!(values.iter().all(|value| value["round"] == head.stamp), "messages of another state");
        if let Glance::Found(small) = store.small_session("one") {
            let stamp = small.head.stamp;
            assert!(self::values(&[small.messages]).iter().all(|value| value["round"] == stamp));
        }
    }
    done.store(true, Ordering::SeqCst);
    writer.join().unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_comes_back_in_pieces(texts in prop::collection::vec(prop_oneof![".{0,200}", "[a-z]{500,3000}", "[一-龥]{100,2000}"], 0..60)) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory.path().join("s.db")).unwrap();
        let mut lines = Lines::default();
        for text in &texts {
            lines.push(&serde_json::to_string(text).unwrap(), None);
        }
        let saved = SessionImage { messages: vec![lines], ..image("any", &[]) };
        save(&store, &saved, Durability::Process).unwrap();
        let taken = read(&store, "any", false);
        prop_assert!(taken.head.unwrap().is_some());
        prop_assert_eq!(values(&taken.pieces), texts);
    }
}
