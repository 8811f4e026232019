//! Every bit of every row, turned over: what is damaged is an error for whom it belongs to and for nobody else, and never
//! something else than was stored.

use std::{fs, ops::Range, path::Path};

use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, SessionFilter, StoredSession},
        sqlite::{Damage, Read, SqliteStore, Verification, Write},
    },
};

use crate::support::{close, get, image, list, open_with, save, write};

const IDS: [&str; 3] = ["first", "second", "third"];
const NOW: i64 = 1_000;

fn open(path: &Path) -> SqliteStore {
    open_with(path, |options| {
        options.readers = 1;
        options.direct = false;
    })
    .unwrap()
}

fn key(store: &SqliteStore, key: &str) -> Result<Option<Encoded>> {
    let (reply, got) = Reply::channel();
    store.read(Read::key(key.into(), NOW, reply), false);
    got.recv().unwrap()
}

fn listed(store: &SqliteStore) -> Result<Vec<String>> {
    let (reply, listed) = Reply::channel();
    store.read(Read::list(SessionFilter::default(), reply), false);
    listed.recv().unwrap()
}

/// A file with three sessions and three keys, as bytes.
fn file(directory: &Path) -> Vec<u8> {
    let path = directory.join("sound.db");
    let store = open(&path);
    for id in IDS {
        save(&store, &image(id, &[&format!("[\"message of {id}\"]"), "2"]), Durability::Process).unwrap();
        let value = Encoded { text: format!("\"value of {id}\""), types: Some("{}".into()) };
        write(&store, |reply| Write::set_key(format!("key {id}"), value, Some(i64::MAX), reply)).unwrap();
    }
    close(&store);
    fs::read(path).unwrap()
}

/// Where the row is whose text has `marker` in it, header of the record and columns.
fn row(file: &[u8], marker: &str) -> Range<usize> {
    let mut found = cells(file, marker, 0x0D);
    found.extend(cells(file, marker, 0x0A));
    assert_eq!(found.len(), 1, "{marker} must be in one row");
    found.pop().unwrap()
}

/// The cells that have `marker` in them, of leaf pages of one kind: 0x0D are those of a table with row ids; of one without,
/// and of an index, 0x0A.
fn cells(file: &[u8], marker: &str, kind: u8) -> Vec<Range<usize>> {
    let page_size = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let mut found = Vec::new();
    for (number, page) in file.chunks(page_size).enumerate() {
        let header = if number == 0 { 100 } else { 0 };
        if page[header] != kind {
            continue;
        }
        let cells = usize::from(u16::from_be_bytes([page[header + 3], page[header + 4]]));
        for cell in 0..cells {
            let at = header + 8 + cell * 2;
            let mut at = usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
            let size = varint(page, &mut at);
            if kind == 0x0D {
                varint(page, &mut at);
            }
            let row = at..at + size;
            if page[row.clone()].windows(marker.len()).any(|text| text == marker.as_bytes()) {
                found.push(number * page_size + row.start..number * page_size + row.end);
            }
        }
    }
    found
}

fn varint(page: &[u8], at: &mut usize) -> usize {
    let mut value = 0;
    loop {
        let byte = page[*at];
        *at += 1;
        value = value << 7 | usize::from(byte & 0x7F);
        if byte < 0x80 {
            return value;
        }
    }
}

/// What the store says of all that it has.
struct Said {
    sessions: Vec<Result<Option<StoredSession>>>,
    keys: Vec<Result<Option<Encoded>>>,
}

fn say(store: &SqliteStore) -> Said {
    Said {
        sessions: IDS.iter().map(|id| get(store, id)).collect(),
        keys: IDS.iter().map(|id| key(store, &format!("key {id}"))).collect(),
    }
}

/// Nothing but what was stored, or an error for those that may be harmed. Whether there was one.
fn compare<T: PartialEq + std::fmt::Debug>(
    said: &[Result<T>],
    sound: &[Result<T>],
    may_be_harmed: impl Fn(usize) -> bool,
    bit: usize,
) -> bool {
    let mut damaged = false;
    for (at, (said, sound)) in said.iter().zip(sound).enumerate() {
        match said {
            Ok(said) => assert_eq!(Some(said), sound.as_ref().ok(), "bit {bit}: something that was never stored"),
            Err(Error::Corrupt { .. }) if may_be_harmed(at) => damaged = true,
            Err(error) => panic!("bit {bit}: {error} for {}", IDS[at]),
        }
    }
    damaged
}

fn verify(store: &SqliteStore) -> Verification {
    let (reply, verified) = Reply::channel();
    store.verify(reply);
    verified.recv().unwrap().unwrap()
}

