//! What the tests of the store share.

use std::{path::Path, time::Duration};

use smalltalk_native::{
    Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, Expected, Lines, SessionFilter, SessionImage, StoredSession},
        sqlite::{Read, SqliteOptions, SqliteStore, Write},
    },
};

/// Opens a store and waits until it is open.
pub fn open(path: &Path) -> Result<SqliteStore> {
    let (reply, opened) = Reply::channel();
    let options = SqliteOptions {
        path: path.to_owned(),
        readers: 2,
        busy_timeout: Duration::from_secs(5),
        max_queue_bytes: 64 * 1024 * 1024,
    };
    let store = SqliteStore::open(&options, reply)?;
    opened.recv().unwrap()?;
    Ok(store)
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

/// Saves a session.
pub fn save(store: &SqliteStore, image: &SessionImage, durability: Durability) -> Result<i64> {
    let (reply, saved) = Reply::channel();
    store.write(Write::save_session(image.clone(), reply), durability);
    saved.recv().unwrap()
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
