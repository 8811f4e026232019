//! One monitor as its JavaScript thread and the watching thread share it.

mod agents;
mod freezes;

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use self::freezes::Freezes;
use super::{
    loops::{EventLoop, LoopNews},
    report::Report,
    rules::{Options, Rules},
    table::{Chunk, Table},
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
    freezes: Freezes,
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
            freezes: Freezes::default(),
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
        state.freezes.live_in(home.thread);
        state.to_guard = Some((home, threshold));
    }

    /// Where frozen loops are recorded while they are frozen.
    pub fn record_in(&self, sink: Arc<dyn EventSink>) {
        self.lock().sink = Some(sink);
    }

    /// The event loop runs. Never waits.
    pub fn echo(&self) {
        self.echoed.store(true, Ordering::Release);
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
        let loops = state.freezes.thaws();
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
        let running = state.running;
        let loops = state.freezes.hear(news, running).into_iter().collect();
        let mut report = Report { loops, ..Report::default() };
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

    /// Has it noted whether somebody debugs the process.
    pub(super) fn ask_for_debugger(&self) {
        send(self.lock(), Report { debugger: true, ..Report::default() });
    }

    /// A tick has passed. `false` when there is nothing to watch any more.
    pub(super) fn sweep(&self) -> bool {
        let mut state = self.lock();
        if !state.running || state.listener.is_none() || state.table.is_empty() {
            state.watched = false;
            return false;
        }
        // Asked and not answered: the loop stood still for a while, and so did the clock.
        if state.freezes.at_home() || (state.echo_wanted && !self.echoed.swap(false, Ordering::AcqRel)) {
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
        self.freezes.note(thread, frozen);
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