fn goes_on(store: &SqliteStore, report: &Verification, damaged: bool, in_data: bool, bit: usize) {
    assert!(!damaged || !report.damaged.is_empty(), "bit {bit}: {report:?}");
    // A name may be what is damaged.
    let names_it = |it: &Damage| it.id.contains("second");
    assert!(!in_data || report.damaged.iter().all(names_it), "bit {bit}: {report:?}");
    let pruned =
        write(store, |reply| Write::prune(10, 100, reply)).unwrap_or_else(|error| panic!("bit {bit}: {error:?}"));
    assert!(pruned.sessions >= 1, "bit {bit}: {pruned:?}");
    write(store, Write::clear).unwrap();
    assert_eq!(list(store, SessionFilter::default()), [""; 0]);
}

/// Writes over what may be damaged: nobody else is harmed by it. Whether that went.
fn is_written_over(store: &SqliteStore, before: &Said, bit: usize) -> bool {
    let value = Encoded { text: "\"new\"".into(), types: None };
    let saved = save(store, &image("second", &["3"]), Durability::Process).map(drop);
    let set = write(store, |reply| Write::set_key("key second".into(), value, None, reply));
    assert_neighbours_are_as(before, store, bit);
    if saved.is_ok() {
        assert_eq!(get(store, "second").unwrap().unwrap().messages.texts, "3", "bit {bit}");
    }
    if set.is_ok() {
        assert_eq!(key(store, "key second").unwrap().unwrap().text, "\"new\"", "bit {bit}");
    }
    [saved, set].into_iter().all(|outcome| match outcome {
        Ok(()) => true,
        Err(Error::Corrupt { .. }) => false,
        Err(error) => panic!("bit {bit}: {error}"),
    })
}

/// The first and the third are as they were, where they could be read then.
fn assert_neighbours_are_as(before: &Said, store: &SqliteStore, bit: usize) {
    let after = say(store);
    for at in [0, 2] {
        if let Ok(Some(session)) = &before.sessions[at] {
            assert_eq!(after.sessions[at].as_ref().unwrap().as_ref(), Some(session), "bit {bit}: {}", IDS[at]);
        }
        if let Ok(Some(value)) = &before.keys[at] {
            assert_eq!(after.keys[at].as_ref().unwrap().as_ref(), Some(value), "bit {bit}: key {}", IDS[at]);
        }
    }
}

fn every_bit_of(marker: &str, of_sessions: bool, in_an_order: bool) {
    let directory = tempfile::tempdir().unwrap();
    let sound = file(directory.path());
    let expected = {
        let store = open(&directory.path().join("sound.db"));
        let said = say(&store);
        close(&store);
        said
    };
    let row = row(&sound, marker);
    let data = sound.windows(marker.len()).position(|text| text == marker.as_bytes()).unwrap() - row.start;
    let (mut told, bits) = (0, row.len() * 8);
    let (mut tried, mut written_over) = (0, 0);
    for bit in 0..bits {
        let mut bytes = sound.clone();
        bytes[row.start + bit / 8] ^= 1 << (bit % 8);
        let path = directory.path().join("damaged.db");
        fs::write(&path, bytes).unwrap();
        let store = open(&path);
        let said = say(&store);
        let in_data = (data..data + marker.len()).contains(&(bit / 8));
        // Messages are found by their first columns, of which those of all sessions make one order.
        let any_session = in_an_order && bit / 8 < data;
        let session = compare(&said.sessions, &expected.sessions, |at| of_sessions && (at == 1 || any_session), bit);
        let key = compare(&said.keys, &expected.keys, |at| !of_sessions && at == 1, bit);
        assert!(session || key || !in_data, "bit {bit} was believed");
        told += usize::from(session || key);
        assert_eq!(list(&store, SessionFilter::default()).len(), 3, "bit {bit}: the list is as long as ever");
        let (reply, stats) = Reply::channel();
        store.read(Read::stats(NOW, reply), false);
        assert_eq!(stats.recv().unwrap().unwrap().sessions, 3, "bit {bit}");
        if bit % 8 == bit / 8 % 8 {
            tried += 1;
            let report = verify(&store);
            written_over += usize::from(is_written_over(&store, &said, bit));
            goes_on(&store, &report, session || key, in_data, bit);
        }
        close(&store);
    }
    println!("{marker}: {bits} bits, {told} of them told, none believed; {written_over} of {tried} were written over");
    // An id that is damaged itself is known to its index only, and a row that is none cannot be taken out of indexes.
    assert!(written_over * 10 > tried * 7, "{written_over} of {tried}");
    // What is not told is what nobody reads: the id in the row, which the index has as well.
    assert!(told * 10 > bits * 7, "{told} of {bits}");
}

