//! One monitor as its JavaScript thread and the watching thread share it.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    loops::{EventLoop, LoopNews},
    report::Report,
    rules::{Options, Rules},
    state::{Agent, Step},
    table::{Chunk, Registration, Table},
    watch,
};
use crate::{
    error::{Error, Result},
    event_sink::EventSink,
    fault,
};

/// One agent, looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How long it has been silent, not counting the time in which its loop was frozen.
    pub silent: Duration,
    /// How many beats it missed.
    pub missed: u32,
}

/// Where reports go.
pub type Listener = Arc<dyn Fn(Report) + Send + Sync>;

/// A monitor. Dropping it ends the watch.
pub struct Monitor {
    rules: Rules,
    state: Mutex<State>,
    /// The loop has answered since it was last asked.
    echoed: AtomicBool,
    lost: AtomicBool,
}

struct State {
    table: Table,
    /// `None` once closed.
    listener: Option<Listener>,
    running: bool,
    /// The watching thread has it on its list.
    watched: bool,
    echo_wanted: bool,
    /// The loop it lives in, and for how long that may run one piece of work; until somebody watches it.
    to_guard: Option<(Arc<EventLoop>, Duration)>,
    /// The thread it lives in, where that is watched.
    home: Option<u32>,
    /// The threads whose loops are frozen, whoever was told.
    frozen: Vec<u32>,
    /// The threads whose freeze it has told of, and not yet their thaw: there is one for each.
    told_frozen: Vec<u32>,
    /// Thaws that came while it was stopped, of freezes that it had told of.
    thaws: Vec<LoopNews>,
    sink: Option<Arc<dyn EventSink>>,
}

impl Monitor {
    /// A running monitor without agents. `listener` is called from the watching thread, or from a caller's.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`].
    pub fn open(options: &Options, listener: Listener) -> Result<Arc<Self>> {
        let state = State {
            table: Table::new(),
            listener: Some(listener),
            running: true,
            watched: false,
            echo_wanted: false,
            to_guard: None,
            home: None,
            frozen: Vec::new(),
            told_frozen: Vec::new(),
            thaws: Vec::new(),
            sink: None,
        };
        Ok(Arc::new(Self {
            rules: Rules::new(options)?,
            state: Mutex::new(state),
            echoed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }))
    }

    /// The rules in ticks.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Has the loop watched that the monitor lives in, from its first agent or its start on, and of all loops of the process
    /// that are watched, this one included, tells which froze and thawed.
    pub fn guard(&self, home: Arc<EventLoop>, threshold: Duration) {
        let mut state = self.lock();
        state.home = Some(home.thread);
        state.to_guard = Some((home, threshold));
    }

