//! What only repeats what the rows say, the indexes and the version given out last, is made anew out of them where a write
//! meets that it is damaged.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Row};

use super::{
    counters::{self, Counter},
    failure::FILE,
    heads::{self, Head, MISLED},
    keys,
};
use crate::error::Error;

/// Where it was of no use it is not tried again for so long: all rows are read for it, and nobody writes meanwhile.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// With more of them others would wait for too long, in every process.
const ROWS: i64 = 1_000_000;

/// Rows may be long, or the disk slow: when it has taken so long to read them, it is left at that. Others wait for five seconds
/// where nothing else was said, and to make the indexes anew takes about as long again.
const READING: Duration = Duration::from_secs(3);

/// How the engine begins to tell what is wrong with pages, not with what rows and indexes say.
const OF_PAGES: &str = "*** in database";

/// When it may be tried.
#[derive(Debug, Default)]
pub struct Mending {
    not_before: Cell<Option<Instant>>,
}

/// What makes something anew within the transaction that is open. Where it fails, that must not be committed.
pub type Part = fn(&Connection) -> rusqlite::Result<()>;

/// Each for itself: what keeps one from being made anew need not be in the way of another.
pub const PARTS: [Part; 3] =
    [counters::catch_up, |connection| SESSIONS.mend(connection, READING), |connection| KEYS.mend(connection, READING)];

impl Mending {
    /// Whether it is worth a try where a write fails so.
    pub fn may_help(&self, error: &Error) -> bool {
        is_of_what_is_mended(error) && self.not_before.get().is_none_or(|then| then <= Instant::now())
    }

    /// It is being tried: until it is known to have helped, it has not.
    pub fn begin(&self) {
        self.not_before.set(Instant::now().checked_add(AFTER_FAILURE));
    }

    /// Takes note of how the write has failed that was tried again, where it has.
    pub fn note(&self, failed: Option<&Error>) {
        if failed.is_none_or(|error| !is_of_what_is_mended(error)) {
            tracing::warn!(target: "smalltalk::storage", "an index or a counter was damaged and is made anew");
            self.not_before.set(None);
        }
    }
}

fn is_of_what_is_mended(error: &Error) -> bool {
    matches!(error, Error::Corrupt { what, detail } if what == FILE || detail == MISLED)
}

/// A table of rows that have a name and a checksum.
struct Table {
    counter: Counter,
    rows: &'static str,
    is_led_to: &'static str,
    check: &'static str,
    reindex: &'static str,
    fits: fn(&Row<'_>) -> rusqlite::Result<bool>,
}

const SESSIONS: Table = Table {
    counter: Counter::Sessions,
    rows: heads::ALL,
    is_led_to: "SELECT 1 FROM sessions AS it
                WHERE it.rowid = ?1 AND ?1 = (SELECT rowid FROM sessions WHERE id = +it.id)",
    check: "PRAGMA quick_check(sessions)",
    reindex: "REINDEX sessions",
    fits: Head::fits,
};

const KEYS: Table = Table {
    counter: Counter::Keys,
    rows: "SELECT data, types, expires_at, crc, rowid AS row, key FROM key_values NOT INDEXED",
    is_led_to: "SELECT 1 FROM key_values AS it
                WHERE it.rowid = ?1 AND ?1 = (SELECT rowid FROM key_values WHERE key = +it.key)
                    AND (it.expires_at IS NULL OR EXISTS (
                        SELECT 1 FROM key_values INDEXED BY idx_key_values_expires
                        WHERE expires_at = +it.expires_at AND rowid = ?1))",
    check: "PRAGMA quick_check(key_values)",
    reindex: "REINDEX key_values",
    fits: keys::fits,
};

impl Table {
    /// Makes the indexes anew out of the rows. They stay as they are where they may know something that those do not say.
    fn mend(&self, connection: &Connection, reading: Duration) -> rusqlite::Result<()> {
        if self.counter.read(connection)? <= ROWS
            && self.tells_all(connection, reading)?
            && self.keeps_to_its_pages(connection)?
        {
            connection.execute_batch(self.reindex)?;
        }
        Ok(())
    }

    /// Whether its indexes have no pages but their own. To make one anew is to free what it has, and the engine does not ask whose
    /// that is: where an index leads to a page of another table, that would be given up for something else.
    fn keeps_to_its_pages(&self, connection: &Connection) -> rusqlite::Result<bool> {
        // Only where there is a map of which page belongs to which is a page of another table told from one of its own.
        let has_a_map: bool = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
        let mut check = connection.prepare(self.check)?;
        let mut lines = check.query([])?;
        while let Some(line) = lines.next()? {
            if line.get_ref(0)?.as_str()?.starts_with(OF_PAGES) {
                return Ok(false);
            }
        }
        Ok(has_a_map)
    }

    /// Whether nothing is known of the rows but by themselves: all that were counted are found, in their order, and what an
    /// index made anew would call by another name than before, or have end at another time, is as it was written. A damaged row
    /// that has its name goes on being damaged under it; one whose name may be what is damaged would be found no more.
    fn tells_all(&self, connection: &Connection, reading: Duration) -> rusqlite::Result<bool> {
        let begun = Instant::now();
        let mut is_led_to = connection.prepare(self.is_led_to)?;
        let mut statement = connection.prepare(self.rows)?;
        let mut rows = statement.query([])?;
        let (mut count, mut last) = (0, i64::MIN);
        while let Some(row) = rows.next()? {
            let number: i64 = row.get("row")?;
            // A column that holds what we never write is damage as well.
            let sound = (self.fits)(row).unwrap_or(false);
            if number <= last || begun.elapsed() >= reading || !sound && !is_led_to.exists([number])? {
                return Ok(false);
            }
            (count, last) = (count + 1, number);
        }
        Ok(count == self.counter.read(connection)?)
    }
}

#[cfg(test)]
mod tests;
