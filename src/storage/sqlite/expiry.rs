//! When the background has to remove keys whose time has come. To readers they are gone on time, whatever happens here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;

use super::{job::Write, keys};
use crate::{error::Result, reply::Reply};

/// As many keys go at once: a write that comes meanwhile waits for no longer than that takes.
const STEP: usize = 500;

/// Where there are more, a pause in which others may write.
const PAUSE: Duration = Duration::from_millis(20);

/// Ends that lie close together do not wake an idle process one by one.
const REST: Duration = Duration::from_secs(1);

/// After a failure: somebody has to make room, or to let go of the file.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// Keys that another process has set and does not live to remove are found after so long.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What had ended before the file was opened waits until whoever opened it has begun.
pub const AFTER_OPENING: Duration = Duration::from_secs(5);

/// How long a key stays that was set with a clock behind ours: nothing tells how far behind it is, and so how long the key
/// has to live.
const LIFE_BY_ANOTHER_CLOCK: Duration = Duration::from_secs(60 * 60);

/// Knows the next end of a key, and what was removed last.
#[derive(Debug, Default)]
pub struct Expiry {
    /// The next end.
    due: Option<Instant>,
    /// Not before this.
    rested: Option<Instant>,
    /// When to look for ends that nobody here has set.
    look_at: Option<Instant>,
    /// So many milliseconds the clock of whoever sets keys may be behind ours, such as one that a test holds still.
    behind: i64,
    /// As long as any key may live that is known to have been set by such a clock.
    behind_until: Option<Instant>,
}

/// The end of a key that is being set, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    at: i64,
    /// So long it was over when it was asked for. Whoever asked had yet to come to it.
    over: Option<i64>,
}

impl End {
    /// An end that is asked for now.
    pub fn asked_for(at: i64) -> Self {
        Self { at, over: Some(now() - at).filter(|over| *over >= 0) }
    }

    /// What both together ask for.
    pub fn and(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), over: self.over.max(other.over) }
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub struct Reclaimed {
    /// It did all that it could at once.
    more: bool,
    next_end: Option<i64>,
}

impl Expiry {
    /// Takes note of keys that are set.
    pub fn set(&mut self, end: End) {
        if let Some(over) = end.over {
            let life = i64::try_from(LIFE_BY_ANOTHER_CLOCK.as_millis()).unwrap_or(i64::MAX);
            self.behind = self.behind().max(over.saturating_add(life));
            self.behind_until = Instant::now().checked_add(LIFE_BY_ANOTHER_CLOCK);
        }
        self.note(end.at);
    }

    /// Looks for ends in the file, of which none shall be due for so long. Damage that is met there keeps nobody from
    /// anything else.
    pub fn look(&mut self, connection: &Connection, rest: Duration) {
        self.look_at = Instant::now().checked_add(LOOK_EVERY);
        let rested = self.now().saturating_add(i64::try_from(rest.as_millis()).unwrap_or(0));
        match keys::next_end(connection) {
            Ok(None) => {}
            Ok(Some(end)) => self.note(end.max(rested)),
            Err(error) => {
                tracing::warn!(target: "smalltalk::storage", %error, "expired keys are not found for now");
            }
        }
    }

    /// When to look again.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// When a step is due.
    pub fn step_at(&self) -> Option<Instant> {
        self.due.map(|due| self.rested.map_or(due, |rested| due.max(rested)))
    }

    /// The earlier of both.
    pub fn wake_at(&self) -> Option<Instant> {
        self.step_at().into_iter().chain(self.look_at).min()
    }

    /// Removes a step's worth of keys whose time has come.
    pub fn step(&self, reply: Reply<Reclaimed>) -> Write {
        let now = self.now();
        let limit = Arc::new(AtomicUsize::new(STEP));
        let seen = Arc::clone(&limit);
        Write::new(0, reply, move |connection| reclaim(connection, now, limit.load(Ordering::Relaxed)))
            .looking(move |_, part| seen.store((STEP / part).max(1), Ordering::Relaxed))
            .freeing()
    }

    /// Takes note of what became of a step.
    pub fn after(&mut self, outcome: &Result<Reclaimed>) {
        let (due, rest) = match outcome {
            Ok(step) if step.more => (Some(Instant::now()), PAUSE),
            Ok(_) => (None, REST),
            Err(_) => (Some(Instant::now()), AFTER_FAILURE),
        };
        self.due = due;
        self.rested = Instant::now().checked_add(rest);
        if let Ok(Reclaimed { next_end: Some(end), .. }) = outcome {
            self.note(*end);
        }
    }

