//! The pure state against a naive model that keeps the whole history and reads the definitions off it.

use std::time::Duration;

use proptest::prelude::*;

use super::{Agent, Options, Reason, Rules, Standing, Step, ticks::reached};

/// What happens to an agent between two sweeps.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Nothing,
    Beat,
    Reject,
    BeatThenReject,
    RejectThenBeat,
    Begin(u16),
    /// The oldest work in flight ends.
    Settle,
    Freeze,
    Thaw,
    Exit,
    /// It lives elsewhere from now on, and its oldest work is forgotten.
    Relocate,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        40 => Just(Deed::Nothing),
        4 => Just(Deed::Beat),
        2 => Just(Deed::Reject),
        2 => Just(Deed::BeatThenReject),
        2 => Just(Deed::RejectThenBeat),
        3 => (0u16..60).prop_map(Deed::Begin),
        2 => Just(Deed::Settle),
        1 => Just(Deed::Freeze),
        1 => Just(Deed::Thaw),
        1 => Just(Deed::Relocate),
    ]
}

/// Most agents never lose their worker: nothing comes after that.
fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let ended = prop_oneof![9 => Just(None), 1 => Just(Some(Deed::Exit))];
    let tail = prop::collection::vec(deed(), 0..20);
    (prop::collection::vec(deed(), 1..300), ended, tail)
        .prop_map(|(deeds, ended, tail)| deeds.into_iter().chain(ended).chain(tail).collect())
}

fn rules() -> impl Strategy<Value = Rules> {
    (10u64..3000, 10u64..8000, 1u32..6).prop_map(|(beat, timeout, max_missed_beats)| {
        Rules::new(&Options {
            heartbeat_interval: Duration::from_millis(beat),
            activity_timeout: Duration::from_millis(timeout),
            max_missed_beats,
        })
        .unwrap()
    })
}

/// Everything that ever happened, in ticks since the registration.
struct History {
    rules: Rules,
    pingable: bool,
    last_sign: u32,
    pings: Vec<u32>,
    rejections: Vec<u32>,
    /// Work in flight: its number, and the tick from which on it is overdue.
    works: Vec<(u32, u32)>,
    frozen_since: Option<u32>,
    exited: bool,
    /// How it stood when it was moved, until a sign of life.
    kept: Standing,
}

impl History {
    fn new(rules: Rules, pingable: bool) -> Self {
        let (pings, rejections, works, kept) = (Vec::new(), Vec::new(), Vec::new(), Standing::Healthy);
        Self { rules, pingable, last_sign: 0, pings, rejections, works, frozen_since: None, exited: false, kept }
    }

    fn standing(&self, now: u32) -> Standing {
        let since = |from: u32| match now.checked_sub(from) {
            None => Standing::Healthy,
            Some(ticks) if ticks < self.rules.interval => Standing::Suspect,
            Some(_) => Standing::Disconnected,
        };
        let overdue = self.works.iter().map(|(_, due)| since(*due));
        let exited = if self.exited { Standing::Disconnected } else { Standing::Healthy };
        let charges = overdue.chain(self.frozen_since.map(since)).chain([exited]);
        charges.chain([self.silence(now), self.kept]).max().unwrap()
    }

    fn silence(&self, now: u32) -> Standing {
        let open: Vec<u32> = self.pings.iter().copied().filter(|&ping| ping > self.last_sign).collect();
        let Some(first) = open.first().filter(|_| self.pingable && self.works.is_empty()) else {
            return Standing::Healthy;
        };
        let rejected = u32::try_from(self.rejections.len()).unwrap();
        let asked_for_an_interval = now - first >= self.rules.interval;
        // The sign came after its tick began, so that tick is not silence.
        let whole_intervals = (now - self.last_sign).saturating_sub(1) / self.rules.interval;
        let missed = rejected.max(if asked_for_an_interval || rejected > 0 { whole_intervals } else { 0 });
        let had_room = now - first >= self.rules.timeout.saturating_sub(self.rules.ping_after + 1).max(1);
        if missed >= self.rules.max_missed || (now - self.last_sign >= self.rules.timeout && had_room) {
            Standing::Disconnected
        } else if missed > 0 {
            Standing::Suspect
        } else {
            Standing::Healthy
        }
    }

    fn sign(&mut self, now: u32) {
        if now > self.last_sign {
            self.last_sign = now;
            self.rejections.clear();
            self.kept = Standing::Healthy;
            self.works.retain(|(_, due)| *due > now);
        }
    }

    fn relocate(&mut self, now: u32, first_work: u32) {
        self.kept = self.standing(now);
        self.works.retain(|(id, _)| *id >= first_work);
        self.pings.clear();
        self.rejections.clear();
        self.frozen_since = None;
        self.exited = false;
    }

