//! Folding the write-ahead log into the file. Only the writer does it, and never inside of a commit that somebody waits
//! for: after the answers were given, or when there is nothing else to do.

mod syncing;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    failure::failure,
    log_index::{HEADER, PAGE_HEADER},
    room::Room,
};
use crate::{
    error::{Error, Result},
    found::Identity,
};

/// The log is folded each time it has grown by this: by 1,024 pages, as SQLite would by itself. Readers go on; pages that
/// one of them still needs stay for later.
const FOLDED_EVERY: i64 = 16 * 1024 * 1024;

/// As long as somebody waits for the next write, it may grow by so much.
const FOLDED_AT_THE_LATEST: i64 = 32 * 1024 * 1024;

/// A log of this size is emptied, for which its readers are waited for: it must not grow for ever because there is always
/// one of them that began before the last change.
const EMPTIED_FROM: i64 = 64 * 1024 * 1024;

/// The next try to empty it, so that a reader that stays costs the writer a wait now and then and no more.
const EMPTIED_EVERY: i64 = 16 * 1024 * 1024;

/// How long a reader is waited for. One that reads for longer is let be until the next try.
const PATIENCE: Duration = Duration::from_millis(250);

/// A store that has not been written to for so long is idle, and its log is emptied.
const IDLE: Duration = Duration::from_secs(2);

/// What was acknowledged without a sync is on the disk after so long, however much or little is written meanwhile.
const SYNCED_WITHIN: Duration = Duration::from_secs(2);

/// What does not succeed is tried again after twice the time, so that it keeps no idle process busy, and at least so often.
const SELDOM: Duration = Duration::from_secs(60);

/// What is known of the log.
pub struct Checkpoints {
    busy_timeout: Duration,
    page_size: i64,
    /// The pages in the log after the last commit; 0 where there was none since it was looked at.
    committed: Arc<AtomicI64>,
    /// How many bytes the log has.
    size: i64,
    /// How many it had when it was last folded.
    folded_at: i64,
    /// How many it had when it was last tried to empty it.
    emptied_at: i64,
    /// When it shall be folded because something in it is not synced.
    sync_by: Option<Instant>,
    /// When it shall be emptied, unless something is written before.
    empty_at: Option<Instant>,
    /// Whether the last commit asked for a sync.
    synced: bool,
    /// What is left of the log for commits that do.
    room: Room,
    /// How long was waited before the last sync of what is owed.
    sync_pause: Duration,
    /// How long was waited before the last try to empty the log of an idle store.
    empty_pause: Duration,
}

