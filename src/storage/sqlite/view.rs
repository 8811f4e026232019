//! One view of the store for many small reads. Taking and giving back the engine's read lock costs more than twice what the
//! read in between does, so while reads come close after one another the view of the first is kept for the next: as long
//! as nobody has committed anything since, and never for long, because whoever folds the log waits for its readers.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::failure::failure;
use crate::error::Result;

/// What differs between any two states of the store, whichever process has committed in between.
pub type CommitMark = [u32; 12];

/// Reads the mark without a lock, on a connection that has read before. It may be older than a commit that nobody has been
/// told of yet; `None`: it cannot be had.
pub type ReadMark = fn(&Connection) -> Option<CommitMark>;

/// A view that is older is given back.
pub const KEPT: Duration = Duration::from_millis(5);

/// Reads that come so soon after one another are one after another.
const CLOSE: Duration = Duration::from_micros(100);

/// After so many of them a view is kept: for fewer it would not pay.
const SEVERAL: u32 = 4;

/// The view of one connection, where it has one.
pub struct View {
    read_mark: Option<ReadMark>,
    kept: Option<Kept>,
    last: Instant,
    in_a_row: u32,
    /// Whether the connection has read: only then has the engine opened what the mark stands in.
    has_read: bool,
}

struct Kept {
    mark: CommitMark,
    since: Instant,
}

impl View {
    /// None yet; without marks there will be none.
    pub fn new(read_mark: Option<ReadMark>) -> Self {
        Self { read_mark, kept: None, last: Instant::now(), in_a_row: 0, has_read: false }
    }

    /// After each read that went well.
    pub fn has_read(&mut self) {
        self.has_read = true;
    }

    /// Before each read: afterwards the connection shows every commit that anybody can know of. A view is begun only where
    /// it `may_keep` one.
    ///
    /// # Errors
    /// What kept the old view from being given back: the connection must not be read from.
    pub fn refresh(&mut self, connection: &Connection, now: Instant, may_keep: bool) -> Result<()> {
        let Some(read_mark) = self.read_mark else { return Ok(()) };
        self.in_a_row = if now.duration_since(self.last) < CLOSE { self.in_a_row.saturating_add(1) } else { 0 };
        self.last = now;
        if let Some(kept) = &self.kept {
            // An error in a read may have ended it.
            let same = !connection.is_autocommit() && read_mark(connection).as_ref() == Some(&kept.mark);
            if same && may_keep && now.duration_since(kept.since) < KEPT {
                return Ok(());
            }
            self.end(connection)?;
            if !same {
                // Somebody writes: the next views would not last either.
                self.in_a_row = 0;
            }
        }
        if may_keep && self.has_read && self.in_a_row >= SEVERAL {
            self.begin(connection, read_mark, now)?;
        }
        Ok(())
    }

    /// The mark comes before the view. What is committed between the two is in the view and not in the mark, for which the
    /// view ends a read too early; the other way round it would be kept too long.
    fn begin(&mut self, connection: &Connection, read_mark: ReadMark, now: Instant) -> Result<()> {
        if let Some(mark) = read_mark(connection) {
            run(connection, "BEGIN")?;
            self.kept = Some(Kept { mark, since: now });
        }
        Ok(())
    }

    /// Gives the view back, where there is one.
    ///
    /// # Errors
    /// What kept it from being given back.
    pub fn end(&mut self, connection: &Connection) -> Result<()> {
        if !connection.is_autocommit() {
            run(connection, "COMMIT")?;
        }
        self.kept = None;
        Ok(())
    }

    /// When it has to be given back; `None` where there is none.
    pub fn due(&self) -> Option<Instant> {
        self.kept.as_ref().and_then(|kept| kept.since.checked_add(KEPT))
    }
}

/// Runs a statement that gives nothing.
///
/// # Errors
/// What kept it from being run.
pub fn run(connection: &Connection, sql: &str) -> Result<()> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(|error| failure("reading", &error))
}
