//! Reads everything there is and tells what is damaged.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::{
    counters::Counter,
    ending::Ending,
    failure::failure,
    heads::{Standing, damaged},
    keys, message_rows,
    snapshot::snapshot,
};
use crate::error::{Error, Result};

/// What was read, and what of it was damaged.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Sessions, sound or not.
    pub sessions: i64,
    /// Messages of sound sessions.
    pub messages: i64,
    /// Keys, sound or not, and whether or not their time has come.
    pub keys: i64,
    /// In the order in which it was found.
    pub damaged: Vec<Damage>,
}

/// Something damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Which one.
    pub id: String,
    /// For people.
    pub detail: String,
}

/// What can be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Session,
    Key,
    File,
}

impl Verification {
    fn note(&mut self, kind: Kind, id: &str, detail: impl Into<String>) {
        self.damaged.push(Damage { kind, id: id.to_owned(), detail: detail.into() });
    }

    /// Takes damage for a finding, and lets other errors through.
    fn sift<T>(&mut self, kind: Kind, id: &str, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Error::Corrupt { detail, .. }) => {
                self.note(kind, id, detail);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads everything, in steps, each of which sees one state: the store is used meanwhile, and its log must not grow until
/// the end.
pub fn verify(connection: &Connection, ending: &Ending) -> Result<Verification> {
    let mut found = Verification::default();
    for step in [sessions, keys, messages_of_nobody] {
        let mut after = Some(i64::MIN);
        while let Some(last) = after {
            ending.check()?;
            let went = snapshot(connection, || step(connection, last, &mut found));
            after = found.sift(Kind::File, "database", went)?.flatten();
        }
    }
    let pages = pages(connection, &mut found);
    // What was interrupted has found nothing.
    ending.check()?;
    found.sift(Kind::File, "database", pages)?;
    if found.damaged.is_empty() {
        snapshot(connection, || counters(connection, &mut found))?;
    }
    Ok(found)
}

/// So many rows, about, make a step.
const ROWS: i64 = 4_096;

/// Checks the sessions behind the row `after`; gives the last of them.
fn sessions(connection: &Connection, after: i64, found: &mut Verification) -> Result<Option<i64>> {
    let mut rows = 0;
    let mut last = None;
    let sql = "SELECT rowid, id FROM sessions WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    for Name { row, text, sound } in names(connection, sql, after)? {
        let outcome = if sound { session(connection, &text) } else { Err(damaged(&text, "its id is no text")) };
        let messages = found.sift(Kind::Session, &text, outcome)?.unwrap_or_default();
        found.sessions += 1;
        found.messages += messages;
        last = Some(row);
        rows += 1 + messages;
        if rows >= ROWS {
            break;
        }
    }
    Ok(last)
}

fn session(connection: &Connection, id: &str) -> Result<i64> {
    let head = Standing::trusted(connection, id)?.ok_or_else(|| damaged(id, "the index of ids does not know it"))?;
    message_rows::all(connection, id, &head, |_| {})?;
    Ok(head.message_count)
}

/// Checks the keys behind the row `after`; gives the last of them.
fn keys(connection: &Connection, after: i64, found: &mut Verification) -> Result<Option<i64>> {
    let mut last = None;
    let sql = "SELECT rowid, key FROM key_values WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
    for Name { row, text, sound } in names(connection, sql, after)? {
        let outcome = if sound { key(connection, &text) } else { Err(keys::damaged(&text, "it is no text")) };
        found.sift(Kind::Key, &text, outcome)?;
        found.keys += 1;
        last = Some(row);
    }
    Ok(last)
}

fn key(connection: &Connection, key: &str) -> Result<()> {
    // Nothing has expired at the beginning of time.
    let value = keys::get(connection, key, i64::MIN)?;
    value.map(drop).ok_or_else(|| keys::damaged(key, "the index of keys does not know it"))
}

/// What a row is found by.
struct Name {
    row: i64,
    text: String,
    sound: bool,
}

fn names(connection: &Connection, sql: &str, after: i64) -> Result<Vec<Name>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let names = statement.query_map([after, ROWS], |row| {
                let text = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).into_owned();
                Ok(Name { row: row.get(0)?, sound: row.get_ref(1)?.as_str().is_ok(), text })
            })?;
            names.collect()
        })
        .map_err(|error| failure("verifying the store", &error))
}

/// Looks for messages whose session is not there, behind the number `after`; gives the last number.
fn messages_of_nobody(connection: &Connection, after: i64, found: &mut Verification) -> Result<Option<i64>> {
    let look = |found: &mut Verification| -> rusqlite::Result<Option<i64>> {
        let mut next =
            connection.prepare_cached("SELECT session FROM messages WHERE session > ?1 ORDER BY session LIMIT 1")?;
        let mut known = connection.prepare_cached("SELECT 1 FROM sessions WHERE number = ?1")?;
        let mut last = after;
        for _ in 0..ROWS {
            let Some(number) = next.query_row([last], |row| row.get(0)).optional()? else { return Ok(None) };
            if !known.exists([number])? {
                let messages: i64 = connection
                    .prepare_cached("SELECT count(*) FROM messages WHERE session = ?1")?
                    .query_row([number], |row| row.get(0))?;
                found.note(
                    Kind::File,
                    "messages",
                    format!("{messages} of them belong to no session (number {number})"),
                );
            }
            last = number;
        }
        Ok(Some(last))
    };
    look(found).map_err(|error| failure("verifying the store", &error))
}

/// Has SQLite check its pages, and its indexes against the rows: a row that an index has lost is found by nobody else.
fn pages(connection: &Connection, found: &mut Verification) -> Result<()> {
    let verdicts = connection
        .prepare("PRAGMA integrity_check")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>())
        .map_err(|error| failure("verifying the store", &error))?;
    for verdict in verdicts.iter().filter(|verdict| *verdict != "ok") {
        found.note(Kind::File, "database", verdict);
    }
    Ok(())
}

/// Compares the counters with what they count; only where all else is sound, for damage shows in them as well.
fn counters(connection: &Connection, found: &mut Verification) -> Result<()> {
    // To count rows as such is one instruction, in whose midst nobody is asked whether to go on.
    let compare = || -> rusqlite::Result<bool> {
        let counted: (i64, i64, i64, i64) = connection.query_row(
            "SELECT count(*), coalesce(sum(message_count), 0), coalesce(max(version), 0),
                    (SELECT count(key) FROM key_values)
             FROM sessions",
            [],
            |row| row.try_into(),
        )?;
        let (sessions, messages, version, keys) = counted;
        let versions: i64 =
            connection.query_row("SELECT value FROM counters WHERE name = 'version'", [], |row| row.get(0))?;
        Ok(Counter::Sessions.read(connection)? == sessions
            && Counter::Messages.read(connection)? == messages
            && Counter::Keys.read(connection)? == keys
            && versions >= version)
    };
    if !compare().map_err(|error| failure("verifying the store", &error))? {
        found.note(Kind::File, "counters", "they are not what there is");
    }
    Ok(())
}
