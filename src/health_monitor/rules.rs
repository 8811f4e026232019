//! What the options mean in ticks.

use std::time::Duration;

use crate::error::{Error, Result};

/// A tick is a tenth of the interval, but not shorter and not longer than this: ten ticks an interval are exact enough,
/// and an idle process wakes up a few times a second at the most.
const SHORTEST_TICK: Duration = Duration::from_millis(10);
const LONGEST_TICK: Duration = Duration::from_millis(200);
const TICKS_PER_INTERVAL: u32 = 10;

/// The longest span that a JavaScript timer takes; it also keeps every sum of ticks far from overflow.
const LONGEST_SPAN: Duration = Duration::from_millis(i32::MAX as u64);

/// What the user asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// After so much silence an agent is pinged.
    pub heartbeat_interval: Duration,
    /// After so much silence, with a ping unanswered, an agent is gone, however few beats it missed.
    pub activity_timeout: Duration,
    /// So many missed beats and it is gone.
    pub max_missed_beats: u32,
}

/// The same in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long a tick is. It divides the heartbeat interval exactly.
    pub tick: Duration,
    /// The heartbeat interval.
    pub interval: u32,
    /// Silence after which an agent is pinged: an interval, or earlier where the activity time-out leaves no room for
    /// an answer.
    pub ping_after: u32,
    /// The activity time-out.
    pub timeout: u32,
    /// Missed beats that an agent may not reach.
    pub max_missed: u32,
}

impl Rules {
    /// Checks the options and counts them in ticks.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for a span or a count out of range.
    pub fn new(options: &Options) -> Result<Self> {
        let (beat, timeout) = (options.heartbeat_interval, options.activity_timeout);
        for (name, span) in [("heartbeatInterval", beat), ("activityTimeout", timeout)] {
            if span < SHORTEST_TICK || span > LONGEST_SPAN {
                let (low, high) = (SHORTEST_TICK.as_millis(), LONGEST_SPAN.as_millis());
                return Err(Error::OptionInvalid(format!("{name} must be between {low} and {high} milliseconds")));
            }
        }
        if options.max_missed_beats == 0 {
            return Err(Error::OptionInvalid("maxMissedBeats must be at least 1".into()));
        }
        let wanted = (beat.min(timeout) / TICKS_PER_INTERVAL).clamp(SHORTEST_TICK, LONGEST_TICK);
        let interval = whole(beat.as_nanos().div_ceil(wanted.as_nanos()));
        let tick = beat / interval;
        let timeout = whole(timeout.as_nanos() / tick.as_nanos());
        let ping_after = interval.min(timeout / 2).max(1);
        Ok(Self { tick, interval, ping_after, timeout, max_missed: options.max_missed_beats })
    }

    /// A span in ticks; not shorter than it.
    #[must_use]
    pub fn ticks(&self, span: Duration) -> u32 {
        whole(span.as_nanos().div_ceil(self.tick.as_nanos()))
    }
}

fn whole(ticks: u128) -> u32 {
    u32::try_from(ticks).unwrap_or(u32::MAX / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(beat: u64, timeout: u64) -> Result<Rules> {
        Rules::new(&Options {
            heartbeat_interval: Duration::from_millis(beat),
            activity_timeout: Duration::from_millis(timeout),
            max_missed_beats: 2,
        })
    }

    #[test]
    fn the_defaults_are_ten_ticks_an_interval() {
        let rules = rules(2000, 5000).unwrap();
        assert_eq!((rules.tick, rules.interval), (Duration::from_millis(200), 10));
        assert_eq!((rules.ping_after, rules.timeout), (10, 25));
    }

    #[test]
    fn a_tick_always_divides_the_interval() {
        for beat in [10, 15, 33, 50, 99, 1000, 1999, 2001, 7777, 60_000] {
            let rules = rules(beat, 5000).unwrap();
            let drift = Duration::from_millis(beat).saturating_sub(rules.tick * rules.interval);
            assert!(drift < Duration::from_micros(100), "{beat}: {rules:?}");
            assert!(rules.tick <= LONGEST_TICK);
        }
    }

    #[test]
    fn a_time_out_shorter_than_the_interval_pings_earlier() {
        let rules = rules(10_000, 5000).unwrap();
        assert_eq!(rules.ping_after, rules.timeout / 2);
        assert!(rules.ping_after < rules.interval);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (beat, timeout) in [(9, 5000), (2000, 0), (1 << 31, 5000), (2000, u64::from(u32::MAX))] {
            assert!(matches!(rules(beat, timeout), Err(Error::OptionInvalid(_))), "{beat} {timeout}");
        }
    }
}