    /// Where frozen loops are recorded while they are frozen.
    pub fn record_in(&self, sink: Arc<dyn EventSink>) {
        self.lock().sink = Some(sink);
    }

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
        if who.thread.is_some_and(|thread| state.frozen.contains(&thread)) {
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

    /// A ping was rejected; what follows is reported at once.
    pub fn reject(&self, slot: u32, ticket: u32) {
        self.happen(slot, ticket, |agent, now, beat| agent.reject(&self.rules, now, beat));
    }

    /// The agent begins work that nobody has to hear of for `deadline`.
    pub fn begin(&self, slot: u32, ticket: u32, work: u32, deadline: Duration) {
        let ticks = self.rules.ticks(deadline);
        self.happen(slot, ticket, |agent, now, beat| agent.begin(&self.rules, now, beat, work, ticks));
    }

    /// Work has ended, however.
    pub fn settle(&self, slot: u32, ticket: u32, work: u32) {
        self.happen(slot, ticket, |agent, now, beat| agent.settle(&self.rules, now, beat, work));
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

    /// The event loop runs. Never waits.
    pub fn echo(&self) {
        self.echoed.store(true, Ordering::Release);
    }

    /// How an agent does; `None` where it is not known.
    pub fn look(&self, slot: u32, ticket: u32) -> Option<Look> {
        let (silence, missed) = self.lock().table.look(&self.rules, slot, ticket)?;
        Some(Look { silent: self.rules.tick.saturating_mul(silence), missed })
    }

    /// A piece of the memory in which agents beat.
    #[must_use]
    pub fn chunk(&self, index: u32) -> Option<Arc<Chunk>> {
        self.lock().table.chunk(index)
    }

    /// Goes on where [`Monitor::stop`] stopped.
    ///
    /// # Errors
    /// As [`Monitor::register`].
    pub fn start(self: &Arc<Self>) -> Result<()> {
        let mut state = self.usable()?;
        state.running = true;
        self.guard_home(&mut state)?;
        self.enlist(&mut state)?;
        let loops = mem::take(&mut state.thaws);
        send(state, Report { loops, ..Report::default() });
        Ok(())
    }

    /// Stops the clock: nobody is pinged or judged until it starts again, and the pause is nobody's silence.
    ///
    /// # Errors
    /// As [`Monitor::register`].
    pub fn stop(&self) -> Result<()> {
        self.usable()?.running = false;
        Ok(())
    }

    /// Ends the watch for good. A second close does nothing.
    pub fn close(&self) {
        let mut state = self.lock();
        state.listener = None;
        state.sink = None;
        state.to_guard = None;
        state.table = Table::new();
    }

    fn enlist(self: &Arc<Self>, state: &mut State) -> Result<()> {
        if state.running && !state.watched && !state.table.is_empty() {
            self.guard_home(state)?;
            watch::enlist(self)?;
            state.watched = true;
        }
        Ok(())
    }

    fn guard_home(self: &Arc<Self>, state: &mut State) -> Result<()> {
        if let Some((home, threshold)) = &state.to_guard {
            watch::guard(self, home, *threshold)?;
            state.to_guard = None;
        }
        Ok(())
    }

    /// Whether it is open, so that there is somebody to tell.
    pub(super) fn listens(&self) -> bool {
        self.lock().listener.is_some()
    }

    /// Where it records frozen loops.
    pub(super) fn sink(&self) -> Option<Arc<dyn EventSink>> {
        self.lock().sink.clone()
    }

    /// A loop of the process froze or thawed.
    pub(super) fn hear(&self, news: &LoopNews) {
        let mut state = self.lock();
        let told = state.told_frozen.contains(&news.thread);
        state.told_frozen.retain(|thread| *thread != news.thread);
        let mut report = Report::default();
        if state.running && (news.frozen || told) {
            report.loops.push(news.clone());
            if news.frozen {
                state.told_frozen.push(news.thread);
            }
        } else if told && !news.frozen {
            state.thaws.push(news.clone());
        }
        state.freeze(&self.rules, news.thread, news.frozen, news.ended, &mut report);
        send(state, report);
    }

    /// A loop was frozen before this monitor came to hear of loops.
    pub(super) fn learn_of_freeze(&self, thread: u32) {
        let mut state = self.lock();
        let mut report = Report::default();
        state.freeze(&self.rules, thread, true, false, &mut report);
        send(state, report);
    }

    /// A tick has passed. `false` when there is nothing to watch any more.
    pub(super) fn sweep(&self) -> bool {
        let mut state = self.lock();
        if !state.running || state.listener.is_none() || state.table.is_empty() {
            state.watched = false;
            return false;
        }
        // Asked and not answered: the loop stood still for a while, and so did the clock.
        let frozen = state.home.is_some_and(|thread| state.frozen.contains(&thread));
        if frozen || (state.echo_wanted && !self.echoed.swap(false, Ordering::AcqRel)) {
            return true;
        }
        fault::point("health-sweep");
        let mut report = Report::default();
        report.echo = state.table.sweep(&self.rules, &mut report);
        state.echo_wanted = report.echo;
        send(state, report);
        true
    }

    /// The watching thread panicked.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        send(self.lock(), Report { lost: true, ..Report::default() });
    }

    fn usable(&self) -> Result<MutexGuard<'_, State>> {
        if self.lost.load(Ordering::Acquire) {
            let message = "the watching thread panicked; open the monitor anew".into();
            return Err(Error::Panic { room: watch::THREAD, message });
        }
        let state = self.lock();
        if state.listener.is_none() {
            return Err(Error::Closed("the health monitor"));
        }
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A loop is frozen, or no longer, which concerns who lives in it. That one has `ended` speaks for nobody.
    fn freeze(&mut self, rules: &Rules, thread: u32, frozen: bool, ended: bool, report: &mut Report) {
        self.frozen.retain(|known| *known != thread);
        if frozen {
            self.frozen.push(thread);
        }
        if !ended {
            self.table.freeze(rules, thread, frozen, report);
        }
    }
}

/// Sends a report with nothing locked, so that whoever hears it may call back.
fn send(state: MutexGuard<'_, State>, report: Report) {
    let listener = state.listener.clone();
    mem::drop(state);
    if let Some(listener) = listener
        && !report.is_empty()
    {
        listener(report);
    }
}

#[cfg(test)]
mod tests;
