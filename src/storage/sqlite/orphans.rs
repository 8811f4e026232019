//! Messages whose session is gone: those of a damaged row stay behind when it is deleted or written over, as nobody believes
//! what it says their number is.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::{
    counters::last_version,
    ending::Ending,
    failure::failure,
    message_count, messages,
    prune::{AT_ONCE, Pruned},
    snapshot::snapshot,
};
use crate::error::{Error, Result};

/// So many numbers, about, are looked up in one view of the store; as many messages go at once.
pub const ROWS: usize = 4_096;

/// What is left to be tidied up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Orphans {
    /// The numbers of sessions that are gone and have left messages behind. Nobody counts those any more.
    pub numbers: Vec<i64>,
    /// The messages that are somebody's have to be counted anew.
    pub miscounted: bool,
}

/// Looks for them. Only what is certain is named: nothing at all where a row is damaged, whose messages they may be.
pub fn find(connection: &Connection, ending: &Ending) -> Result<Orphans> {
    let looking = |error: rusqlite::Error| failure("looking for messages of nobody", &error);
    let mut numbers = Vec::new();
    let mut after = Some(0);
    while let Some(last) = after {
        ending.check()?;
        after = snapshot(connection, || unknown(connection, last, &mut numbers).map_err(looking))?;
    }
    ending.check()?;
    let found = snapshot(connection, || {
        let miscounted = message_count::is_wrong(connection).map_err(looking)?;
        if !numbers.is_empty() {
            numbers = certain(connection, numbers).map_err(looking)?;
        }
        Ok(Orphans { numbers, miscounted })
    });
    match found {
        Err(Error::Corrupt { .. }) => Ok(Orphans::default()),
        found => found,
    }
}

/// Adds those behind `after` that the index of numbers does not know; gives the last that was looked up.
fn unknown(connection: &Connection, after: i64, numbers: &mut Vec<i64>) -> rusqlite::Result<Option<i64>> {
    let mut next =
        connection.prepare_cached("SELECT session FROM messages WHERE session > ?1 ORDER BY session LIMIT 1")?;
    let mut last = after;
    for _ in 0..ROWS {
        let Some(number) = next.query_row([last], |row| row.get(0)).optional()? else { return Ok(None) };
        if !is_known(connection, number)? {
            numbers.push(number);
        }
        last = number;
    }
    Ok(Some(last).filter(|_| numbers.len() < ROWS))
}

fn is_known(connection: &Connection, number: i64) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM sessions WHERE number = ?1")?.exists([number])
}

/// Which of them no row has, whatever the index says: all rows are there, and each is as it was written. A number that was
/// given out is never given out again, so it stays nobody's.
fn certain(connection: &Connection, mut numbers: Vec<i64>) -> rusqlite::Result<Vec<i64>> {
    let given_out = last_version(connection)?;
    numbers.retain(|number| *number <= given_out);
    let all_sound = message_count::each_sound_row(connection, |row| {
        let number: i64 = row.get("number")?;
        numbers.retain(|orphan| *orphan != number);
        Ok(true)
    })?;
    Ok(if all_sound { numbers } else { Vec::new() })
}

/// Removes messages under a number that [`find`] has named, a `part` of what may go at once. One that is damaged stays: it may
/// be another session's, to which its number does not lead any more.
pub fn remove(connection: &Connection, number: i64, part: usize) -> Result<Pruned> {
    let removing = |error: rusqlite::Error| failure("removing messages of nobody", &error);
    if is_known(connection, number).map_err(removing)? {
        return Ok(Pruned::default());
    }
    let places = sound(connection, number, part).map_err(removing)?;
    let mut pruned = Pruned::default();
    for (place, size) in &places {
        let removed = connection
            .prepare_cached("DELETE FROM messages WHERE session = ?1 AND position = ?2")
            .and_then(|mut statement| statement.execute([number, *place]))
            .map_err(removing)?;
        if removed == 1 {
            pruned.messages += 1;
            pruned.bytes += size;
        }
    }
    // The call that finds none is the last.
    pruned.more = pruned.messages > 0;
    Ok(pruned)
}