    fn reject(&mut self, now: u32) {
        if self.works.is_empty() && self.pings.iter().any(|&ping| ping > self.last_sign) {
            self.rejections.push(now);
        }
    }
}

/// An agent and what it has announced: each change once, and nothing else. And its like, at which nobody looks before it says
/// that a look may bring something.
struct Case {
    agent: Agent,
    announced: Standing,
    seldom: Agent,
    look_at: u32,
}

impl Case {
    fn judge(&mut self, rules: &Rules, now: u32, beat: u32) -> std::result::Result<Step, TestCaseError> {
        let step = self.agent.judge(rules, now, beat);
        let on_trial = self.agent.on_trial(now);
        if reached(now, self.look_at) {
            prop_assert_eq!(self.seldom.judge(rules, now, beat), step);
            prop_assert_eq!(self.seldom.on_trial(now), on_trial);
            self.look_at = self.seldom.look_at(now);
        } else {
            prop_assert_eq!((step, on_trial), (Step::default(), false), "it would have been missed");
        }
        self.take(step)?;
        Ok(step)
    }

    fn happen(&mut self, now: u32, deed: impl Fn(&mut Agent) -> Step) -> std::result::Result<(), TestCaseError> {
        let step = deed(&mut self.agent);
        prop_assert_eq!(deed(&mut self.seldom), step);
        self.look_at = self.seldom.look_at(now);
        self.take(step)
    }

    fn take(&mut self, step: Step) -> std::result::Result<(), TestCaseError> {
        if let Some(moved) = step.moved {
            prop_assert_ne!(moved, self.announced);
            self.announced = moved;
        }
        prop_assert_eq!(self.announced, self.agent.standing());
        Ok(())
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model_and_announces_each_change_once(
        rules in rules(), pingable: bool, origin: u32, phase: u16, deeds in deeds(),
    ) {
        let agent = Agent::new(&rules, origin, pingable, phase);
        let (seldom, look_at) = (agent.clone(), agent.look_at(origin));
        let mut case = Case { agent, announced: Standing::Healthy, seldom, look_at };
        let mut model = History::new(rules, pingable);
        let mut beat = origin;
        let mut works = 0;
        for (tick, deed) in (1u32..).zip(deeds) {
            let now = origin.wrapping_add(tick);
            let step = case.judge(&rules, now, beat)?;
            prop_assert_eq!(case.agent.standing(), model.standing(tick));
            prop_assert_eq!(case.agent.reason(&rules, now).is_none(), case.announced == Standing::Healthy);
            if step.ping {
                model.pings.push(tick);
            }
            if matches!(deed, Deed::Beat | Deed::BeatThenReject | Deed::Begin(_) | Deed::Settle) {
                beat = now;
                model.sign(tick);
            }
            match deed {
                Deed::Nothing | Deed::Beat => continue,
                Deed::Reject | Deed::BeatThenReject | Deed::RejectThenBeat => {
                    model.reject(tick);
                    case.happen(now, |agent| agent.reject(&rules, now, beat))?;
                }
                Deed::Begin(deadline) => {
                    works += 1;
                    model.works.push((works, tick + 1 + u32::from(deadline)));
                    case.happen(now, |agent| agent.begin(&rules, now, beat, works, deadline.into()))?;
                }
                Deed::Settle => {
                    let oldest = model.works.first().map_or(0, |(id, _)| *id);
                    model.works.retain(|(id, _)| *id != oldest);
                    case.happen(now, |agent| agent.settle(&rules, now, beat, oldest))?;
                }
                Deed::Freeze | Deed::Thaw => {
                    let frozen = matches!(deed, Deed::Freeze);
                    model.frozen_since = frozen.then(|| model.frozen_since.unwrap_or(tick));
                    case.happen(now, |agent| agent.freeze(&rules, now, beat, frozen))?;
                }
                Deed::Relocate => {
                    let second = model.works.get(1).map_or(0, |(id, _)| *id);
                    model.relocate(tick, second);
                    case.happen(now, |agent| agent.relocate(&rules, now, beat, pingable, second))?;
                }
                Deed::Exit => {
                    model.exited = true;
                    case.happen(now, |agent| agent.exit(&rules, now, beat))?;
                }
            }
            prop_assert_eq!(case.agent.standing(), model.standing(tick));
            if matches!(deed, Deed::RejectThenBeat) {
                beat = now;
                model.sign(tick);
            }
        }
    }

    #[test]
    fn overdue_work_is_suspected_at_its_deadline_and_given_up_an_interval_later(
        rules in rules(), origin: u32, phase: u16, deadline in 0u32..2000, pingable: bool,
    ) {
        let mut agent = Agent::new(&rules, origin, pingable, phase);
        agent.begin(&rules, origin, origin, 1, deadline);
        let mut heard = Vec::new();
        for tick in 1..=deadline + rules.interval + 2 {
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, origin);
            prop_assert!(!step.ping);
            let moved = step.moved.map(|standing| (tick, standing, agent.reason(&rules, now)));
            heard.extend(moved);
        }
        let reason = Some(Reason::Overdue);
        let disconnected = (deadline + 1 + rules.interval, Standing::Disconnected, reason);
        prop_assert_eq!(heard, vec![(deadline + 1, Standing::Suspect, reason), disconnected]);
    }

