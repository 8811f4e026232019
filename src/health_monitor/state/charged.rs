//! What becomes of an agent by other things than its silence: its work, its loop, its worker, and where it lives.

use super::{Agent, Step};
use crate::health_monitor::{
    charges::Charges,
    rules::Rules,
    standing::{Reason, Standing},
};

impl Agent {
    /// Work begins, and has so many ticks. That shows that the agent is asked for something, not that it has survived what
    /// is overdue, nor that it is back.
    pub fn begin(&mut self, rules: &Rules, now: u32, beat: u32, work: u32, deadline: u32) -> Step {
        self.see(rules, beat);
        if self.silence < Standing::Disconnected {
            self.end_silence(rules, now);
        }
        // The tick that is under way is a part of one only.
        self.charged().begin(work, now.wrapping_add(1).wrapping_add(deadline));
        Step { ping: false, moved: self.stand(rules, now) }
    }

    /// Work has ended, however. Where that does not show that the agent lives, what the work spoke against it only a sign of
    /// life makes good.
    pub fn settle(&mut self, rules: &Rules, now: u32, beat: u32, work: u32, shows: bool) -> Step {
        self.see(rules, beat);
        if let Some(charges) = &mut self.charges {
            if !shows {
                self.silence = self.silence.max(charges.overdue(rules, now, work));
            }
            charges.settle(work);
        }
        Step { ping: false, moved: self.stand(rules, now) }
    }

    /// The loop in which it lives is frozen, or no longer.
    pub fn freeze(&mut self, rules: &Rules, now: u32, beat: u32, frozen: bool) -> Step {
        self.charged().freeze(now, frozen);
        self.review(rules, now, beat)
    }

    /// The worker in which it lives has ended.
    pub fn exit(&mut self, rules: &Rules, now: u32, beat: u32) -> Step {
        self.charged().exit();
        self.review(rules, now, beat)
    }

    /// It lives elsewhere from now on, and its work before the one numbered `first_work` is nobody's. That shows nothing of
    /// whether it lives: how it stood, only a sign of life makes good.
    pub fn relocate(&mut self, rules: &Rules, now: u32, beat: u32, pingable: bool, first_work: u32) -> Step {
        let moved = self.review(rules, now, beat).moved;
        self.silence = self.standing;
        if let Some(charges) = &mut self.charges {
            charges.leave();
            charges.forget_before(first_work);
        }
        self.pingable = pingable;
        self.unanswered = None;
        self.rejections = 0;
        self.vain = 0;
        self.next_ping = now.wrapping_add(rules.ping_after);
        self.stand(rules, now);
        Step { ping: false, moved }
    }

    /// Its work from the one numbered `first` on, where there is some that it has not survived by its last sign of life,
    /// `beat`: it goes on in the next life.
    #[must_use]
    pub fn works_from(&self, first: u32, beat: u32) -> Option<Box<Charges>> {
        let mut works = self.charges.clone()?;
        works.leave();
        works.forget_before(first);
        works.forgive(beat);
        works.busy().then_some(works)
    }

    /// The same agent, with work in flight.
    #[must_use]
    pub fn with(mut self, works: Option<Box<Charges>>) -> Self {
        self.charges = works;
        self
    }

    fn charged(&mut self) -> &mut Charges {
        self.charges.get_or_insert_default()
    }

    pub(super) fn busy(&self) -> bool {
        self.charges.as_ref().is_some_and(|charges| charges.busy())
    }

    pub(super) fn charge(&self, rules: &Rules, now: u32) -> Option<(Standing, Reason)> {
        self.charges.as_ref().and_then(|charges| charges.verdict(rules, now))
    }

    /// Something about the charges has changed.
    fn review(&mut self, rules: &Rules, now: u32, beat: u32) -> Step {
        self.see(rules, beat);
        Step { ping: false, moved: self.stand(rules, now) }
    }
}