#[test]
fn of_a_sessions_row() {
    every_bit_of(r#"{"id":"second""#, true, false);
}

#[test]
fn of_a_messages_row() {
    every_bit_of("message of second", true, true);
}

#[test]
fn of_a_keys_row() {
    every_bit_of("value of second", false, false);
}

#[test]
fn whoever_shares_a_batch_with_damage_is_not_harmed_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = file(directory.path());
    let row = row(&bytes, r#"{"id":"second""#);
    bytes[row.start] ^= 1;
    let path = directory.path().join("damaged.db");
    fs::write(&path, bytes).unwrap();
    let (reply, opened) = Reply::channel();
    // Not waiting for it: what is asked for now makes one batch.
    let store = SqliteStore::open(&crate::support::options(&path), reply).unwrap();
    let saving = |id: &str| {
        let (reply, saved) = Reply::channel();
        store.write(Write::save_session(image(id, &["3"]), reply), Durability::Process);
        saved
    };
    let reading = |id: &str| {
        let (reply, got) = Reply::channel();
        store.read(Read::session(id.into(), reply), true);
        got
    };
    let before = saving("before");
    let damaged = reading("second");
    let first = reading("before");
    let (appended, behind) = (saving("first"), reading("first"));
    let unsaved = reading("after");
    let after = saving("after");
    opened.recv().unwrap().unwrap();
    for saved in [before, appended, after] {
        saved.recv().unwrap().unwrap();
    }
    assert!(matches!(damaged.recv().unwrap(), Err(Error::Corrupt { .. })));
    assert!(first.recv().unwrap().unwrap().is_some());
    assert_eq!(behind.recv().unwrap().unwrap().unwrap().messages.texts, "3");
    assert!(unsaved.recv().unwrap().unwrap().is_none(), "each sees what was asked for before it");
    for id in ["before", "first", "after"] {
        assert!(get(&store, id).unwrap().is_some());
    }
    close(&store);
}

#[test]
fn of_an_index_are_named_at_least_by_verify_and_are_in_nobodys_way() {
    let directory = tempfile::tempdir().unwrap();
    let sound = file(directory.path());
    let store = open(&directory.path().join("sound.db"));
    let expected = (say(&store), listed(&store).unwrap());
    close(&store);
    let (mut hidden, mut bits, mut in_the_way) = (0, 0, 0);
    for row in cells(&sound, "second", 0x0A)
        .into_iter()
        .filter(|row| !sound[row.clone()].windows(7).any(|it| it == b"message"))
    {
        for bit in 0..row.len() * 8 {
            bits += 1;
            let mut bytes = sound.clone();
            bytes[row.start + bit / 8] ^= 1 << (bit % 8);
            let path = directory.path().join("damaged.db");
            fs::write(&path, bytes).unwrap();
            let store = open(&path);
            let said = say(&store);
            let same = |said: &Said, sound: &Said| {
                said.sessions.iter().zip(&sound.sessions).all(|(one, other)| one.as_ref().ok() == other.as_ref().ok())
                    && said.keys.iter().zip(&sound.keys).all(|(one, other)| one.as_ref().ok() == other.as_ref().ok())
            };
            let report = verify(&store);
            let whole = same(&said, &expected.0) && listed(&store).is_ok_and(|ids| ids == expected.1);
            assert!(whole || !report.damaged.is_empty(), "bit {bit} of {row:?} hides something, and nobody says so");
            hidden += usize::from(!whole);
            for (said, sound) in said.sessions.iter().zip(&expected.0.sessions) {
                let stored =
                    matches!(said, Ok(None) | Err(Error::Corrupt { .. })) || said.as_ref().ok() == sound.as_ref().ok();
                assert!(stored, "bit {bit}: {said:?}");
            }
            if bit % 4 == 0 {
                in_the_way += usize::from(!is_written_over(&store, &said, bit));
            } else if bit % 4 == 1 {
                let ids = || vec!["second".to_owned()];
                let deleted = write(&store, |reply| Write::delete_sessions(ids(), reply)).is_ok()
                    && write(&store, |reply| Write::delete_key("key second".into(), NOW, reply)).is_ok();
                assert_neighbours_are_as(&said, &store, bit);
                in_the_way += usize::from(!deleted);
            }
            close(&store);
        }
    }
    println!("indexes: {bits} bits, {hidden} of them hid something, and all of these were named");
    assert!(hidden > 0);
    assert_eq!(in_the_way, 0);
}