/// The places and sizes of the first of them.
fn sound(connection: &Connection, number: i64, part: usize) -> rusqlite::Result<Vec<(i64, i64)>> {
    let part = part.max(1);
    let (most, most_bytes) = ((ROWS / part).max(1), AT_ONCE / i64::try_from(part).unwrap_or(AT_ONCE));
    let mut statement = connection
        .prepare_cached("SELECT position, data, types, crc FROM messages WHERE session = ?1 ORDER BY position")?;
    let mut rows = statement.query([number])?;
    let (mut places, mut bytes) = (Vec::new(), 0);
    while places.len() < most
        && bytes < most_bytes
        && let Some(row) = rows.next()?
    {
        let fits = || -> rusqlite::Result<Option<(i64, i64)>> {
            let (place, text, types) = (row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str_or_null()?);
            let crc: i64 = row.get(3)?;
            let size = messages::size(text, types);
            Ok((crc == messages::crc(number, place, text, types)).then_some((place, size)))
        };
        if let Ok(Some((place, size))) = fits() {
            places.push((place, size));
            bytes += size;
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        session::{Encoded, Expected, Lines, SessionImage},
        sqlite::{counters::Counter, save, schema},
    };

    fn database(ids: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create(&mut connection).unwrap();
        for id in ids {
            let image = SessionImage {
                id: (*id).into(),
                head: Encoded { text: "{}".into(), types: None },
                active_agent: None,
                created_at: 1,
                updated_at: 2,
                stamp: 1,
                expected: Expected::Anything,
                messages: vec![Lines { texts: "1\n2".into(), types: "\n".into() }],
            };
            save::save(&connection, &image).unwrap();
        }
        connection
    }

    fn found(connection: &Connection) -> Vec<i64> {
        find(connection, &Ending::default()).unwrap().numbers
    }

    #[test]
    fn a_session_that_only_its_index_does_not_know_keeps_its_messages() {
        let connection = database(&["one", "two"]);
        assert!(certain(&connection, vec![1, 2]).unwrap().is_empty());
        connection.execute("DELETE FROM sessions WHERE id = 'one'", []).unwrap();
        connection.execute("UPDATE counters SET value = 1 WHERE name = 'sessions'", []).unwrap();
        assert_eq!(certain(&connection, vec![1, 2]).unwrap(), [1]);
    }

    #[test]
    fn nothing_is_certain_where_a_row_is_damaged_or_gone_or_a_number_was_never_given_out() {
        let connection = database(&["one", "two"]);
        connection.execute("INSERT INTO messages VALUES (7, 0, '1', NULL, 0)", []).unwrap();
        assert!(found(&connection).is_empty(), "it may be given out yet");
        // Its row is gone, and was not removed.
        connection.execute("DELETE FROM sessions WHERE id = 'one'", []).unwrap();
        assert!(found(&connection).is_empty());
        connection.execute("UPDATE counters SET value = 1 WHERE name = 'sessions'", []).unwrap();
        assert_eq!(found(&connection), [1]);
        // Its messages are those that nobody seems to have.
        connection.execute("UPDATE sessions SET number = 9 WHERE id = 'two'", []).unwrap();
        assert!(found(&connection).is_empty());
    }

    #[test]
    fn a_message_that_is_not_as_it_was_written_stays() {
        let connection = database(&["one", "two"]);
        connection.execute("DELETE FROM sessions WHERE id = 'one'", []).unwrap();
        connection.execute("UPDATE counters SET value = 1 WHERE name = 'sessions'", []).unwrap();
        // A message of the other session, whose number is what was damaged.
        connection
            .execute("UPDATE messages SET session = 1, position = 5 WHERE session = 2 AND position > 0", [])
            .unwrap();
        assert_eq!(found(&connection), [1]);
        let removed = remove(&connection, 1, 1).unwrap();
        assert_eq!((removed.messages, removed.bytes, removed.more), (2, 2, true));
        assert_eq!(remove(&connection, 1, 1).unwrap(), Pruned::default());
        let left: i64 = connection.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap();
        // The row of the first is gone in a way that has not changed the count.
        assert_eq!((left, Counter::Messages.read(&connection).unwrap()), (2, 4));
        assert_eq!(remove(&connection, 2, 1).unwrap(), Pruned::default(), "it is somebody's");
    }
}
