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
    rules::{Options, Rules},
    state::{Agent, Reason, Standing, Step},
    table::{Chunk, Registration, Table},
    watch,
};
use crate::{
    error::{Error, Result},
    event_sink::EventSink,
    fault,
};

/// An agent: where it is found, and which of its lives is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whom {
    /// Its slot.
    pub slot: u32,
    /// Which registration: the slot may have got another agent meanwhile.
    pub ticket: u32,
}

/// An agent that stands differently now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which one.
    pub whom: Whom,
    /// How it stands.
    pub standing: Standing,
    /// How many beats it missed.
    pub missed: u32,
    /// What made it stand so; nothing where it is healthy.
    pub reason: Option<Reason>,
}

/// What a sweep has to say. Nothing is sent when there is nothing to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The event loop shall show that it runs, by [`Monitor::echo`].
    pub echo: bool,
    /// Who stands differently.
    pub moved: Vec<Move>,
    /// Whom to ping.
    pub ping: Vec<Whom>,
    /// Which loops of the process froze or thawed, in that order.
    pub loops: Vec<LoopNews>,
    /// The watching thread is gone: nobody is watched any more.
    pub lost: bool,
}

impl Report {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

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
    /// The thread it lives in, where that is watched, and whether it is frozen.
    home: Option<(u32, bool)>,
    /// The threads whose freeze it has told of, and not yet their thaw: there is one for each.
    told_frozen: Vec<u32>,
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
            told_frozen: Vec::new(),
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
        state.home = Some((home.thread, false));
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
        Ok(slot)
    }

    /// Forgets an agent. `false` where it is not known.
    pub fn unregister(&self, slot: u32, ticket: u32) -> bool {
        self.lock().table.remove(slot, ticket)
    }

    /// Takes the agent for healthy from now on, as `next`: what was reported of the old one no longer concerns it. `false`
    /// where it is not known.
    pub fn reset(&self, slot: u32, ticket: u32, next: Registration) -> bool {
        self.lock().table.reset(&self.rules, slot, ticket, next)
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
        self.enlist(&mut state)
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
        if let Some((thread, frozen)) = &mut state.home
            && *thread == news.thread
        {
            *frozen = news.frozen;
        }
        let told = state.told_frozen.contains(&news.thread);
        state.told_frozen.retain(|thread| *thread != news.thread);
        let mut report = Report::default();
        if state.running && (news.frozen || told) {
            report.loops.push(news.clone());
            if news.frozen {
                state.told_frozen.push(news.thread);
            }
        }
        state.table.freeze(&self.rules, news.thread, news.frozen, &mut report);
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
        let frozen = state.home.is_some_and(|(_, frozen)| frozen);
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
mod tests {
    use crossbeam_channel::{Receiver, unbounded};

    use super::{
        super::{
            gauge::Sight,
            loops::{Label, Pulse},
        },
        *,
    };

    /// A monitor whose own ticks are so long that a test can sweep a thousand times between two of them.
    fn open() -> (Arc<Monitor>, Receiver<Report>) {
        let options = Options {
            heartbeat_interval: Duration::from_secs(2),
            activity_timeout: Duration::from_secs(5),
            max_missed_beats: 2,
        };
        let (sender, reports) = unbounded();
        let monitor = Monitor::open(&options, Arc::new(move |report| drop(sender.send(report)))).unwrap();
        (monitor, reports)
    }

    fn who(ticket: u32) -> Registration {
        Registration { ticket, pingable: true, thread: None }
    }

    fn standings(reports: &Receiver<Report>) -> Vec<Standing> {
        reports.try_iter().flat_map(|report| report.moved).map(|moved| moved.standing).collect()
    }

    #[test]
    fn the_clock_stands_still_until_the_loop_answers() {
        let (monitor, reports) = open();
        monitor.register(who(7)).unwrap();
        for _ in 0..1000 {
            monitor.sweep();
        }
        assert_eq!(standings(&reports), []);
        for _ in 0..100 {
            monitor.echo();
            monitor.sweep();
        }
        assert_eq!(standings(&reports).last(), Some(&Standing::Disconnected));
    }

    #[test]
    fn an_idle_hour_accuses_nobody_and_pings_each_agent_once_an_interval() {
        const AGENTS: u32 = 300;
        let (monitor, reports) = open();
        let slots: Vec<u32> = (1..=AGENTS).map(|ticket| monitor.register(who(ticket)).unwrap()).collect();
        let ticks = 3600 * 1000 / u32::try_from(monitor.rules().tick.as_millis()).unwrap();
        let mut pings: u32 = 0;
        for tick in 0..ticks {
            monitor.echo();
            monitor.sweep();
            for report in reports.try_iter() {
                assert_eq!(report.moved, [], "in tick {tick}");
                for Whom { slot, ticket } in report.ping {
                    pings += 1;
                    assert_eq!(slots[ticket as usize - 1], slot);
                    monitor.beat(slot);
                }
            }
        }
        let intervals = ticks / monitor.rules().interval * AGENTS;
        assert!(pings > intervals / 10 * 8 && pings < intervals / 10 * 14, "{pings} pings in {intervals} intervals");
    }

    #[test]
    fn the_clock_stands_still_while_the_loop_it_lives_in_is_frozen() {
        let (monitor, reports) = open();
        let news = |frozen| LoopNews {
            thread: 0,
            frozen,
            lasted: Duration::from_secs(1),
            threshold: Duration::from_secs(1),
            holder: None,
            at: 0,
            recorded: false,
        };
        let pulse = Box::new(Gone);
        monitor.guard(Arc::new(EventLoop { thread: 0, pulse }), Duration::from_secs(1));
        let slot = monitor.register(who(7)).unwrap();
        monitor.begin(slot, 7, 1, Duration::from_secs(1));
        monitor.hear(&news(true));
        for _ in 0..1000 {
            monitor.echo();
            monitor.sweep();
        }
        assert_eq!(standings(&reports), []);
        let told =
            || -> Vec<bool> { reports.try_iter().flat_map(|report| report.loops).map(|news| news.frozen).collect() };
        monitor.hear(&news(false));
        // One that came when the loop had been frozen before.
        assert_eq!(told(), [false]);
        monitor.hear(&news(false));
        assert!(told().is_empty());
        for _ in 0..100 {
            monitor.echo();
            monitor.sweep();
        }
        assert_eq!(standings(&reports).last(), Some(&Standing::Disconnected));
    }

    #[test]
    fn a_frozen_worker_and_an_ended_one_concern_who_lives_there() {
        let (monitor, reports) = open();
        let agent = |ticket, thread| Registration { ticket, pingable: false, thread };
        let slots =
            [Some(3), Some(4), None].map(|thread| monitor.register(agent(thread.unwrap_or(1), thread)).unwrap());
        let lasted = Duration::from_secs(1);
        let (holder, at) = (None, 0);
        let news = LoopNews { thread: 3, frozen: true, lasted, threshold: lasted, holder, at, recorded: false };
        monitor.hear(&news);
        monitor.exit(slots[1], 4);
        let moved: Vec<_> = reports.try_iter().flat_map(|report| report.moved).collect();
        let moved: Vec<_> = moved.iter().map(|moved| (moved.whom.ticket, moved.standing, moved.reason)).collect();
        let frozen = (3, Standing::Suspect, Some(Reason::Frozen));
        assert_eq!(moved, [frozen, (4, Standing::Disconnected, Some(Reason::Exited))]);
        monitor.hear(&LoopNews { frozen: false, ..news });
        assert_eq!(standings(&reports), [Standing::Healthy]);
    }

    #[test]
    fn whoever_is_seldom_looked_at_is_looked_at_when_something_has_happened() {
        let (monitor, reports) = open();
        let quiet = |ticket, thread| Registration { ticket, pingable: false, thread };
        let tick = monitor.rules().tick;
        let interval = monitor.rules().interval;
        let busy = monitor.register(quiet(1, None)).unwrap();
        let frozen = monitor.register(quiet(2, Some(3))).unwrap();
        let again = monitor.register(quiet(3, None)).unwrap();
        let sweep = |times| {
            (0..times).for_each(|_| {
                monitor.echo();
                monitor.sweep();
            });
        };
        sweep(5);
        monitor.begin(busy, 1, 1, tick * 2);
        let lasted = Duration::from_secs(1);
        let news =
            LoopNews { thread: 3, frozen: true, lasted, threshold: lasted, holder: None, at: 0, recorded: false };
        monitor.hear(&news);
        assert!(monitor.reset(again, 3, who(4)));
        sweep(interval + 3);
        let heard: Vec<Report> = reports.try_iter().collect();
        let of = |slot| {
            let moved = heard.iter().flat_map(|report| &report.moved).filter(move |moved| moved.whom.slot == slot);
            moved.map(|moved| moved.standing).collect::<Vec<_>>()
        };
        let both = [Standing::Suspect, Standing::Disconnected];
        assert_eq!((of(busy), of(frozen)), (both.into(), both.into()));
        assert!(heard.iter().flat_map(|report| &report.ping).any(|whom| *whom == Whom { slot: again, ticket: 4 }));
    }

    #[test]
    fn each_of_many_agents_is_judged_by_its_own_beats() {
        const AGENTS: u32 = 3 * 1024;
        let (monitor, reports) = open();
        let slots: Vec<u32> = (1..=AGENTS).map(|ticket| monitor.register(who(ticket)).unwrap()).collect();
        let silent = |slot: u32| slot.is_multiple_of(97);
        for _ in 0..monitor.rules().interval * 3 {
            slots.iter().filter(|slot| !silent(**slot)).for_each(|slot| monitor.beat(*slot));
            monitor.echo();
            monitor.sweep();
        }
        let mut gone: Vec<u32> = reports
            .try_iter()
            .flat_map(|report| report.moved)
            .filter(|moved| moved.standing == Standing::Disconnected)
            .map(|moved| moved.whom.slot)
            .collect();
        gone.sort_unstable();
        let expected: Vec<u32> = slots.into_iter().filter(|slot| silent(*slot)).collect();
        assert_eq!(gone, expected);
    }

    /// A loop that is not there any more.
    struct Gone;

    impl Pulse for Gone {
        fn look(&self) -> Option<Sight> {
            None
        }

        fn holder(&self) -> Option<Label> {
            None
        }
    }

    #[test]
    fn a_report_about_an_earlier_life_names_a_ticket_that_is_gone() {
        let (monitor, reports) = open();
        let slot = monitor.register(who(7)).unwrap();
        assert!(monitor.reset(slot, 7, who(8)));
        assert!(!monitor.reset(slot, 7, who(9)));
        assert!(monitor.look(slot, 7).is_none());
        for _ in 0..100 {
            monitor.echo();
            monitor.sweep();
        }
        let tickets: Vec<u32> = reports.try_iter().flat_map(|report| report.ping).map(|whom| whom.ticket).collect();
        assert!(!tickets.is_empty() && tickets.iter().all(|&ticket| ticket == 8), "{tickets:?}");
    }

    #[test]
    fn a_slot_is_used_again_and_forgets_whom_it_belonged_to() {
        let (monitor, _reports) = open();
        let slot = monitor.register(who(1)).unwrap();
        assert!(monitor.unregister(slot, 1));
        assert!(!monitor.unregister(slot, 1));
        assert_eq!(monitor.register(who(2)).unwrap(), slot);
        assert!(monitor.look(slot, 1).is_none() && monitor.look(slot, 2).is_some());
    }

    #[test]
    fn a_closed_monitor_takes_nobody_and_says_nothing() {
        let (monitor, reports) = open();
        let slot = monitor.register(who(1)).unwrap();
        monitor.close();
        monitor.close();
        assert!(matches!(monitor.register(who(2)), Err(Error::Closed(_))));
        assert!(matches!(monitor.start(), Err(Error::Closed(_))));
        assert!(!monitor.unregister(slot, 1) && !monitor.sweep());
        monitor.reject(slot, 1);
        assert!(reports.try_iter().all(|report| report.moved.is_empty()));
    }

    #[test]
    fn the_thread_sweeps_by_itself() {
        let (monitor, reports) = open();
        let slot = monitor.register(who(1)).unwrap();
        let report = reports.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!((report.ping, report.echo), (vec![Whom { slot, ticket: 1 }], true));
        assert!(monitor.look(slot, 1).is_some_and(|look| look.silent > Duration::ZERO));
    }
}
