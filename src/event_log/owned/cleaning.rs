//! Cleanups, one after the other, in slices: whoever appends comes in between.

use std::time::{Duration, Instant};

use super::Owned;
use crate::{
    error::Result,
    event_log::{
        retention::{Cleanup, CleanupReport},
        statistics,
    },
    reply::Reply,
};

impl Owned {
    /// Moves and deletes what the retention no longer keeps; answers when all of it is done.
    pub fn cleanup(&mut self, retention: Duration, reply: Reply<CleanupReport>) {
        self.cleanups.push_back(Cleanup::new(retention, reply));
        if self.cleanups.len() == 1 {
            self.clean_some();
        }
    }

    /// Does a part of the cleanup under way.
    pub fn clean_some(&mut self) {
        let Some(mut cleanup) = self.cleanups.pop_front() else { return };
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

    /// The one that is due although nobody asks. It waits for those that somebody has asked for.
    pub(super) fn clean_in_time(&mut self, now: Instant) {
        if self.cleanups.is_empty() && self.cleanup_at.is_some_and(|at| at <= now) {
            self.plan_cleanup();
            self.cleanup(self.around.options.retention, Reply::new(warn));
        } else {
            self.clean_some();
        }
    }

    pub(super) fn plan_cleanup(&mut self) {
        let interval = self.around.options.cleanup_interval;
        self.cleanup_at = (!interval.is_zero()).then(|| Instant::now().checked_add(interval)).flatten();
    }
}

fn warn(outcome: Result<CleanupReport>) {
    if let Err(error) = outcome {
        tracing::warn!(target: "smalltalk::event_log", %error, "the regular cleanup failed");
    }
}
