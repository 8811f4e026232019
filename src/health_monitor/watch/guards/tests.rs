//! What is asked of loops that are watched, and what is told of them.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::health_monitor::{
    gauge::Sight,
    loops::{Label, Pulse},
    monitor::Listener,
    report::Report,
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
    monitor_for(Arc::new(drop))
}

fn monitor_for(listener: Listener) -> Arc<Monitor> {
    let span = 2 * SECOND;
    let options = Options { heartbeat_interval: span, activity_timeout: span, max_missed_beats: 2 };
    Monitor::open(&options, listener).unwrap()
}

#[test]
fn the_main_thread_is_asked_for_a_debugger_before_a_loop_freezes_and_never_while_all_are_idle() {
    let asked = Arc::new(Mutex::new(0));
    let sights = [0, 3].map(|_| Arc::new(Mutex::new(Some(Sight::default()))));
    let counter = Arc::clone(&asked);
    let main = monitor_for(Arc::new(move |report| *counter.lock().unwrap() += usize::from(report.debugger)));
    let other = monitor_for(Arc::new(|report| assert_eq!(report, Report::default())));
    let mut guards = Guards::default();
    for ((monitor, thread), sight) in [(&main, 0), (&other, 3)].into_iter().zip(&sights) {
        let pulse = Box::new(Shown { sight: Arc::clone(sight), label: None });
        guards.add(Held::new(monitor), Arc::new(EventLoop { thread, pulse }), SECOND);
    }
    let began = Instant::now();
    let mut at = Duration::ZERO;
    // Looks at loops that have come round that often, and those that run have been running since the first of the looks.
    let mut look = |turn: u32, runs: [bool; 2], debugged: bool| -> Vec<usize> {
        let looks = (0..14).map(|step| {
            for (sight, runs) in sights.iter().zip(runs) {
                let running = Duration::from_millis(if runs { 250 * step } else { 0 });
                *sight.lock().unwrap() = Some(Sight { turn: SECOND * turn, running, thread: None, debugged });
            }
            at += Duration::from_millis(250);
            guards.look(began + at);
            std::mem::take(&mut *asked.lock().unwrap())
        });
        looks.collect()
    };
    let once = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(look(0, [false, false], false), [0; 14]);
    assert_eq!(look(1, [false, true], false), once);
    assert_eq!(look(2, [false, true], false), once);
    // Whether it still is debugged.
    assert_eq!(look(3, [false, true], true), [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    // It is itself what runs for long, and could not answer.
    assert_eq!(look(4, [true, false], false), [0; 14]);
    assert_eq!(look(5, [true, true], false), [0; 14]);
    guards.guards.iter_mut().flat_map(|guard| &mut guard.monitors).for_each(|(held, _)| held.released = true);
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
    let show = |turn, running| *sight.lock().unwrap() = Some(Sight { turn, running, thread: None, debugged: false });
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
