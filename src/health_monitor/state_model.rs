//! The pure state against a naive model that keeps the whole history and reads the definitions off it.

use std::time::Duration;

use proptest::prelude::*;

use super::{Agent, Options, Rules, Standing};

/// What an agent does between two sweeps.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Nothing,
    Beat,
    Reject,
    BeatThenReject,
    RejectThenBeat,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        20 => Just(Deed::Nothing),
        2 => Just(Deed::Beat),
        1 => Just(Deed::Reject),
        1 => Just(Deed::BeatThenReject),
        1 => Just(Deed::RejectThenBeat),
    ]
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
    last_sign: u32,
    pings: Vec<u32>,
    rejections: Vec<u32>,
}

impl History {
    fn standing(&self, now: u32) -> Standing {
        let open: Vec<u32> = self.pings.iter().copied().filter(|&ping| ping > self.last_sign).collect();
        let Some(first) = open.first() else { return Standing::Healthy };
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
        }
    }

    fn reject(&mut self, now: u32) {
        if self.pings.iter().any(|&ping| ping > self.last_sign) {
            self.rejections.push(now);
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model_and_announces_each_change_once(
        rules in rules(), origin: u32, phase: u16, deeds in prop::collection::vec(deed(), 1..300),
    ) {
        let mut agent = Agent::new(&rules, origin, true, phase);
        let mut model = History { rules, last_sign: 0, pings: Vec::new(), rejections: Vec::new() };
        let mut beat = origin;
        let mut announced = Standing::Healthy;
        for (tick, deed) in (1u32..).zip(deeds) {
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, beat);
            prop_assert_eq!(agent.standing(), model.standing(tick));
            if let Some(moved) = step.moved {
                prop_assert_ne!(moved, announced);
                announced = moved;
            }
            prop_assert_eq!(announced, agent.standing());
            if step.ping {
                model.pings.push(tick);
            }
            let mut sign = |model: &mut History| { beat = now; model.sign(tick); };
            match deed {
                Deed::Nothing => continue,
                Deed::Beat => { sign(&mut model); continue }
                Deed::Reject => model.reject(tick),
                Deed::BeatThenReject => { sign(&mut model); model.reject(tick); }
                Deed::RejectThenBeat => {}
            }
            if let Some(moved) = agent.reject(&rules, now, beat).moved {
                prop_assert_ne!(moved, announced);
                announced = moved;
            }
            if matches!(deed, Deed::RejectThenBeat) {
                model.reject(tick);
                prop_assert_eq!(agent.standing(), model.standing(tick));
                beat = now;
                model.sign(tick);
            } else {
                prop_assert_eq!(agent.standing(), model.standing(tick));
            }
        }
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
            prop_assert!(!step.ping && step.moved.is_none() && !agent.on_trial());
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
