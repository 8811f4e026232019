//! The loops that the thread watches, and what is news about them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::held::Held;
use crate::health_monitor::{
    gauge::{Change, Gauge},
    loops::{EventLoop, LoopNews, holder_of},
    monitor::Monitor,
};

/// Who is awake anyway looks by so much earlier than it would have, or by half the time between two looks: ticks and looks share
/// their wake-ups, as an idle process should sleep.
const EARLY: Duration = Duration::from_millis(100);

/// The thread whose inspector is that of the process.
const MAIN: u32 = 0;

/// All of them.
#[derive(Default)]
pub struct Guards {
    guards: Vec<Guard>,
    frozen: Vec<Frozen>,
}

/// A thread whose loop is frozen, as has been told. It may have several guards: one for each copy of the face that is loaded
/// in it, and all of them see the same loop.
struct Frozen {
    thread: u32,
    /// What it was running when it froze.
    holder: Option<Value>,
}

impl Guards {
    /// Watches a loop for a monitor that lives in it.
    pub fn add(&mut self, monitor: Held, home: Arc<EventLoop>, threshold: Duration) {
        if let Some(monitor) = monitor.open() {
            self.frozen.iter().for_each(|frozen| monitor.learn_of_freeze(frozen.thread));
        }
        match self.guards.iter_mut().find(|guard| Arc::ptr_eq(&guard.home, &home)) {
            Some(guard) => guard.monitors.push((monitor, threshold)),
            None => self.guards.push(Guard::new(monitor, home, threshold)),
        }
    }

    /// Looks at the loops whose turn it is, or is soon, and gives what is news.
    pub fn look(&mut self, now: Instant) -> Vec<LoopNews> {
        let mut seen = Vec::new();
        self.guards.retain_mut(|guard| {
            if guard.due > now + EARLY.min(guard.due.saturating_duration_since(guard.looked) / 2) {
                return true;
            }
            let (change, goes_on) = guard.look(now);
            seen.extend(change);
            if !goes_on {
                guard.monitors.iter_mut().for_each(|(held, _)| held.released = true);
            }
            goes_on
        });
        self.ask_for_debugger();
        seen.into_iter().filter_map(|news| self.first_seen(news)).collect()
    }

    /// Where a loop may be frozen soon, it has to be known by then whether somebody debugs the process, for it may be paused. Only
    /// JavaScript knows, in the main thread, and says so when it is asked: who has nothing else to report wakes nobody up.
    fn ask_for_debugger(&mut self) {
        // What does not run could not answer.
        let main = self.of(MAIN).find(|guard| guard.gauge.lasted() < guard.threshold / 2);
        let monitor = main.and_then(|guard| guard.monitors.iter().find_map(|(held, _)| held.open()));
        let mut unknown = false;
        for guard in self.guards.iter_mut().filter(|guard| guard.home.thread != MAIN) {
            unknown |= guard.is_to_be_asked_about(monitor.is_some());
        }
        if let Some(monitor) = monitor.filter(|_| unknown) {
            monitor.ask_for_debugger();
        }
    }

    /// News are told once, by the first guard that sees a freeze and the last one that sees its end.
    fn first_seen(&mut self, mut news: LoopNews) -> Option<LoopNews> {
        let known = self.frozen.iter().position(|frozen| frozen.thread == news.thread);
        if news.frozen {
            if known.is_some() {
                return None;
            }
            news.holder = self.of(news.thread).find_map(|guard| holder_of(&guard.home));
            self.frozen.push(Frozen { thread: news.thread, holder: news.holder.clone() });
        } else {
            if self.of(news.thread).any(|guard| guard.gauge.frozen()) {
                return None;
            }
            news.holder = self.frozen.swap_remove(known?).holder;
        }
        Some(news)
    }

    fn of(&self, thread: u32) -> impl Iterator<Item = &Guard> {
        self.guards.iter().filter(move |guard| guard.home.thread == thread)
    }

    /// All monitors of watched loops.
    pub fn monitors(&self) -> Vec<Arc<Monitor>> {
        self.guards.iter().flat_map(|guard| &guard.monitors).filter_map(|(held, _)| held.open()).collect()
    }

    /// When to look next.
    pub fn due(&self) -> Option<Instant> {
        self.guards.iter().map(|guard| guard.due).min()
    }
}

/// A loop that is watched for the monitors that live in it; one that is frozen, also when they are gone, until that is over:
/// others know of it.
struct Guard {
    home: Arc<EventLoop>,
    monitors: Vec<(Held, Duration)>,
    /// The shortest that any of the monitors asks for, or asked for.
    threshold: Duration,
    gauge: Gauge,
    /// When what it runs has lasted for so long, it has to be known whether somebody debugs it.
    ask_at: Duration,
    looked: Instant,
    due: Instant,
}

impl Guard {
    fn new(monitor: Held, home: Arc<EventLoop>, threshold: Duration) -> Self {
        let now = Instant::now();
        let monitors = vec![(monitor, threshold)];
        Self { home, monitors, threshold, gauge: Gauge::default(), ask_at: threshold / 2, looked: now, due: now }
    }

    /// Whoever is gone no longer counts.
    fn prune(&mut self) {
        self.monitors.retain_mut(|(held, _)| {
            held.released = held.open().is_none();
            !held.released
        });
        let thresholds = self.monitors.iter().map(|(_, threshold)| *threshold);
        self.threshold = thresholds.min().unwrap_or(self.threshold);
    }

    /// Looks at the loop. `false`: there is no loop any more, or nobody who wants to know.
    fn look(&mut self, now: Instant) -> (Option<LoopNews>, bool) {
        self.prune();
        if !self.wanted() {
            return (None, false);
        }
        let Some(sight) = self.home.pulse.look() else {
            let end = self.gauge.end();
            return (self.news(end), false);
        };
        let elapsed = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let lag = now.saturating_duration_since(self.due);
        let change = self.gauge.look(sight, elapsed, lag, self.threshold);
        self.due = now + self.gauge.next(self.threshold);
        (self.news(change), self.wanted())
    }

    fn news(&self, change: Option<Change>) -> Option<LoopNews> {
        change.map(|change| LoopNews::of(&self.home, change, self.threshold, None))
    }

    /// Whether it is time to ask whether somebody debugs what it runs, where somebody `answers`: at half the threshold, for another
    /// look comes before the whole; and again with each threshold, while it is not taken for frozen.
    fn is_to_be_asked_about(&mut self, answers: bool) -> bool {
        let lasted = self.gauge.lasted();
        if lasted < self.threshold / 2 {
            self.ask_at = self.threshold / 2;
        }
        let due = answers && !self.gauge.frozen() && lasted >= self.ask_at;
        if due {
            self.ask_at = lasted + self.threshold;
        }
        due
    }

    fn wanted(&self) -> bool {
        !self.monitors.is_empty() || self.gauge.frozen()
    }
}

#[cfg(test)]
mod tests;
