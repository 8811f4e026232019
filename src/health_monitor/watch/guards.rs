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

/// Who is awake anyway looks by so much earlier than it would have: ticks and looks share their wake-ups, as an idle process
/// should sleep. A look that comes early costs nothing else.
const EARLY: Duration = Duration::from_millis(100);

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
            if guard.due > now + EARLY {
                return true;
            }
            let (change, goes_on) = guard.look(now);
            seen.extend(change);
            if !goes_on {
                guard.monitors.iter_mut().for_each(|(held, _)| held.released = true);
            }
            goes_on
        });
        seen.into_iter().filter_map(|news| self.first_seen(news)).collect()
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
    looked: Instant,
    due: Instant,
}

impl Guard {
    fn new(monitor: Held, home: Arc<EventLoop>, threshold: Duration) -> Self {
        let now = Instant::now();
        let monitors = vec![(monitor, threshold)];
        Self { home, monitors, threshold, gauge: Gauge::default(), looked: now, due: now }
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

    fn wanted(&self) -> bool {
        !self.monitors.is_empty() || self.gauge.frozen()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::health_monitor::{
        gauge::Sight,
        loops::{Label, Pulse},
        rules::Options,
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// One loop, as the copies of the face in its thread show it.
    #[derive(Clone, Default)]
    struct Shown {
        sight: Arc<Mutex<Option<Sight>>>,
        label: Option<&'static str>,
    }

    impl Pulse for Shown {
        fn look(&self) -> Option<Sight> {
            *self.sight.lock().unwrap()
        }

        fn holder(&self) -> Option<Label> {
            self.label.map(|text| Label { text: text.into(), listener: 0 })
        }
    }

    fn monitor() -> Arc<Monitor> {
        let span = 2 * SECOND;
        let options = Options { heartbeat_interval: span, activity_timeout: span, max_missed_beats: 2 };
        Monitor::open(&options, Arc::new(drop)).unwrap()
    }

    #[test]
    fn who_wakes_up_for_a_tick_looks_at_once_instead_of_waking_up_again() {
        let sight = Arc::new(Mutex::new(Some(Sight::default())));
        let (watching, pulse) = (monitor(), Box::new(Shown { sight, label: None }));
        let mut guards = Guards::default();
        guards.add(Held::new(&watching), Arc::new(EventLoop { thread: 3, pulse }), SECOND);
        let began = Instant::now();
        guards.look(began);
        let tick = watching.rules().tick;
        for count in 1..9 {
            let now = began + tick * count;
            assert!(guards.due().is_some_and(|due| due > now), "the look after tick {count} was due before it");
            guards.look(now);
        }
        guards.guards.iter_mut().flat_map(|guard| &mut guard.monitors).for_each(|(held, _)| held.released = true);
    }

    #[test]
    fn a_loop_that_two_copies_of_the_face_show_freezes_and_thaws_once() {
        let sight = Arc::new(Mutex::new(None));
        let show =
            |turn, running| *sight.lock().unwrap() = Some(Sight { turn, running, thread: None, debugged: false });
        let monitors = [monitor(), monitor()];
        let mut guards = Guards::default();
        let began = Instant::now();
        // The one that is looked at first knows nothing of what the other one's bus is running.
        for (monitor, (label, threshold)) in
            monitors.iter().zip([(None, SECOND), (Some(r#"{"event":"task"}"#), SECOND * 2)])
        {
            let pulse = Box::new(Shown { sight: Arc::clone(&sight), label });
            guards.add(Held::new(monitor), Arc::new(EventLoop { thread: 3, pulse }), threshold);
        }
        show(SECOND, Duration::ZERO);
        assert_eq!(guards.look(began + SECOND), []);
        let mut told = Vec::new();
        // The second one freezes as well, at its own threshold; both see the thaw at one look.
        for running in [250, 500, 750, 1000, 1250, 1500, 1750, 1990, 2000].map(Duration::from_millis) {
            show(SECOND, running);
            told.extend(guards.look(began + SECOND + running));
        }
        show(SECOND * 3, Duration::ZERO);
        for later in [2016, 2026, 2300].map(Duration::from_millis) {
            told.extend(guards.look(began + SECOND + later));
        }
        let told: Vec<_> = told.into_iter().map(|news| (news.frozen, news.threshold, news.holder)).collect();
        let holder = Some(json!({ "event": "task" }));
        assert_eq!(told, [(true, SECOND, holder.clone()), (false, SECOND, holder)]);
        assert!(guards.frozen.is_empty());
        guards.guards.iter_mut().flat_map(|guard| &mut guard.monitors).for_each(|(held, _)| held.released = true);
    }
}
