//! An index leads to a page of another table. To make it anew would give that page up, with what it has.

use std::{fs, path::Path};

use smalltalk_native::{
    Error,
    durability::Durability,
    storage::{session::SessionImage, sqlite::Write},
};

use crate::support::{close, get, image, open, raw, save, write};

/// So many that each index has more than one page.
const SESSIONS: i64 = 2_000;

fn id(number: i64) -> String {
    format!("session {number:05}")
}

fn fill(path: &Path) {
    let store = open(path).unwrap();
    for number in 0..SESSIONS {
        let session = SessionImage { updated_at: number, ..image(&id(number), &["\"one\"", "\"two\""]) };
        save(&store, &session, Durability::Process).unwrap();
    }
    close(&store);
}

/// Has the last part of an index be the first page of a table.
fn lead_astray(path: &Path, index: &str, table: &str) {
    let raw = raw(path);
    let root_of = |name: &str| {
        let sql = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = ?1";
        let (root, size): (usize, usize) = raw
            .query_row(sql, [name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .map(|(root, size)| (root.try_into().unwrap(), size.try_into().unwrap()))
            .unwrap();
        (root - 1) * size
    };
    let (index, table) = (root_of(index), root_of(table));
    drop(raw);
    let mut bytes = fs::read(path).unwrap();
    // Both have pages below their first one; where its last part is stands in the header of that of the index.
    assert_eq!([bytes[index], bytes[table]], [2, 2]);
    let cell = table + usize::from(u16::from_be_bytes([bytes[table + 12], bytes[table + 13]]));
    bytes.copy_within(cell..cell + 4, index + 8);
    fs::write(path, bytes).unwrap();
}

#[test]
fn of_an_index_are_not_given_up_to_make_it_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    fill(&path);
    lead_astray(&path, "idx_sessions_updated", "messages");
    let store = open(&path).unwrap();
    // Nothing new comes to an index, whose pages would have to make room for it together.
    let mut deleted = Vec::new();
    for number in (0..SESSIONS).rev().step_by(20) {
        match write(&store, |reply| Write::delete_session(id(number), reply)) {
            Ok(_) => deleted.push(number),
            Err(Error::Corrupt { .. }) => {}
            Err(error) => panic!("{number}: {error}"),
        }
    }
    for number in 0..SESSIONS {
        assert_eq!(get(&store, &id(number)).unwrap().is_none(), deleted.contains(&number), "{number}");
    }
    assert!(deleted.len() < 100, "nothing met the damage");
    close(&store);
}
