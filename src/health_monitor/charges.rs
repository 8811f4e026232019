//! What may speak against an agent beside its silence: work that is overdue, the loop it lives in being frozen, its worker
//! being gone. Unlike silence, these end when what they are about ends.

use super::{
    rules::Rules,
    standing::{Reason, Standing},
    ticks::reached,
};

/// Work in flight, for example a call of a language model. While there is some the agent is not asked anything, and its
/// silence is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    id: u32,
    due: u32,
}

/// The charges against one agent. All times are ticks of its monitor's clock.
#[derive(Debug, Clone, Default)]
pub struct Charges {
    works: Vec<Work>,
    frozen_since: Option<u32>,
    exited: bool,
}

impl Charges {
    /// Work begins that is due before the tick `due` is over.
    pub fn begin(&mut self, id: u32, due: u32) {
        self.works.push(Work { id, due });
    }

    /// Work has ended, however. `false` where nobody knows of it.
    pub fn settle(&mut self, id: u32) -> bool {
        let before = self.works.len();
        self.works.retain(|work| work.id != id);
        self.works.len() < before
    }

    /// What the work `id` makes of the agent at `now`.
    #[must_use]
    pub fn overdue(&self, rules: &Rules, now: u32, id: u32) -> Standing {
        let work = self.works.iter().find(|work| work.id == id && reached(now, work.due));
        work.map_or(Standing::Healthy, |work| since(rules, now, work.due))
    }

    /// The agent gave a sign of life in the tick `beat`: work that was overdue by then has been survived, and is forgotten.
    pub fn forgive(&mut self, beat: u32) {
        self.works.retain(|work| !reached(beat, work.due));
    }

    /// The loop in which the agent lives is frozen, or no longer.
    pub fn freeze(&mut self, now: u32, frozen: bool) {
        self.frozen_since = frozen.then(|| self.frozen_since.unwrap_or(now));
    }

    /// The worker in which the agent lives has ended.
    pub fn exit(&mut self) {
        self.exited = true;
    }

    /// The agent lives elsewhere: what spoke against the place where it was no longer concerns it.
    pub fn leave(&mut self) {
        self.frozen_since = None;
        self.exited = false;
    }

    /// Work before the one numbered `first` is nobody's any more.
    pub fn forget_before(&mut self, first: u32) {
        self.works.retain(|work| work.id >= first);
    }

    /// Whether there are none.
    #[must_use]
    pub fn none(&self) -> bool {
        self.works.is_empty() && self.frozen_since.is_none() && !self.exited
    }

    /// Whether work is in flight, overdue or not.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.works.is_empty()
    }

    /// Whether time that passes at `now` speaks against work: until that has been overdue for an interval.
    #[must_use]
    pub fn on_trial(&self, rules: &Rules, now: u32) -> bool {
        self.works.iter().any(|work| !reached(now, work.due) || since(rules, now, work.due) < Standing::Disconnected)
    }

    /// The gravest of them, and what it makes of the agent at `now`.
    #[must_use]
    pub fn verdict(&self, rules: &Rules, now: u32) -> Option<(Standing, Reason)> {
        let by = |moment| since(rules, now, moment);
        let exited = self.exited.then_some((Standing::Disconnected, Reason::Exited));
        let frozen = self.frozen_since.map(|since| (by(since), Reason::Frozen));
        let overdue =
            self.works.iter().filter(|work| reached(now, work.due)).map(|work| (by(work.due), Reason::Overdue));
        overdue.chain(frozen).chain(exited).max_by_key(|(standing, _)| *standing)
    }
}

/// What has spoken against an agent since `moment` makes of it at `now`.
fn since(rules: &Rules, now: u32, moment: u32) -> Standing {
    if now.wrapping_sub(moment) >= rules.interval { Standing::Disconnected } else { Standing::Suspect }
}
