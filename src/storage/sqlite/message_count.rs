//! How many messages there are: always as many as the rows of sessions say, whatever has become of the messages themselves.
//! So what a row was counted with is what is subtracted when it goes, and not how many messages were found then.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::{
    counters::Counter,
    failure::failure,
    heads::{self, Head, Standing},
};
use crate::error::Result;

/// Nobody writes while the rows are read. Where that would take longer, the count stays as it is.
const READING: Duration = Duration::from_secs(3);

/// How many messages the row of `id` was counted with. A damaged one may say anything: what cannot be is not believed, and
/// what is wrong all the same is put right by [`renew`], when no row is damaged any more.
pub fn of_row(connection: &Connection, id: &str, standing: &Standing) -> rusqlite::Result<i64> {
    match standing {
        Standing::Nothing | Standing::Misled => Ok(0),
        Standing::Sound(head) => Ok(head.message_count),
        Standing::Damaged => {
            let said = said_by_damaged_row(connection, id)?.unwrap_or(0);
            // Nothing is known where the count itself is gone.
            let all = Counter::Messages.read(connection).optional()?.unwrap_or(0);
            Ok(if (0..=all).contains(&said) { said } else { 0 })
        }
    }
}

fn said_by_damaged_row(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let said = connection
        .prepare_cached("SELECT message_count FROM sessions WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional();
    match said {
        // A column that holds what we never write is damage as well, and so is a row that is none.
        Err(error) if matches!(error.sqlite_error_code(), None | Some(ErrorCode::DatabaseCorrupt)) => Ok(None),
        said => said,
    }
}

/// Whether the count is another one than the rows say, and [`renew`] would change it.
pub fn is_wrong(connection: &Connection) -> rusqlite::Result<bool> {
    let counted = Counter::Messages.read(connection).optional()?;
    // Whether the rows are sound is asked only where it matters: for that all of their text is read.
    let mut statement = connection.prepare("SELECT message_count FROM sessions NOT INDEXED")?;
    let mut rows = statement.query([])?;
    let mut said = 0_i64;
    while let Some(row) = rows.next()? {
        said = said.wrapping_add(row.get(0).unwrap_or(0));
    }
    Ok(counted != Some(said) && said_by_all(connection)?.is_some())
}

/// Has the count be what the rows say, where they are all there and sound. Earlier versions subtracted what they found.
pub fn renew(connection: &Connection) -> Result<()> {
    let renewed = || match said_by_all(connection)? {
        Some(said) => Counter::Messages.set(connection, said),
        None => Ok(()),
    };
    renewed().map_err(|error| failure("counting messages", &error))
}

fn said_by_all(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let begun = Instant::now();
    let mut said = 0_i64;
    let all = each_sound_row(connection, |row| {
        said = said.saturating_add(row.get("message_count")?);
        Ok(begun.elapsed() < READING)
    })?;
    Ok(all.then_some(said))
}

/// Walks over the rows of sessions, whatever the index says, as long as `each` wants to go on. Whether it came to the end, all
/// rows are there, and each is as it was written.
pub fn each_sound_row(
    connection: &Connection,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare(heads::ALL)?;
    let mut rows = statement.query([])?;
    let (mut count, mut last) = (0, i64::MIN);
    while let Some(row) = rows.next()? {
        let place: i64 = row.get("row")?;
        // A column that holds what we never write is damage as well.
        if place <= last || !Head::fits(row).unwrap_or(false) || !each(row)? {
            return Ok(false);
        }
        (count, last) = (count + 1, place);
    }
    Ok(count == Counter::Sessions.read(connection)?)
}
