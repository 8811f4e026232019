//! What the rules promise of every agent, whatever else happens: when it is given up, and when it is let be.

use super::*;

proptest! {
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
    fn whoever_does_nothing_but_begin_work_is_given_up_an_interval_after_the_first_deadline(
        rules in rules(), origin: u32, phase: u16, deadline in 0u32..2000, every in 1u32..200, pingable: bool,
    ) {
        let mut agent = Agent::new(&rules, origin, pingable, phase);
        agent.begin(&rules, origin, origin, 0, deadline);
        let gone = deadline + 1 + rules.interval;
        for tick in 1..=gone {
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, origin);
            prop_assert!(!step.ping);
            prop_assert_eq!(step.moved == Some(Standing::Disconnected), tick == gone);
            if tick % every == 0 {
                prop_assert_eq!(agent.begin(&rules, now, origin, tick, deadline), Step::default());
            }
        }
    }

    #[test]
    fn work_that_ends_unheard_makes_nothing_good(
        rules in rules(), origin: u32, phase: u16, deadline in 0u32..2000, after in 0u32..500, pingable: bool,
    ) {
        let mut agent = Agent::new(&rules, origin, pingable, phase);
        agent.begin(&rules, origin, origin, 1, deadline);
        let ended = origin.wrapping_add(deadline + 1 + after);
        let standing = agent.judge(&rules, ended, origin).moved;
        prop_assert!(standing.is_some());
        prop_assert_eq!(agent.settle(&rules, ended, origin, 1, false), Step::default());
        prop_assert_eq!(Some(agent.standing()), standing);
        let now = ended.wrapping_add(1);
        prop_assert_eq!(agent.judge(&rules, now, now).moved, Some(Standing::Healthy));
    }

    #[test]
    fn whoever_is_gone_is_asked_on_whatever_is_begun_and_is_back_when_it_answers(
        rules in rules(), origin: u32, phase: u16, deadline in 0u32..2000,
    ) {
        let mut agent = Agent::new(&rules, origin, true, phase);
        let mut ticks = (1..).map(|tick| origin.wrapping_add(tick));
        let gone = ticks.find(|now| agent.judge(&rules, *now, origin).moved == Some(Standing::Disconnected)).unwrap();
        prop_assert_eq!(agent.begin(&rules, gone, origin, 1, deadline), Step::default());
        let asked = ticks.by_ref().take(rules.interval as usize * 9).find(|now| {
            let step = agent.judge(&rules, *now, origin);
            step.ping && step.moved.is_none()
        });
        prop_assert!(asked.is_some());
        let now = ticks.next().unwrap();
        let step = agent.judge(&rules, now, now);
        prop_assert_eq!((step.moved, agent.standing()), (Some(Standing::Healthy), Standing::Healthy));
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
            let now = origin.wrapping_add(tick);
            let step = agent.judge(&rules, now, origin);
            prop_assert!(!step.ping && step.moved.is_none() && !agent.on_trial(&rules, now));
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
