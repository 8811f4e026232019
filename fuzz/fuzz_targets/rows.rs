//! Rows of a store: whatever stands in one of them, it is read as it was written or is `ERR_CORRUPT`, and what it has nothing
//! to do with is read as before.
#![no_main]

use std::{cell::RefCell, time::Duration};

use libfuzzer_sys::fuzz_target;
use rusqlite::{Connection, params};
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, Expected, Lines, SessionImage, StoredSession},
        sqlite::{Read, SqliteOptions, SqliteStore, Write},
    },
};

/// What is done to which row; texts and numbers are what is written into it.
type Damage = (u8, String, Option<String>, i64);

const VICTIM: &str = "victim";
const WITNESS: &str = "witness";
const TABLES: [&str; 3] = ["sessions", "messages", "key_values"];

/// One store for all inputs: to open one takes a thousand times as long as to damage it.
struct World {
    store: SqliteStore,
    raw: Connection,
    sessions: [StoredSession; 2],
    keys: [Encoded; 2],
    _directory: tempfile::TempDir,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

fuzz_target!(|damage: Damage| WORLD.with_borrow(|world| world.suffer(&damage)));

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let (reply, opened) = Reply::channel();
        let options = SqliteOptions {
            path: path.clone(),
            readers: 1,
            busy_timeout: Duration::from_secs(5),
            max_queue_bytes: 1 << 20,
            direct: false,
            read_mark: None,
        };
        let store = SqliteStore::open(&options, reply).unwrap();
        opened.recv().unwrap().unwrap();
        for id in [VICTIM, WITNESS] {
            let (reply, saved) = Reply::channel();
            store.write(Write::save_session(image(id), reply), Durability::Process);
            saved.recv().unwrap().unwrap();
            let (reply, set) = Reply::channel();
            let value = Encoded { text: format!("\"{id}\""), types: Some("{}".into()) };
            store.write(Write::set_key(id.into(), value, Some(i64::MAX), reply), Durability::Process);
            set.recv().unwrap().unwrap();
        }
        let raw = Connection::open(path).unwrap();
        raw.execute_batch("PRAGMA synchronous = off").unwrap();
        for table in TABLES {
            raw.execute_batch(&format!("CREATE TEMP TABLE old_{table} AS SELECT * FROM main.{table}")).unwrap();
        }
        let sessions = [VICTIM, WITNESS].map(|id| session(&store, id).unwrap().unwrap());
        let keys = [VICTIM, WITNESS].map(|id| key(&store, id).unwrap().unwrap());
        Self { store, raw, sessions, keys, _directory: directory }
    }

    fn suffer(&self, damage: &Damage) {
        self.write(damage);
        let [victim, witness] = &self.sessions;
        same_or_corrupt(session(&self.store, VICTIM), victim);
        same_or_corrupt(key(&self.store, VICTIM), &self.keys[0]);
        assert_eq!(session(&self.store, WITNESS).unwrap().as_ref(), Some(witness));
        assert_eq!(key(&self.store, WITNESS).unwrap().as_ref(), Some(&self.keys[1]));
        for table in TABLES {
            self.raw
                .execute_batch(&format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM old_{table}"))
                .unwrap();
        }
    }

    /// What the table does not take stays as it was.
    fn write(&self, (what, text, types, number): &Damage) {
        let numbers = ["created_at", "updated_at", "version", "stamp", "message_count", "message_bytes", "crc"];
        let column = numbers[usize::from(what / 8) % numbers.len()];
        let of_session = "session = (SELECT number FROM sessions WHERE id = 'victim')";
        let _ = match what % 8 {
            0 => self.raw.execute(&format!("UPDATE messages SET data = ?1 WHERE {of_session}"), [text]),
            1 => self.raw.execute(&format!("UPDATE messages SET types = ?1 WHERE {of_session}"), [types]),
            2 => self.raw.execute(&format!("UPDATE messages SET crc = ?1 WHERE {of_session}"), [number]),
            3 => self.raw.execute(&format!("UPDATE messages SET position = position + ?1 WHERE {of_session}"), [number]),
            4 => self.raw.execute("UPDATE sessions SET data = ?1, types = ?2 WHERE id = 'victim'", params![text, types]),
            5 => self.raw.execute(&format!("UPDATE sessions SET {column} = ?1 WHERE id = 'victim'"), [number]),
            6 => self.raw.execute("UPDATE key_values SET data = ?1, types = ?2 WHERE key = 'victim'", params![text, types]),
            _ => self.raw.execute("UPDATE key_values SET expires_at = ?1 WHERE key = 'victim'", [number]),
        };
    }
}

fn image(id: &str) -> SessionImage {
    let mut lines = Lines::default();
    for message in ["{\"n\":1}", "{\"n\":2}"] {
        lines.push(message, Some("{}"));
    }
    SessionImage {
        id: id.into(),
        head: Encoded { text: format!("{{\"id\":\"{id}\",\"messages\":[]}}"), types: None },
        active_agent: Some("writer".into()),
        created_at: 1,
        updated_at: 2,
        stamp: 1,
        expected: Expected::Anything,
        messages: vec![lines],
    }
}

fn session(store: &SqliteStore, id: &str) -> Result<Option<StoredSession>> {
    let (reply, got) = Reply::channel();
    store.read(Read::session(id.into(), reply), false);
    got.recv().unwrap()
}

fn key(store: &SqliteStore, key: &str) -> Result<Option<Encoded>> {
    let (reply, got) = Reply::channel();
    store.read(Read::key(key.into(), 0, reply), false);
    got.recv().unwrap()
}

/// Nothing is no answer either: the row is there.
fn same_or_corrupt<T: PartialEq + std::fmt::Debug>(found: Result<Option<T>>, written: &T) {
    match found {
        Ok(found) => assert_eq!(found.as_ref(), Some(written)),
        Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error}"),
    }
}
