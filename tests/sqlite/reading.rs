//! Sessions in pieces.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use proptest::prelude::*;
use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Lines, SessionImage},
        sqlite::{Glance, Piece, Read, SessionHead, SessionReading, SqliteStore},
    },
};

use crate::support::{close, engine_text as text, image, long, messages, open, save, values};

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
        let found = values(&taken.pieces);
        assert_eq!(found.len(), usize::try_from(head.message_count).unwrap());
        assert!(found.iter().all(|value| value["round"] == head.stamp), "messages of another state");
        if let Glance::Found(small) = store.small_session("one") {
            let stamp = small.head.stamp;
            assert!(values(&[small.messages]).iter().all(|value| value["round"] == stamp));
        }
    }
    done.store(true, Ordering::SeqCst);
    writer.join().unwrap();
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