impl Checkpoints {
    /// Takes over from SQLite, which would fold the log inside of somebody's commit.
    ///
    /// # Errors
    /// What kept it from doing so.
    pub fn of(
        connection: &mut Connection,
        path: &Path,
        identity: Option<Identity>,
        busy_timeout: Duration,
    ) -> Result<Self> {
        let opening = format!("opening the write-ahead log of the database {}", path.display());
        let doing = |error: &rusqlite::Error| failure(&opening, error);
        let page_size =
            connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(|error| doing(&error))?;
        let committed = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&committed);
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
                seen.store(pages.into(), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| doing(&error))?;
        Ok(Self {
            busy_timeout,
            page_size,
            committed,
            size: 0,
            folded_at: 0,
            emptied_at: 0,
            sync_by: None,
            empty_at: None,
            synced: false,
            room: Room::of(path, identity, busy_timeout),
            sync_pause: SYNCED_WITHIN,
            empty_pause: IDLE,
        })
    }

    /// After the answers to a batch were given.
    ///
    /// # Errors
    /// A checkpoint that failed half-way.
    pub fn after_batch(&mut self, connection: &Connection, synced: bool) -> Result<()> {
        let pages = self.committed.swap(0, Ordering::Relaxed);
        if pages == 0 {
            return Ok(());
        }
        self.empty_at = Instant::now().checked_add(IDLE);
        self.empty_pause = IDLE;
        self.synced = synced;
        if synced {
            let used = pages * (self.page_size + i64::from(PAGE_HEADER));
            self.sync_by = None;
            self.room.keep(connection, u64::from(HEADER) + u64::try_from(used).unwrap_or(0))?;
        } else {
            // What failed before may have been put off for longer.
            let soon = Instant::now() + SYNCED_WITHIN;
            self.sync_by = Some(self.sync_by.map_or(soon, |due| due.min(soon)));
        }
        self.size = pages * self.page_size;
        if self.size < self.folded_at.max(self.emptied_at) {
            // It began anew from its start.
            self.folded_at = 0;
            self.emptied_at = 0;
        }
        if self.size >= EMPTIED_FROM && self.size - self.emptied_at >= EMPTIED_EVERY {
            self.folded_at = self.size;
            self.emptied_at = self.size;
            let owed = self.sync_by.take().is_some();
            let emptied = self.empty(connection, PATIENCE);
            self.owe(owed, emptied)
        } else if self.sync_is_due() || self.grown() >= FOLDED_AT_THE_LATEST {
            self.fold(connection)
        } else {
            Ok(())
        }
    }

    fn grown(&self) -> i64 {
        self.size - self.folded_at
    }

    /// Whether it is to be folded as soon as nobody waits.
    pub fn may_be_folded(&self) -> bool {
        self.grown() >= FOLDED_EVERY
    }

    /// Folds what no reader needs, and has the log on the disk where that is owed.
    ///
    /// # Errors
    /// A checkpoint that failed half-way.
    pub fn fold(&mut self, connection: &Connection) -> Result<()> {
        self.folded_at = self.size;
        let owed = self.sync_by.take().is_some();
        let whole = fold(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        self.owe(owed, whole)
    }

    /// Folds what it can, so that the log can begin anew in the room it has.
    ///
    /// # Errors
    /// A checkpoint that failed half-way.
    pub fn make_room(connection: &Connection) -> Result<()> {
        fold(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
    }

    /// When [`Self::when_due`] shall run although nothing is written.
    pub fn wake_at(&self) -> Option<Instant> {
        self.sync_by.into_iter().chain(self.empty_at).min()
    }

    /// What time asks for.
    ///
    /// # Errors
    /// A checkpoint that failed half-way.
    pub fn when_due(&mut self, connection: &Connection) -> Result<()> {
        if self.sync_is_due() {
            self.fold(connection)?;
        }
        if self.empty_at.is_some_and(|due| due <= Instant::now()) { self.when_idle(connection) } else { Ok(()) }
    }

    /// Empties the log of a store that is not written to. A reader that is in the way is not waited for; the next try
    /// comes later, as after one that failed.
    fn when_idle(&mut self, connection: &Connection) -> Result<()> {
        if self.empty_at.take().is_none() {
            return Ok(());
        }
        let emptied = self.empty(connection, Duration::ZERO);
        if !matches!(emptied, Ok(true)) {
            self.empty_at = Some(later(&mut self.empty_pause));
        } else if self.synced {
            self.room.keep_at_rest(connection)?;
        }
        emptied.map(drop)
    }

    /// Brings all of the log into the file, and has that synced: what an earlier sync has lost of the log, as the kernel
    /// may have without saying so again, nobody needs any more.
    ///
    /// # Errors
    /// [`Error::Busy`] where a reader is in the way, else what kept it from it.
    pub fn settle(&mut self, connection: &Connection) -> Result<()> {
        self.folded_at = 0;
        if self.empty(connection, self.busy_timeout)? { Ok(()) } else { Err(Error::Busy) }
    }

    fn empty(&mut self, connection: &Connection, patience: Duration) -> Result<bool> {
        wait_for_others(connection, patience)?;
        let emptied = fold(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        wait_for_others(connection, self.busy_timeout)?;
        if emptied.as_ref().is_ok_and(|emptied| *emptied) {
            self.room.is_gone();
            self.size = 0;
            self.folded_at = 0;
            self.emptied_at = 0;
        }
        emptied
    }
}

/// When to try again what was tried after that pause.
fn later(pause: &mut Duration) -> Instant {
    *pause = pause.saturating_mul(2).min(SELDOM);
    Instant::now() + *pause
}

fn wait_for_others(connection: &Connection, patience: Duration) -> Result<()> {
    connection.busy_timeout(patience).map_err(|error| failure("setting the busy time-out", &error))
}

/// Whether nothing and nobody kept it from folding everything.
fn fold(connection: &Connection, sql: &str) -> Result<bool> {
    let begun = Instant::now();
    let (blocked, pages, folded): (bool, i64, i64) = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
        .map_err(|error| failure("folding the write-ahead log into the database", &error))?;
    tracing::trace!(target: "smalltalk::storage", sql, blocked, pages, folded, took = ?begun.elapsed(), "checkpoint");
    Ok(!blocked && folded == pages)
}

#[cfg(test)]
mod tests;
