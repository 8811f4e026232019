//! When the background has to remove keys whose time has come. To readers they are gone on time, whatever happens here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{caller_clock::CallerClock, failure::FILE, job::Write, keys};
use crate::{
    error::{Error, Result},
    reply::Reply,
};

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

/// So long a key stays when its time has come: the clock by which it was set may be held still since it was last heard.
const SLACK: Duration = Duration::from_secs(5);

/// Knows the next end of a key, and what was removed last.
#[derive(Debug, Default)]
pub struct Expiry {
    /// The next end.
    due: Option<Instant>,
    /// Not before this.
    rested: Option<Instant>,
    /// When to look for ends that nobody here has set.
    look_at: Option<Instant>,
    clock: CallerClock,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub struct Reclaimed {
    /// It did all that it could at once.
    more: bool,
    next_end: Option<i64>,
}

impl Expiry {
    /// By which keys are set and end here.
    pub fn clock(&self) -> &CallerClock {
        &self.clock
    }

    /// Looks for ends in the file, of which none shall be due for so long. Damage that is met there keeps nobody from
    /// anything else.
    pub fn look(&mut self, connection: &Connection, rest: Duration) {
        self.look_at = Instant::now().checked_add(LOOK_EVERY);
        let rested = self.over_at().saturating_add(millis(rest));
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
        let over_at = self.over_at();
        let limit = Arc::new(AtomicUsize::new(STEP));
        let seen = Arc::clone(&limit);
        Write::new(0, reply, move |connection| reclaim(connection, over_at, limit.load(Ordering::Relaxed)))
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

    /// Takes note of a key that ends then, in milliseconds since the epoch.
    pub fn note(&mut self, end: i64) {
        let left = Duration::from_millis(u64::try_from(end.saturating_sub(self.over_at())).unwrap_or(0));
        // An end beyond what the clock can say needs no waking.
        let due = Instant::now().checked_add(left);
        self.due = match (self.due, due) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// What has ended by then may go.
    fn over_at(&self) -> i64 {
        self.clock.now().saturating_sub(millis(SLACK))
    }
}

fn reclaim(connection: &Connection, over_at: i64, limit: usize) -> Result<Reclaimed> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let removed = keys::delete_expired(connection, over_at, limit)?;
    let next_end = keys::next_end(connection)?;
    if removed == 0 && next_end.is_some_and(|end| end <= over_at) {
        let detail = "the index of ends has an end that is not its row's".into();
        return Err(Error::Corrupt { what: FILE.into(), detail });
    }
    Ok(Reclaimed { more: removed == limit, next_end })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
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
    fn what_is_set_by_a_clock_that_is_behind_is_over_by_that_clock() {
        let connection = database();
        let mut expiry = Expiry::default();
        let then = CallerClock::default().now() - 6 * YEAR;
        expiry.clock().says(then);
        for end in [then + 3_600_000, then + 7_200_000] {
            set(&connection, end);
            expiry.note(end);
        }
        assert!(waits(&expiry) > Duration::from_secs(3_000), "{:?}", waits(&expiry));
        assert_eq!(step(&mut expiry, &connection), 2);
        assert!(waits(&expiry) > Duration::from_secs(3_000), "it is not tried all the time");
        expiry.clock().says(then + 3_600_000 + 2 * millis(SLACK));
        assert_eq!(step(&mut expiry, &connection), 1);
    }

    #[test]
    fn what_is_found_by_a_clock_that_is_behind_is_over_by_that_clock() {
        let connection = database();
        let mut expiry = Expiry::default();
        let then = CallerClock::default().now() - 6 * YEAR;
        set(&connection, then + 3_600_000);
        expiry.clock().says(then);
        expiry.look(&connection, AFTER_OPENING);
        assert!(waits(&expiry) > Duration::from_secs(3_000), "{:?}", waits(&expiry));
    }

    #[test]
    fn a_clock_that_is_held_still_and_heard_now_and_then_ends_nothing() {
        let connection = database();
        let mut expiry = Expiry::default();
        // It stands still while the system's goes on.
        for (keys, stands_for) in [0, 3_000, 6_000, 9_000].into_iter().enumerate() {
            let still = CallerClock::default().now() - stands_for;
            set(&connection, still + 1);
            assert_eq!(step(&mut expiry, &connection), i64::try_from(keys).unwrap() + 1, "after {stands_for} ms");
            expiry.clock().says(still);
        }
    }

    #[test]
    fn a_key_whose_time_has_come_before_it_is_stored_holds_up_no_other() {
        let connection = database();
        let mut expiry = Expiry::default();
        let now = CallerClock::default().now();
        expiry.clock().says(now);
        for end in [now - 100, now + 1] {
            set(&connection, end);
            expiry.note(end);
        }
        assert!(waits(&expiry) <= SLACK);
        expiry.clock().says(now + 3 * millis(SLACK));
        assert!(waits(&expiry) <= SLACK, "it is due by the system's clock at the latest");
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
