//! What the handles of a log were told, and what the log does for all of them: nothing goes that one of them wants kept.

use std::collections::HashMap;

use super::options::LogOptions;
use crate::durability::Durability;

/// What each handle was told that is not closed.
#[derive(Debug)]
pub struct Wishes {
    of: HashMap<u32, LogOptions>,
    /// What the log does.
    met: LogOptions,
}

impl Wishes {
    /// Those of the first handle.
    pub fn new(handle: u32, options: LogOptions) -> Self {
        let met = for_all(options);
        Self { of: HashMap::from([(handle, met.clone())]), met }
    }

    /// Whether nobody is left who has any.
    pub fn are_none(&self) -> bool {
        self.of.is_empty()
    }

    /// A handle has come. What the log does from now on, where that is something else.
    pub fn add(&mut self, handle: u32, options: LogOptions) -> Option<&LogOptions> {
        self.of.insert(handle, for_all(options));
        self.meet()
    }

    /// A handle has gone. What the log does from now on, where that is something else; the last one's wishes are met to the end.
    pub fn remove(&mut self, handle: u32) -> Option<&LogOptions> {
        self.of.remove(&handle);
        self.meet()
    }

    fn meet(&mut self) -> Option<&LogOptions> {
        let mut wishes = self.of.values();
        let first = wishes.next()?.clone();
        let met = wishes.fold(first, LogOptions::with);
        if met == self.met {
            return None;
        }
        self.met = met;
        Some(&self.met)
    }
}

/// Without what is no matter of the log's.
fn for_all(options: LogOptions) -> LogOptions {
    LogOptions { durability: Durability::default(), ..options }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn options(hours: u64) -> LogOptions {
        let time = Duration::from_secs(3600 * hours);
        let (retention, max_retention) = (time, time * 30);
        LogOptions {
            fsync_interval: time,
            retention,
            max_retention,
            cleanup_interval: time,
            ..LogOptions::new("events")
        }
    }

    #[test]
    fn what_one_of_the_open_handles_wants_kept_is_kept_and_what_it_wants_soon_comes_soon() {
        let mut wishes = Wishes::new(1, options(2));
        let met = wishes.add(2, options(7)).unwrap();
        let longest = LogOptions { fsync_interval: options(2).fsync_interval, ..options(7) };
        assert_eq!(met, &longest);
        assert!(wishes.add(3, options(5)).is_none(), "no news");
        let sizes = LogOptions { max_file_bytes: 1, max_queue_bytes: usize::MAX, ..options(2) };
        let met = wishes.add(4, sizes).unwrap();
        assert_eq!((met.max_file_bytes, met.max_queue_bytes), (1, usize::MAX));
        assert!(wishes.remove(4).is_some());
        assert!(wishes.remove(1).is_some());
        let left = wishes.remove(2).unwrap();
        assert_eq!(left, &options(5));
        assert!(wishes.remove(3).is_none() && wishes.are_none());
    }

    #[test]
    fn where_one_wants_no_cleanup_by_itself_there_is_none_as_long_as_it_is_open() {
        let never = LogOptions { cleanup_interval: Duration::ZERO, ..options(1) };
        let mut wishes = Wishes::new(1, options(1));
        assert!(wishes.add(2, never).unwrap().cleanup_interval.is_zero());
        assert!(wishes.add(3, options(9)).unwrap().cleanup_interval.is_zero());
        assert_eq!(wishes.remove(2).unwrap().cleanup_interval, options(9).cleanup_interval);
    }

    #[test]
    fn how_durable_its_appends_are_is_each_ones_own() {
        let mut wishes = Wishes::new(1, options(1));
        assert!(wishes.add(2, LogOptions { durability: Durability::Power, ..options(1) }).is_none());
    }
}
