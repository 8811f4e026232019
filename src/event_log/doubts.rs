//! Syncs that failed while nobody waited for them: what was acknowledged before may not be on the disk, and no later sync
//! brings it back. Each handle hears of it once, whoever else has.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::lane::indeterminate;
use crate::error::Result;

/// What the handles of a log have heard of, and what not.
#[derive(Debug, Default)]
pub struct Doubts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// So many there were.
    raised: u64,
    /// What gave rise to the last one.
    cause: String,
    /// Somebody has heard of so many: to a handle that comes later they are no news.
    told: u64,
    /// Of how many each handle has.
    heard: HashMap<u32, u64>,
}

impl State {
    fn is_told(&self) -> bool {
        self.told == self.raised && self.heard.values().all(|heard| *heard == self.raised)
    }

    fn failure(&self) -> Result<()> {
        Err(indeterminate("syncing the log", &self.cause))
    }
}

impl Doubts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub fn raise(&self, cause: String) {
        let mut state = self.state();
        state.raised += 1;
        state.cause = cause;
    }

    /// A handle has come.
    pub fn join(&self, handle: u32) {
        let mut state = self.state();
        let told = state.told;
        state.heard.insert(handle, told);
    }

    /// A handle has gone. What it has not heard of waits for the others.
    pub fn leave(&self, handle: u32) {
        self.state().heard.remove(&handle);
    }

    /// Tells a handle of those that it has not heard of.
    pub fn tell(&self, handle: u32) -> Result<()> {
        let mut state = self.state();
        let (raised, told) = (state.raised, state.told);
        let heard = state.heard.insert(handle, raised).unwrap_or(told);
        state.told = raised;
        if heard < raised { state.failure() } else { Ok(()) }
    }

    /// Whether every handle has heard of all.
    pub fn are_told(&self) -> bool {
        self.state().is_told()
    }

    /// The same for whoever ends the log: he hears of those that one of them has not heard of.
    pub fn tell_last(&self) -> Result<()> {
        let mut state = self.state();
        if state.is_told() {
            return Ok(());
        }
        state.told = state.raised;
        state.heard.clear();
        state.failure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handle_hears_of_it_once_and_one_that_comes_later_only_where_nobody_has() {
        let doubts = Doubts::default();
        doubts.join(1);
        doubts.join(2);
        assert!(doubts.are_told());
        doubts.raise("a disk that lies".into());
        assert!(!doubts.are_told());
        let is_told = |handle| doubts.tell(handle).is_err();
        assert_eq!([is_told(1), is_told(1)], [true, false]);
        doubts.join(3);
        assert_eq!([is_told(3), doubts.are_told()], [false, false], "the second one has not heard of it");
        assert_eq!([is_told(2), is_told(2), doubts.are_told()], [true, false, true]);
        doubts.raise("once more".into());
        // All of them go without a word.
        for handle in 1..=3 {
            doubts.leave(handle);
        }
        doubts.join(4);
        assert!(!doubts.are_told());
        assert_eq!([is_told(4), is_told(4)], [true, false]);
    }

    #[test]
    fn whoever_ends_the_log_hears_what_somebody_has_not() {
        let doubts = Doubts::default();
        doubts.join(1);
        doubts.raise("a disk that lies".into());
        assert!(doubts.tell_last().is_err());
        doubts.tell_last().unwrap();
    }
}
