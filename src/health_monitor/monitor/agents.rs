//! What is asked of a monitor about one of its agents.

use std::{sync::Arc, time::Duration};

use super::{Look, Monitor, State, send};
use crate::{
    error::Result,
    health_monitor::{
        report::Report,
        state::{Agent, Step},
        table::Registration,
    },
};

impl Monitor {
    /// Watches an agent; gives its slot. Only one that is pingable is judged by its silence.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Panic`] after a panic of the watching thread, [`Error::Io`] where there is no thread.
    pub fn register(self: &Arc<Self>, who: Registration) -> Result<u32> {
        let mut state = self.usable()?;
        let slot = state.table.add(&self.rules, who);
        self.enlist(&mut state).inspect_err(|_| {
            state.table.remove(slot, who.ticket);
        })?;
        let mut report = Report::default();
        self.settle_in(&mut state, slot, who, &mut report);
        send(state, report);
        Ok(slot)
    }

    /// Forgets an agent. `false` where it is not known.
    pub fn unregister(&self, slot: u32, ticket: u32) -> bool {
        self.lock().table.remove(slot, ticket)
    }

    /// Takes the agent for healthy from now on, as `next`: what was reported of the old one no longer concerns it, nor does
    /// its work before the one numbered `first_work`. `false` where it is not known.
    pub fn reset(&self, slot: u32, ticket: u32, next: Registration, first_work: u32) -> bool {
        let mut state = self.lock();
        let known = state.table.reset(&self.rules, slot, ticket, next, first_work);
        let mut report = Report::default();
        self.settle_in(&mut state, slot, next, &mut report);
        send(state, report);
        known
    }

    /// Of a loop that was frozen before an agent came to live in it no news will come.
    fn settle_in(&self, state: &mut State, slot: u32, who: Registration, report: &mut Report) {
        if who.thread.is_some_and(|thread| state.freezes.has(thread)) {
            let deed = |agent: &mut Agent, now, beat| agent.freeze(&self.rules, now, beat, true);
            state.table.happen(&self.rules, slot, who.ticket, report, deed);
        }
    }

    /// The agent lives elsewhere from now on, as `who` says, though nobody knows yet whether it lives: what spoke against the
    /// place where it was, and its work before the one numbered `first_work`, no longer concern it.
    pub fn relocate(&self, slot: u32, who: Registration, first_work: u32) {
        let mut state = self.lock();
        let mut report = Report::default();
        state.table.relocate(&self.rules, slot, who, first_work, &mut report);
        self.settle_in(&mut state, slot, who, &mut report);
        send(state, report);
    }

    /// A sign of life, for runtimes that cannot share memory.
    pub fn beat(&self, slot: u32) {
        self.lock().table.beat(slot);
    }

    /// A ping was rejected; what follows is reported at once. While the monitor is stopped nothing does.
    pub fn reject(&self, slot: u32, ticket: u32) {
        let judges = self.lock().running;
        self.happen(slot, ticket, |agent, now, beat| {
            if judges { agent.reject(&self.rules, now, beat) } else { agent.excuse(&self.rules, now, beat) }
        });
    }

    /// The agent begins work that nobody has to hear of for `deadline`.
    pub fn begin(&self, slot: u32, ticket: u32, work: u32, deadline: Duration) {
        let ticks = self.rules.ticks(deadline);
        self.happen(slot, ticket, |agent, now, beat| agent.begin(&self.rules, now, beat, work, ticks));
    }

    /// Work has ended, however; whether that `shows` that the agent lives is for the caller to say.
    pub fn settle(&self, slot: u32, ticket: u32, work: u32, shows: bool) {
        self.happen(slot, ticket, |agent, now, beat| agent.settle(&self.rules, now, beat, work, shows));
    }

    /// The worker in which the agent lives has ended.
    pub fn exit(&self, slot: u32, ticket: u32) {
        self.happen(slot, ticket, |agent, now, beat| agent.exit(&self.rules, now, beat));
    }

    fn happen(&self, slot: u32, ticket: u32, deed: impl FnOnce(&mut Agent, u32, u32) -> Step) {
        let mut state = self.lock();
        let mut report = Report::default();
        state.table.happen(&self.rules, slot, ticket, &mut report, deed);
        send(state, report);
    }

    /// How an agent does; `None` where it is not known.
    pub fn look(&self, slot: u32, ticket: u32) -> Option<Look> {
        let (silence, missed) = self.lock().table.look(&self.rules, slot, ticket)?;
        Some(Look { silent: self.rules.tick.saturating_mul(silence), missed })
    }
}
