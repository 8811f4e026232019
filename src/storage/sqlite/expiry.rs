//! When the background has to remove keys whose time has come. To readers they are gone on time, whatever happens here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::keys;
use crate::error::Result;

/// As many keys go at once: a write that comes meanwhile waits for no longer than that takes.
const STEP: i64 = 500;

/// Where there are more, a pause in which others may write.
const PAUSE: Duration = Duration::from_millis(20);

/// Ends that lie close together do not wake an idle process one by one.
const REST: Duration = Duration::from_secs(1);

/// After a failure: somebody has to make room, or to let go of the file.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Knows the next end of a key, and what was removed last.
#[derive(Debug, Default)]
pub struct Expiry {
    /// The next end.
    due: Option<Instant>,
    /// Not before this.
    rested: Option<Instant>,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub struct Reclaimed {
    rows: i64,
    next_end: Option<i64>,
}

impl Expiry {
    /// Takes note of a key that ends at `end`, in milliseconds since the epoch.
    pub fn note(&mut self, end: i64) {
        let left = Duration::from_millis(u64::try_from(end.saturating_sub(now())).unwrap_or(0));
        // An end beyond what the clock can say needs no waking.
        let due = Instant::now().checked_add(left);
        self.due = match (self.due, due) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// When a step is due.
    pub fn wake_at(&self) -> Option<Instant> {
        self.due.map(|due| self.rested.map_or(due, |rested| due.max(rested)))
    }

    /// Takes note of what became of a step.
    pub fn after(&mut self, outcome: &Result<Reclaimed>) {
        let (due, rest) = match outcome {
            Ok(step) if step.rows == STEP => (Some(Instant::now()), PAUSE),
            Ok(_) => (None, REST),
            Err(_) => (Some(Instant::now()), AFTER_FAILURE),
        };
        self.due = due;
        self.rested = Instant::now().checked_add(rest);
        if let Ok(Reclaimed { next_end: Some(end), .. }) = outcome {
            self.note(*end);
        }
    }
}

/// Removes a step's worth of keys whose time has come.
pub fn reclaim(connection: &Connection) -> Result<Reclaimed> {
    Ok(Reclaimed { rows: keys::delete_expired(connection, now(), STEP)?, next_end: keys::next_end(connection)? })
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
