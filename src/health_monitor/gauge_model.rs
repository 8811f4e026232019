//! The gauge on a simulated clock: loops that freeze, idle, starve, are stopped and debugged.

use std::time::Duration;

use proptest::prelude::*;

use super::{Change, Gauge, Scheduled, Sight};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A loop whose every moment is simulated, and the thread that looks at it.
struct World {
    gauge: Gauge,
    threshold: Duration,
    sight: Sight,
    thread: Scheduled,
    knows_threads: bool,
    /// The next look, from now.
    due: Duration,
    looked: Duration,
    /// By how much looks come late.
    lateness: Duration,
    heard: Vec<(Duration, Change)>,
    /// When a stretch was first seen to have lasted for half the threshold.
    half: Option<Duration>,
    now: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Idle,
    Running,
    /// Running, as far as others let it: a part in so many of the CPU.
    Contended(u32),
    /// It wants to run and does not get the CPU.
    Starving,
    /// It waits for something else than a CPU.
    Blocked,
    /// The whole process stands.
    Stopped,
}

impl World {
    fn new(threshold: Duration, knows_threads: bool, debugged: bool) -> Self {
        let sight = Sight { debugged, ..Sight::default() };
        let (gauge, thread) = (Gauge::default(), Scheduled::default());
        let mut world = Self {
            gauge,
            threshold,
            sight,
            thread,
            knows_threads,
            due: ms(0),
            looked: ms(0),
            lateness: ms(0),
            heard: Vec::new(),
            half: None,
            now: ms(0),
        };
        world.look(ms(0));
        world
    }

    fn pass(&mut self, doing: Doing, span: Duration) {
        let mut left = span;
        while left > Duration::ZERO {
            let wanted = self.due + if doing == Doing::Stopped { Duration::MAX / 2 } else { self.lateness };
            let step = if self.due.is_zero() { left } else { left.min(wanted) };
            self.now += step;
            left -= step;
            match doing {
                Doing::Running => self.thread.ran += step,
                Doing::Contended(part) => {
                    self.thread.ran += step / part;
                    self.thread.waited += step * (part - 1) / part;
                }
                Doing::Starving => self.thread.waited += step,
                Doing::Idle | Doing::Blocked | Doing::Stopped => {}
            }
            if doing != Doing::Idle {
                self.sight.running += step;
            }
            let late = step.saturating_sub(self.due);
            self.due = self.due.saturating_sub(step);
            if self.due.is_zero() {
                self.look(late);
            }
        }
    }

    fn look(&mut self, late: Duration) {
        let thread = self.knows_threads.then_some(self.thread);
        let elapsed = self.now.saturating_sub(std::mem::replace(&mut self.looked, self.now));
        let change = self.gauge.look(Sight { thread, ..self.sight }, elapsed, late, self.threshold);
        self.heard.extend(change.map(|change| (self.now, change)));
        if self.gauge.lasted() >= self.threshold / 2 {
            self.half.get_or_insert(self.now);
        }
        self.due = self.gauge.next(self.threshold);
    }

    fn come_round(&mut self) {
        self.sight.turn += self.sight.running + Duration::from_micros(1);
        self.sight.running = Duration::ZERO;
    }
}

fn thresholds() -> impl Strategy<Value = Duration> {
    (20u64..5_000).prop_map(ms)
}

