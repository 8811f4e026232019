//! What the tests of the store share.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use smalltalk_native::{
    Result,
    durability::Durability,
    engine_text::EngineText,
    reply::Reply,
    storage::{
        session::{Encoded, Expected, Lines, SessionFilter, SessionImage, StoredSession},
        sqlite::{Piece, Read, SqliteOptions, SqliteStore, Write},
    },
};

/// Opens a store and waits until it is open.
pub fn open(path: &Path) -> Result<SqliteStore> {
    open_with(path, |_| ())
}

/// Opens a store in a way of its own.
pub fn open_with(path: &Path, change: impl FnOnce(&mut SqliteOptions)) -> Result<SqliteStore> {
    let (reply, opened) = Reply::channel();
    let mut options = options(path);
    change(&mut options);
    let store = SqliteStore::open(&options, reply)?;
    opened.recv().unwrap()?;
    Ok(store)
}

/// How stores are opened where nothing else is said.
pub fn options(path: &Path) -> SqliteOptions {
    SqliteOptions {
        path: path.to_owned(),
        readers: 2,
        busy_timeout: Duration::from_secs(5),
        max_queue_bytes: 64 * 1024 * 1024,
        direct: true,
        read_mark: None,
    }
}

/// Closes a store and waits for it.
pub fn close(store: &SqliteStore) {
    let (reply, closed) = Reply::channel();
    store.close(reply);
    closed.recv().unwrap().unwrap();
}

/// A session of messages that have a table of types.
pub fn image(id: &str, messages: &[&str]) -> SessionImage {
    let mut lines = Lines::default();
    for message in messages {
        lines.push(message, Some(r#"{"/timestamp":"Date"}"#));
    }
    SessionImage {
        id: id.into(),
        head: Encoded { text: format!(r#"{{"id":{id:?},"messages":[]}}"#), types: None },
        active_agent: Some("writer".into()),
        created_at: 1,
        updated_at: 2,
        stamp: 1,
        expected: Expected::Anything,
        messages: vec![lines],
    }
}

/// The pieces as one.
pub fn whole(pieces: &[Lines]) -> Lines {
    let mut lines = Lines::default();
    for (text, types) in pieces.iter().flat_map(Lines::iter) {
        lines.push(text, types);
    }
    lines
}

/// Makes a change, the way it comes from outside, and waits for its answer.
pub fn write<T: Send + 'static>(store: &SqliteStore, change: impl FnOnce(Reply<T>) -> Write) -> Result<T> {
    let (reply, answer) = Reply::channel();
    store.write(change(reply), Durability::Process);
    answer.recv().unwrap()
}

/// Saves a session.
pub fn save(store: &SqliteStore, image: &SessionImage, durability: Durability) -> Result<i64> {
    let (reply, saved) = Reply::channel();
    store.write(Write::save_session(image.clone(), reply), durability);
    saved.recv().unwrap()
}

/// The texts of a session's messages.
pub fn texts(store: &SqliteStore, id: &str) -> Vec<String> {
    let session = get(store, id).unwrap().unwrap();
    session.messages.iter().map(|(text, _)| text.to_owned()).collect()
}

/// Another connection, for looking behind the store.
pub fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

/// Holds what the store says of its size against a count.
pub fn assert_counts_are_true(path: &Path) {
    let wrong: i64 = raw(path)
        .query_row(
            "SELECT ((SELECT value FROM counters WHERE name = 'sessions') <> (SELECT count(*) FROM sessions))
                  + ((SELECT value FROM counters WHERE name = 'messages') <> (SELECT count(*) FROM messages))
                  + ((SELECT value FROM counters WHERE name = 'keys') <> (SELECT count(*) FROM key_values))
                  + (SELECT count(*) FROM sessions WHERE
                        message_count <> (SELECT count(*) FROM messages WHERE session = number)
                        OR message_bytes <> (SELECT coalesce(sum(octet_length(data) + coalesce(octet_length(types), 0)), 0)
                                             FROM messages WHERE session = number))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(wrong, 0, "a count is wrong");
}

/// Reads a session as a reader sees it.
pub fn get(store: &SqliteStore, id: &str) -> Result<Option<StoredSession>> {
    let (reply, got) = Reply::channel();
    store.read(Read::session(id.into(), reply), false);
    got.recv().unwrap()
}

/// Lists ids.
pub fn list(store: &SqliteStore, filter: SessionFilter) -> Vec<String> {
    let (reply, listed) = Reply::channel();
    store.read(Read::list(filter, reply), false);
    listed.recv().unwrap().unwrap()
}

/// So many messages with so much text each.
pub fn messages(count: usize, size: usize) -> Vec<String> {
    (0..count).map(|index| format!(r#"{{"index":{index},"text":"{}"}}"#, "x".repeat(size))).collect()
}

/// A session of many messages.
pub fn long(id: &str, texts: &[String]) -> SessionImage {
    image(id, &texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The text that the engine sees.
pub fn engine_text(text: &EngineText) -> String {
    match text {
        EngineText::OneByte(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        EngineText::TwoByte(units) => String::from_utf16(units).unwrap(),
    }
}

/// The messages of pieces.
pub fn values(pieces: &[Piece]) -> Vec<serde_json::Value> {
    pieces
        .iter()
        .flat_map(|piece| serde_json::from_str::<Vec<serde_json::Value>>(&engine_text(&piece.messages)).unwrap())
        .collect()
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(10));
    }
}
