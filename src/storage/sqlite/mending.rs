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
    heads::{Head, MISLED},
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
    rows: "SELECT data, types, active_agent, created_at, updated_at, number, version, stamp, message_count,
                  message_bytes, crc, rowid AS row, id
           FROM sessions NOT INDEXED",
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
mod tests {
    use super::*;
    use crate::storage::sqlite::{expiry::Expiry, schema};

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "auto_vacuum", "incremental").unwrap();
        schema::create(&mut connection).unwrap();
        for (key, end) in [("k1", None), ("k2", Some(5)), ("k3", None), ("k4", Some(i64::MAX))] {
            keys::set(&connection, key, "1", None, end).unwrap();
        }
        connection
    }

    /// Has an index say something else than it does, which `says` puts into a table of the same columns.
    fn mislead(connection: &Connection, index: &str, columns: &str, says: &str) {
        let other = "SELECT sum(rootpage) FROM sqlite_schema WHERE name IN ('other_index', '{index}')";
        connection
            .execute_batch(&format!(
                "CREATE TABLE other ({columns}); CREATE INDEX other_index ON other ({columns}); {says};
                 PRAGMA writable_schema = on;
                 CREATE TEMP TABLE roots AS {other};
                 UPDATE sqlite_schema SET rootpage = (SELECT * FROM roots) - rootpage
                     WHERE name IN ('other_index', '{index}');
                 DROP TABLE roots; PRAGMA writable_schema = reset;",
                other = other.replace("{index}", index),
            ))
            .unwrap();
    }

    fn mend(connection: &Connection) {
        for part in PARTS {
            part(connection).unwrap();
        }
    }

    fn step(expiry: &mut Expiry, connection: &Connection) -> Option<Error> {
        let (reply, outcome) = crate::reply::Reply::channel();
        let mut write = expiry.step(reply);
        let failed = write.attempt(connection);
        write.verdict()(None);
        expiry.after(&outcome.recv().unwrap());
        failed
    }

    fn there(connection: &Connection) -> Vec<String> {
        let mut ask = connection.prepare("SELECT key FROM key_values NOT INDEXED ORDER BY rowid").unwrap();
        ask.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn a_key_ends_when_its_own_row_says_so_whatever_the_index_of_ends_says() {
        for says in ["(2, 5), (3, 5)", "(3, 5)", "(4, 5)", "(9, 5)"] {
            let connection = database();
            mislead(
                &connection,
                "idx_key_values_expires",
                "expires_at",
                &format!("INSERT INTO other (rowid, expires_at) VALUES {says}"),
            );
            let (mut expiry, mending) = (Expiry::default(), Mending::default());
            let failed = step(&mut expiry, &connection);
            let sound_one = says.contains("(2, 5)");
            assert_eq!(failed.is_none(), sound_one, "{says}: {failed:?}");
            let error = failed.or_else(|| step(&mut expiry, &connection)).unwrap();
            let pause = expiry.step_at().unwrap().saturating_duration_since(Instant::now());
            assert!(pause > Duration::from_secs(50), "{says}: it is not tried all the time");
            assert_eq!(there(&connection).len(), if sound_one { 3 } else { 4 }, "{says}");
            assert!(mending.may_help(&error));
            mend(&connection);
            assert!(step(&mut expiry, &connection).is_none(), "{says}");
            assert_eq!(there(&connection), ["k1", "k3", "k4"], "{says}");
        }
    }

    #[test]
    fn a_damaged_key_is_not_removed_by_an_end_that_only_its_damaged_row_says() {
        let connection = database();
        connection.execute("UPDATE key_values SET expires_at = 1 WHERE rowid = 3", []).unwrap();
        let says = format!("INSERT INTO other (rowid, expires_at) VALUES (2, 5), (4, {})", i64::MAX);
        mislead(&connection, "idx_key_values_expires", "expires_at", &says);
        mend(&connection);
        assert!(step(&mut Expiry::default(), &connection).is_none());
        assert_eq!(there(&connection), ["k1", "k3", "k4"]);
    }

    #[test]
    fn indexes_stay_where_they_may_know_more_than_the_rows() {
        let leads = |connection: &Connection| keys::set(connection, "k2", "2", None, None).is_ok();
        for (more, is_made_anew) in [
            ("SELECT 1", true),
            // It is damaged under its own name before and after.
            ("UPDATE key_values SET data = '9' WHERE rowid = 3", true),
            // The index has its name, which the row has lost.
            ("UPDATE other SET key = 'k5' WHERE rowid = 3", true),
            ("UPDATE other SET key = 'k5' WHERE rowid = 3; UPDATE key_values SET data = '9' WHERE rowid = 3", false),
            // Rows that nobody finds by going through them.
            ("UPDATE counters SET value = 5 WHERE name = 'keys'", false),
        ] {
            let connection = database();
            let says = "INSERT INTO other (rowid, key) VALUES (1, 'k1'), (2, 'k4'), (3, 'k3'), (4, 'k2')";
            let (of_rows, of_index): (Vec<_>, Vec<_>) = more.split("; ").partition(|sql| !sql.contains("other"));
            let says = std::iter::once(says).chain(of_index).collect::<Vec<_>>().join("; ");
            mislead(&connection, "sqlite_autoindex_key_values_1", "key", &says);
            connection.execute_batch(&of_rows.join("; ")).unwrap();
            assert!(!leads(&connection), "{more}");
            mend(&connection);
            assert_eq!(leads(&connection), is_made_anew, "{more}");
            assert_eq!(there(&connection), ["k1", "k2", "k3", "k4"], "{more}");
        }
    }

    #[test]
    fn what_takes_too_long_is_left_as_it_is() {
        let connection = database();
        let says = "INSERT INTO other (rowid, key) VALUES (1, 'k1'), (2, 'k4'), (3, 'k3'), (4, 'k2')";
        mislead(&connection, "sqlite_autoindex_key_values_1", "key", says);
        let set = || keys::set(&connection, "k2", "2", None, None).is_ok();
        for (reading, is_made_anew) in [(Duration::ZERO, false), (READING, true)] {
            KEYS.mend(&connection, reading).unwrap();
            assert_eq!(set(), is_made_anew, "{reading:?}");
        }
    }

    #[test]
    fn what_was_of_no_use_is_not_tried_again_at_once_and_a_damaged_row_is_no_reason_to() {
        let mending = Mending::default();
        let of_the_file = Error::Corrupt { what: FILE.into(), detail: String::new() };
        assert!(!mending.may_help(&keys::damaged("k", "its checksum does not fit")));
        assert!(mending.may_help(&of_the_file));
        mending.begin();
        assert!(!mending.may_help(&of_the_file));
        mending.note(Some(&of_the_file));
        assert!(!mending.may_help(&of_the_file));
        // It was found out only by what was made anew.
        mending.note(Some(&Error::SessionUnknown("s".into())));
        assert!(mending.may_help(&of_the_file));
    }
}