proptest! {
    #[test]
    fn a_freeze_is_told_once_at_the_threshold_and_its_thaw_once(
        threshold in thresholds(), idle in 0u64..2_000, lasting in 0u64..10_000, knows: bool,
        doing in prop_oneof![Just(Doing::Running), Just(Doing::Blocked), (1u32..9).prop_map(Doing::Contended)],
    ) {
        let mut world = World::new(threshold, knows, false);
        world.pass(Doing::Idle, ms(idle));
        world.come_round();
        world.pass(doing, threshold + ms(lasting) + ms(20));
        let began = ms(idle);
        let (at, change) = world.heard[0];
        let Change::Froze(age) = change else { panic!("{change:?}") };
        prop_assert!(at >= began + threshold && at <= began + threshold + ms(15), "{at:?}");
        // There is time to ask something, and none to be wasted.
        prop_assert!(world.half.is_some_and(|half| half >= began + threshold / 2 && half + ms(5) <= at));
        prop_assert!(age >= threshold);
        prop_assert_eq!(world.heard.len(), 1);
        world.come_round();
        world.pass(Doing::Idle, ms(1_000));
        prop_assert_eq!(world.heard.len(), 2);
        let (_, Change::Thawed(lasted)) = world.heard[1] else { panic!("it did not thaw") };
        let real = threshold + ms(lasting) + ms(20);
        prop_assert!(lasted <= real + ms(1) && lasted + ms(1) >= real, "{lasted:?} {real:?}");
    }

    #[test]
    fn pieces_that_are_short_enough_are_never_a_freeze_whatever_stops_or_starves_the_process(
        threshold in (100u64..3_000).prop_map(ms),
        pieces in prop::collection::vec((0.0f64..0.7, 0u64..500, 0u64..20_000, any::<bool>()), 1..60),
        debugged: bool,
    ) {
        let mut world = World::new(threshold, true, debugged);
        for (part, idle, trouble, stopped) in pieces {
            world.pass(Doing::Idle, ms(idle));
            let half = threshold.mul_f64(part / 2.0);
            world.pass(Doing::Running, half);
            // A stop may begin between two looks: the part of it before the next look is wanted is not known to be one.
            if stopped {
                world.pass(Doing::Stopped, ms(trouble));
            }
            world.pass(Doing::Running, half);
            world.come_round();
        }
        prop_assert_eq!(world.heard, vec![]);
    }

    #[test]
    fn where_the_cpu_is_contended_a_freeze_is_told_late_by_one_late_look_only(
        threshold in (100u64..5_000).prop_map(ms), late in 1u64..100, part in 2u32..12,
    ) {
        let mut world = World::new(threshold, true, false);
        world.lateness = ms(late);
        world.pass(Doing::Idle, ms(1_000));
        world.come_round();
        let began = world.now;
        world.pass(Doing::Contended(part), threshold * 3);
        let (at, _) = world.heard[0];
        prop_assert!(at >= began + threshold && at <= began + threshold + ms(2 * late) + ms(15), "{:?}", at.saturating_sub(began));
    }

    #[test]
    fn a_loop_that_does_not_get_the_cpu_is_starved_not_blocked(
        threshold in thresholds(), before in 0u64..1_000, starving in 0u64..60_000,
    ) {
        let mut world = World::new(threshold, true, false);
        world.pass(Doing::Idle, ms(before));
        world.pass(Doing::Running, threshold / 30);
        world.pass(Doing::Starving, ms(starving));
        world.come_round();
        prop_assert_eq!(world.heard, vec![]);
    }

    #[test]
    fn a_pause_by_a_debugger_is_no_freeze_whatever_it_asks_meanwhile(
        threshold in thresholds(), answers in prop::collection::vec((0.0f64..0.9, 0u64..20_000), 1..9), knows: bool,
    ) {
        let mut world = World::new(threshold, knows, true);
        world.pass(Doing::Idle, ms(50));
        let share = threshold.div_f64(f64::from(u32::try_from(answers.len())?));
        for (part, pause) in answers {
            world.pass(Doing::Running, share.mul_f64(part));
            world.pass(Doing::Blocked, ms(pause));
        }
        prop_assert_eq!(world.heard, vec![]);
    }

    #[test]
    fn a_pause_by_a_debugger_is_no_freeze_but_an_endless_loop_is(
        threshold in thresholds(), pause in 0u64..60_000, knows: bool,
    ) {
        let mut world = World::new(threshold, knows, true);
        world.pass(Doing::Idle, ms(50));
        world.pass(Doing::Blocked, ms(pause));
        prop_assert_eq!(&world.heard, &vec![]);
        world.come_round();
        world.pass(Doing::Running, threshold * 2);
        prop_assert_eq!(world.heard.len(), usize::from(knows));
    }
}

#[test]
fn an_idle_loop_is_looked_at_a_few_times_a_second() {
    let world = World::new(ms(1_000), true, false);
    assert_eq!(world.gauge.next(ms(1_000)), ms(250));
    assert!(!world.gauge.frozen());
}
