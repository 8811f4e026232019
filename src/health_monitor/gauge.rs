//! Whether one event loop is frozen: a pure function of what is seen of it from outside.
//!
//! A loop is frozen when it has been running one piece of work for the threshold. From the time it seems to have done so is
//! subtracted by how much the looks at it came late, for whatever kept the watching thread from looking may have kept the
//! loop from running: a stopped process, a suspended machine. What the system says that the loop's thread ran meanwhile, or
//! waited for a CPU, it was not stopped. A loop that hardly got the CPU is starved where it waited for it; one that got it, or
//! waits for something else, is blocked. Where somebody debugs the process it may be paused instead, for as long as they
//! think: there only the time counts in which it ran or waited for a CPU, which an endless loop does all the time, and a
//! paused one only to answer its debugger.

use std::time::Duration;

/// Looks are as far apart: a quarter of the threshold, within these bounds, so that an idle process wakes up a few times
/// a second at the most. Where a stretch of work began is known exactly, so this costs nothing when one is too long.
const SHORTEST_GAP: Duration = Duration::from_millis(10);
const LONGEST_GAP: Duration = Duration::from_millis(250);
const LOOKS_PER_THRESHOLD: u32 = 4;
/// A frozen loop is looked at more often: the others want to know when it thaws.
const FROZEN_GAP: Duration = Duration::from_millis(25);

/// Who came so late did not come late but was stopped: such a time is not part of how long a freeze lasted.
const A_STOP: Duration = Duration::from_millis(100);

/// A stretch of work that was shorter than this at a look says nothing about the next look.
const A_MOMENT: Duration = Duration::from_millis(1);

/// Who got less of the CPU than this part of the threshold hardly got any.
const HARDLY: u32 = 20;

/// A loop as it is seen from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sight {
    /// How long the loop had been running, not counting its waits, when it last came round. Another value: it came round.
    pub turn: Duration,
    /// How long it has been running since then.
    pub running: Duration,
    /// What the system knows of its thread: the time it had a CPU, and the time it was waiting for one.
    pub thread: Option<Scheduled>,
    /// Somebody may be debugging the process.
    pub debugged: bool,
}

/// How a thread was served by the scheduler since it was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scheduled {
    /// Time on a CPU.
    pub ran: Duration,
    /// Time of waiting for one.
    pub waited: Duration,
}

/// News of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is frozen, for so long already.
    Froze(Duration),
    /// It runs again, after so long.
    Thawed(Duration),
    /// It has come to its end, after so long.
    Ended(Duration),
}

/// What is known about one loop.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauge {
    last: Option<Sight>,
    /// How late the looks were since the present stretch of work began.
    lag: Duration,
    /// The part of it that was stops.
    stopped: Duration,
    /// How its thread had been served when the present stretch began, or a little earlier.
    began: Option<Scheduled>,
    /// How long the present stretch has lasted, whether or not it is excused.
    lasted: Duration,
    /// How long of that by our reckoning.
    age: Duration,
    frozen: bool,
}

impl Gauge {
    /// Takes a look that came `elapsed` after the last one, and `lag` later than it was wanted.
    pub fn look(&mut self, sight: Sight, elapsed: Duration, lag: Duration, threshold: Duration) -> Option<Change> {
        let lag = lag.min(elapsed.saturating_sub(self.served(&sight)));
        let last = self.last.replace(sight).unwrap_or(sight);
        let came_round = sight.turn != last.turn;
        let thawed = (came_round && self.frozen).then(|| {
            self.frozen = false;
            // What it ran between two turns; what it waited for is not in it.
            Change::Thawed((sight.turn.saturating_sub(last.turn)).saturating_sub(self.stopped).max(self.age))
        });
        if came_round || last.running < A_MOMENT || self.began.is_none() {
            self.lag = Duration::ZERO;
            self.stopped = Duration::ZERO;
            self.began = last.thread;
        }
        self.lag += lag;
        if lag >= A_STOP {
            self.stopped += lag;
        }
        self.lasted = sight.running.saturating_sub(self.lag);
        self.age = self.lasted.saturating_sub(self.excuse(&sight, self.lasted, threshold));
        if thawed.is_none() && !self.frozen && self.age >= threshold {
            self.frozen = true;
            return Some(Change::Froze(self.age));
        }
        thawed
    }

    /// The loop is gone. Whoever knows that it was frozen has to know that this is over.
    pub fn end(&mut self) -> Option<Change> {
        std::mem::take(&mut self.frozen).then_some(Change::Ended(self.age))
    }

    /// Time since the last look in which the loop's thread is known to have run, or to have waited for a CPU.
    fn served(&self, sight: &Sight) -> Duration {
        let (Some(now), Some(last)) = (sight.thread, self.last.and_then(|last| last.thread)) else {
            return Duration::ZERO;
        };
        now.ran.saturating_sub(last.ran) + now.waited.saturating_sub(last.waited)
    }

    /// The part of this time that the loop had no chance to use.
    fn excuse(&self, sight: &Sight, open: Duration, threshold: Duration) -> Duration {
        let (Some(now), Some(began)) = (sight.thread, self.began) else {
            // Nothing is known about its thread, and a pause looks like a freeze.
            return if sight.debugged { open } else { Duration::ZERO };
        };
        let ran = now.ran.saturating_sub(began.ran);
        let waited = now.waited.saturating_sub(began.waited);
        if sight.debugged {
            open.saturating_sub(ran + waited)
        } else if ran >= threshold / HARDLY {
            Duration::ZERO
        } else {
            waited
        }
    }

    /// When to look again: at the moment at which the loop will have been running for the threshold, if it is one soon.
    #[must_use]
    pub fn next(&self, threshold: Duration) -> Duration {
        if self.frozen {
            return FROZEN_GAP;
        }
        let gap = (threshold / LOOKS_PER_THRESHOLD).clamp(SHORTEST_GAP, LONGEST_GAP);
        if self.age.is_zero() { gap } else { threshold.saturating_sub(self.age).clamp(SHORTEST_GAP / 2, gap) }
    }

    /// How long the present stretch of work has lasted, whether or not the loop is excused for it.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.lasted
    }

    /// Whether it is frozen.
    #[must_use]
    pub fn frozen(&self) -> bool {
        self.frozen
    }
}
