//! The clock of those who set keys, which need not be the system's: a test may hold it still, or set it to another year.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// How far that clock is behind the system's, as it was last heard.
#[derive(Debug, Clone, Default)]
pub struct CallerClock {
    behind: Arc<AtomicI64>,
}

impl CallerClock {
    /// It says so just now, in milliseconds since the epoch. One that is ahead is taken for the system's: what has ended by
    /// it has not for others who use the database.
    pub fn says(&self, now: i64) {
        self.behind.store(system_now().saturating_sub(now).max(0), Ordering::Relaxed);
    }

    /// What it says if it has gone on since, in milliseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        system_now().saturating_sub(self.behind.load(Ordering::Relaxed))
    }
}

fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;

    #[test]
    fn it_goes_on_from_what_was_last_heard_and_is_never_ahead() {
        let clock = CallerClock::default();
        let is = |clock: &CallerClock, expected: i64| (clock.now() - expected).abs() < 60_000;
        assert!(is(&clock, system_now()));
        clock.says(system_now() - 6 * YEAR);
        assert!(is(&clock, system_now() - 6 * YEAR));
        clock.says(system_now() + YEAR);
        assert!(is(&clock, system_now()));
        clock.says(i64::MIN);
        assert!(clock.now() < 0);
    }
}
