//! The pure state against a naive model that keeps the whole history and reads the definitions off it.

mod bounds;
mod history;

use std::time::Duration;

use proptest::prelude::*;

use self::history::History;
use super::{Agent, Options, Reason, Rules, Standing, Step, ticks::reached};

/// What happens to an agent between two sweeps.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Nothing,
    Beat,
    Reject,
    BeatThenReject,
    RejectThenBeat,
    /// A ping is rejected while nobody is judged.
    Excuse,
    Begin(u16),
    BeginThenBeat(u16),
    /// The oldest work in flight ends.
    Settle,
    /// The same, which shows nothing.
    SettleUnheard,
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
        1 => Just(Deed::Excuse),
        3 => (0u16..60).prop_map(Deed::Begin),
        1 => (0u16..60).prop_map(Deed::BeginThenBeat),
        2 => Just(Deed::Settle),
        2 => Just(Deed::SettleUnheard),
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
        let on_trial = self.agent.on_trial(rules, now);
        if reached(now, self.look_at) {
            prop_assert_eq!(self.seldom.judge(rules, now, beat), step);
            prop_assert_eq!(self.seldom.on_trial(rules, now), on_trial);
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
            prop_assert_eq!(case.agent.on_trial(&rules, now), model.on_trial(tick));
            if matches!(deed, Deed::Beat | Deed::BeatThenReject | Deed::Settle) {
                beat = now;
                model.sign(tick);
            }
            match deed {
                Deed::Nothing | Deed::Beat => continue,
                Deed::Reject | Deed::BeatThenReject | Deed::RejectThenBeat => {
                    model.reject(tick);
                    case.happen(now, |agent| agent.reject(&rules, now, beat))?;
                }
                Deed::Excuse => {
                    model.excuse(tick);
                    case.happen(now, |agent| agent.excuse(&rules, now, beat))?;
                }
                Deed::Begin(deadline) | Deed::BeginThenBeat(deadline) => {
                    works += 1;
                    model.begin(tick, works, tick + 1 + u32::from(deadline));
                    case.happen(now, |agent| agent.begin(&rules, now, beat, works, deadline.into()))?;
                }
                Deed::Settle | Deed::SettleUnheard => {
                    let shows = matches!(deed, Deed::Settle);
                    let oldest = model.works.first().map_or(0, |(id, _)| *id);
                    model.settle(tick, oldest, shows);
                    case.happen(now, |agent| agent.settle(&rules, now, beat, oldest, shows))?;
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
            if matches!(deed, Deed::RejectThenBeat | Deed::BeginThenBeat(_)) {
                beat = now;
                model.sign(tick);
            }
        }
    }
}
