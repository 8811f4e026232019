//! Cleanups, one after the other, in slices: whoever appends comes in between.

use std::time::{Duration, Instant};

use super::Owned;
use crate::{
    error::Result,
    event_log::{
        options::LogOptions,
        retention::{Cleanup, CleanupReport},
        statistics,
    },
    reply::Reply,
};

/// So long after the opening the first regular cleanup comes at the latest: where no process lives for a whole interval, there
/// would never be one. Whoever has just started is left to his work until then.
const FIRST_CLEANUP: Duration = Duration::from_secs(60);

impl Owned {
    /// Moves and deletes what the retention no longer keeps; answers when all of it is done. `None`: that of the options.
    pub fn cleanup(&mut self, retention: impl Into<Option<Duration>>, reply: Reply<CleanupReport>) {
        self.cleanups.push_back(Cleanup::new(retention.into(), reply));
        if self.cleanups.len() == 1 {
            self.clean_some();
        }
    }

    /// Does a part of the cleanup under way. Whoever appends gets as much time before the next one.
    pub fn clean_some(&mut self) {
        let begun = Instant::now();
        let Some(cleanup) = self.cleanups.pop_front() else { return };
        self.clean_with(cleanup);
        self.clean_at = Instant::now().checked_add(begun.elapsed());
    }

    fn clean_with(&mut self, mut cleanup: Cleanup) {
        // Somebody else may have come to own the log since the last part.
        match self.holds() {
            Ok(true) => {}
            Ok(false) => return cleanup.end(self, Err(self.ownership.lost())),
            Err(error) => return cleanup.end(self, Err(error)),
        }
        if cleanup.go_on(self) {
            statistics::save(self);
            cleanup.end(self, Ok(()));
        } else {
            self.cleanups.push_front(cleanup);
        }
    }

    /// Ends all of them as they stand: each leaves the rest to the next one.
    pub fn end_cleanups(&mut self, outcome: &Result<()>) {
        while let Some(cleanup) = self.cleanups.pop_front() {
            cleanup.end(self, outcome.clone());
        }
    }

    /// Does from now on as these options say, also with what waits already.
    pub fn heed(&mut self, options: &LogOptions) {
        self.around.options.clone_from(options);
        let now = Instant::now();
        self.sync_at = self.sync_at.map(|at| at.min(now + options.fsync_interval));
        // Never later than it was: where handles come and go all the time, there would never be one.
        match (self.cleanup_at, now.checked_add(options.cleanup_interval)) {
            (None, _) => self.plan_first_cleanup(),
            (Some(at), Some(next)) if !options.cleanup_interval.is_zero() => self.cleanup_at = Some(at.min(next)),
            (Some(_), _) => {}
        }
    }

    /// When the next regular cleanup is due. While none is wanted, the one that was planned waits.
    pub(super) fn next_cleanup(&self) -> Option<Instant> {
        self.cleanup_at.filter(|_| !self.around.options.cleanup_interval.is_zero())
    }

    /// Goes on with the cleanup under way. The one that is due although nobody asks waits for those that somebody has asked for.
    pub(super) fn clean_in_time(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if !self.cleanups.is_empty() {
            if is_due(self.clean_at) {
                self.clean_some();
            }
        } else if is_due(self.next_cleanup()) {
            self.plan_cleanup(self.around.options.cleanup_interval);
            self.cleanup(None, Reply::new(warn));
        }
    }

    /// After the opening.
    pub(super) fn plan_first_cleanup(&mut self) {
        self.plan_cleanup(self.around.options.cleanup_interval.min(FIRST_CLEANUP));
    }

    fn plan_cleanup(&mut self, wait: Duration) {
        self.cleanup_at = (!wait.is_zero()).then(|| Instant::now().checked_add(wait)).flatten();
    }
}

fn warn(outcome: Result<CleanupReport>) {
    if let Err(error) = outcome {
        tracing::warn!(target: "smalltalk::event_log", %error, "the regular cleanup failed");
    }
}