    fn note(&mut self, end: i64) {
        let left = Duration::from_millis(u64::try_from(end.saturating_sub(self.now())).unwrap_or(0));
        // An end beyond what the clock can say needs no waking.
        let due = Instant::now().checked_add(left);
        self.due = match (self.due, due) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// What has ended by then has ended by every clock that sets keys here.
    fn now(&self) -> i64 {
        now().saturating_sub(self.behind())
    }

    fn behind(&self) -> i64 {
        if self.behind_until.is_some_and(|until| Instant::now() < until) { self.behind } else { 0 }
    }
}

fn reclaim(connection: &Connection, now: i64, limit: usize) -> Result<Reclaimed> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let more = keys::delete_expired(connection, now, limit)? == limit;
    Ok(Reclaimed { more, next_end: keys::next_end(connection)? })
}

/// Milliseconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema;

    const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create(&mut connection).unwrap();
        connection
    }

    fn set(connection: &Connection, expires_at: i64) {
        keys::set(connection, &expires_at.to_string(), "1", None, Some(expires_at)).unwrap();
    }

    fn waits(expiry: &Expiry) -> Duration {
        expiry.step_at().unwrap().saturating_duration_since(Instant::now())
    }

    /// Does a step; how many keys are left.
    fn step(expiry: &mut Expiry, connection: &Connection) -> i64 {
        let (reply, outcome) = Reply::channel();
        let mut write = expiry.step(reply);
        assert!(write.attempt(connection).is_none());
        write.verdict()(None);
        expiry.after(&outcome.recv().unwrap());
        connection.query_row("SELECT count(*) FROM key_values", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_set_by_a_clock_that_is_behind_is_not_over_by_ours() {
        let connection = database();
        let mut expiry = Expiry::default();
        let then = now() - 6 * YEAR;
        for end in [then + 3_000, then + 1_000, then + 2_000] {
            set(&connection, end);
            expiry.set(End::asked_for(end));
        }
        assert!(waits(&expiry) > Duration::from_secs(3_000));
        assert_eq!(step(&mut expiry, &connection), 3);
        assert!(waits(&expiry) > Duration::from_secs(3_000), "it is not tried all the time");
        expiry.behind_until = Some(Instant::now());
        expiry.look(&connection, Duration::ZERO);
        assert_eq!(step(&mut expiry, &connection), 0, "an hour later");
    }

    #[test]
    fn what_is_asked_for_in_time_is_over_in_time_however_late_it_is_done() {
        let connection = database();
        let mut expiry = Expiry::default();
        let end = now() + 20;
        let asked = End::asked_for(end).and(End::asked_for(now() + YEAR));
        set(&connection, end);
        while now() <= end {
            std::thread::yield_now();
        }
        expiry.set(asked);
        assert_eq!(waits(&expiry), Duration::ZERO);
        assert_eq!(step(&mut expiry, &connection), 0);
    }

    #[test]
    fn ends_that_others_have_set_are_found_now_and_then() {
        let connection = database();
        let mut expiry = Expiry::default();
        expiry.look(&connection, AFTER_OPENING);
        assert_eq!(expiry.step_at(), None);
        assert_eq!(expiry.wake_at(), expiry.look_at());
        assert!(expiry.look_at().unwrap() <= Instant::now() + LOOK_EVERY);
        set(&connection, 1);
        expiry.look(&connection, AFTER_OPENING);
        assert!(waits(&expiry) > AFTER_OPENING / 2 && waits(&expiry) <= AFTER_OPENING);
        expiry.look(&connection, Duration::ZERO);
        assert_eq!(waits(&expiry), Duration::ZERO);
        assert_eq!(step(&mut expiry, &connection), 0);
    }

    #[test]
    fn on_a_full_disk_fewer_go_at_once_and_the_next_follow() {
        let connection = database();
        let mut expiry = Expiry::default();
        (1..=10).for_each(|end| set(&connection, end));
        let (reply, outcome) = Reply::channel();
        let mut write = expiry.step(reply);
        assert!(write.frees());
        assert!(write.lessen());
        write.look(&connection);
        assert!(write.attempt(&connection).is_none());
        write.verdict()(None);
        expiry.after(&outcome.recv().unwrap());
        assert!(waits(&expiry) <= PAUSE);
        assert_eq!(step(&mut expiry, &connection), 0);
    }
}