    #[test]
    fn an_agent_that_answers_is_never_accused(
        rules in rules(), origin: u32, phase: u16, delays in prop::collection::vec(0.0f64..1.0, 1..40),
    ) {
        let room = rules.interval.min(rules.timeout.saturating_sub(rules.ping_after + 1).max(1));
        let mut agent = Agent::new(&rules, origin, true, phase);
        let (mut beat, mut answer_at, mut delays) = (origin, None, delays.into_iter());
        for tick in 1u32.. {
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, beat);
            prop_assert_eq!((step.moved, agent.standing()), (None, Standing::Healthy));
            if step.ping {
                let Some(delay) = delays.next() else { break };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ delay < 1")]
                let wait = (f64::from(room) * delay) as u32;
                answer_at.get_or_insert(tick + wait.min(room - 1));
            }
            if answer_at.is_some_and(|at| at <= tick) {
                (beat, answer_at) = (now, None);
            }
        }
    }

    #[test]
    fn an_agent_that_hangs_is_gone_within_the_bound(rules in rules(), origin: u32, phase: u16, alive in 0u32..100) {
        let mut agent = Agent::new(&rules, origin, true, phase);
        let mut beat = origin;
        for tick in 1..=alive {
            agent.judge(&rules, origin.wrapping_add(tick), beat);
            beat = origin.wrapping_add(tick);
        }
        let by_beats = rules.interval * rules.max_missed.max(2) + 1;
        // A time-out of a few ticks leaves the ping one of its own to be answered in.
        let by_timeout = rules.timeout.max(rules.ping_after + 2);
        let mut gone = None;
        for tick in 1..=by_beats.max(by_timeout) + 1 {
            if agent.judge(&rules, beat.wrapping_add(tick), beat).moved == Some(Standing::Disconnected) {
                gone = Some(tick);
                break;
            }
        }
        prop_assert!(gone.is_some_and(|tick| tick <= by_beats.min(by_timeout)), "{gone:?}");
    }

    #[test]
    fn whoever_is_active_is_left_alone(rules in rules(), origin: u32, phase: u16, ticks in 2u32..200) {
        let mut agent = Agent::new(&rules, origin, true, phase);
        let mut beat = origin;
        for tick in 1..ticks {
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, beat);
            // Only the first ping, which finds the agent's place among the others, may come.
            prop_assert!(!step.ping || tick == 1);
            beat = now;
        }
    }

    #[test]
    fn whoever_cannot_be_pinged_is_never_judged(rules in rules(), origin: u32, phase: u16, ticks in 1u32..2000) {
        let mut agent = Agent::new(&rules, origin, false, phase);
        for tick in 1..ticks {
            let step = agent.judge(&rules, origin.wrapping_add(tick), origin);
            prop_assert!(!step.ping && step.moved.is_none() && !agent.on_trial(tick));
        }
    }
}

#[test]
fn a_rejected_ping_counts_at_once_and_the_next_one_comes_sooner() {
    let rules = Rules::new(&Options {
        heartbeat_interval: Duration::from_secs(2),
        activity_timeout: Duration::from_secs(5),
        max_missed_beats: 2,
    })
    .unwrap();
    let mut agent = Agent::new(&rules, 0, true, u16::MAX);
    let first = (1..100).find(|&tick| agent.judge(&rules, tick, 0).ping).unwrap();
    assert!(first <= rules.interval);
    assert_eq!(agent.reject(&rules, first, 0).moved, Some(Standing::Suspect));
    let second = (first + 1..100).find(|&tick| agent.judge(&rules, tick, 0).ping).unwrap();
    assert_eq!(second, first + rules.interval / 2);
    assert_eq!(agent.reject(&rules, second, 0).moved, Some(Standing::Disconnected));
    assert_eq!(agent.judge(&rules, second + 1, second).moved, Some(Standing::Healthy));
}
