//! The one thread that keeps time for every monitor of the process, and watches its event loops. It starts on first need,
//! sleeps until the next tick of whoever has agents or the next look at a loop, and for good while there is neither.

mod guards;
mod held;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use self::{guards::Guards, held::Held};
use super::{
    loops::{EventLoop, LoopNews},
    monitor::Monitor,
};
use crate::{
    error::{Error, Result},
    worker::{Handler, Worker},
};

/// The name of the thread.
pub const THREAD: &str = "smalltalk-health";

/// Jobs wait for the thread at most as long as a sweep takes, and a monitor sends one at a time.
const QUEUE: usize = 1 << 20;

static WORKER: Mutex<Option<Worker<Job>>> = Mutex::new(None);

/// What the thread is asked for.
enum Job {
    /// To sweep a monitor.
    Sweep(Held),
    /// To watch the loop of a monitor.
    Guard { monitor: Held, home: Arc<EventLoop>, threshold: Duration },
    /// A log has done with the news of this number.
    Stored(u64),
}

/// Has the thread sweep a monitor from its next tick on, until a sweep says that there is nothing to watch.
pub fn enlist(monitor: &Arc<Monitor>) -> Result<()> {
    submit(Job::Sweep(Held::new(monitor)))
}

/// Has the thread watch the loop in which a monitor lives, until the monitor is closed or gone.
pub fn guard(monitor: &Arc<Monitor>, home: &Arc<EventLoop>, threshold: Duration) -> Result<()> {
    submit(Job::Guard { monitor: Held::new(monitor), home: Arc::clone(home), threshold })
}

fn submit(job: Job) -> Result<()> {
    let mut place = WORKER.lock().unwrap_or_else(PoisonError::into_inner);
    let rejected = match place.as_ref() {
        None => Some(job),
        Some(worker) => match worker.submit(job, 1) {
            Ok(()) => None,
            // The thread panicked: the monitors it had are lost, whoever comes now gets a new thread.
            Err((Error::Panic { .. }, job)) => Some(job),
            Err((error, job)) => return Err(job.keep_out(error)),
        },
    };
    let Some(job) = rejected else { return Ok(()) };
    let watch = Watch {
        origin: Instant::now(),
        watched: Vec::new(),
        guards: Guards::default(),
        untold: Vec::new(),
        next_news: 0,
    };
    let worker = match Worker::start(THREAD, QUEUE, watch) {
        Ok(worker) => worker,
        Err(error) => return Err(job.keep_out(error)),
    };
    let outcome = worker.submit(job, 1).map_err(|(error, job)| job.keep_out(error));
    *place = Some(worker);
    outcome
}

impl Job {
    fn keep_out(mut self, error: Error) -> Error {
        match &mut self {
            Self::Sweep(held) | Self::Guard { monitor: held, .. } => held.released = true,
            Self::Stored(_) => {}
        }
        error
    }
}

struct Watched {
    held: Held,
    due: Option<Instant>,
}

/// News that are told when they are on the disk: whoever hears them may end the process.
struct Untold {
    number: u64,
    news: LoopNews,
    /// Logs that have not done with it.
    logs: usize,
    /// A disk that stalls keeps nobody from hearing.
    latest: Instant,
}

/// How long news wait for a disk.
const PATIENCE: Duration = Duration::from_millis(100);

struct Watch {
    /// Ticks lie on a common grid, so that monitors with the same tick share one wake-up.
    origin: Instant,
    watched: Vec<Watched>,
    guards: Guards,
    untold: Vec<Untold>,
    next_news: u64,
}

impl Watch {
    fn next_tick(&self, tick: Duration) -> Instant {
        let now = Instant::now();
        let past = now.duration_since(self.origin).as_nanos() % tick.as_nanos();
        now + tick.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
    }

    fn sweep(&mut self, now: Instant) {
        let mut list = std::mem::take(&mut self.watched);
        for watched in list.iter_mut().filter(|watched| watched.due.is_some_and(|due| due <= now)) {
            // However late this tick is, it is one tick: the rest was a suspension or starvation, nobody's silence.
            let alive = watched.held.monitor.upgrade().filter(|monitor| monitor.sweep());
            watched.due = alive.map(|monitor| self.next_tick(monitor.rules().tick));
            watched.held.released = watched.due.is_none();
        }
        list.retain(|watched| !watched.held.released);
        self.watched = list;
    }

    fn look(&mut self, now: Instant) {
        for item in self.guards.look(now) {
            self.take(item, now);
        }
    }

    /// A freeze is brought to the disk, then told; a thaw is told after the freeze.
    fn take(&mut self, news: LoopNews, now: Instant) {
        if news.frozen {
            let sinks: Vec<_> = self.guards.monitors().iter().filter_map(|monitor| monitor.sink()).collect();
            self.next_news += 1;
            let number = self.next_news;
            let stored: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
                // Where the thread is gone, so are the monitors to tell.
                let _ = submit(Job::Stored(number));
            });
            let logs = news.record(&sinks, &stored);
            if logs > 0 {
                self.untold.push(Untold { number, news, logs, latest: now + PATIENCE });
                return;
            }
        } else {
            self.tell_where(|untold| untold.news.thread == news.thread);
        }
        self.tell(&news);
    }

    fn tell_where(&mut self, due: impl Fn(&Untold) -> bool) {
        let (told, untold) = std::mem::take(&mut self.untold).into_iter().partition(|untold| due(untold));
        self.untold = untold;
        let told: Vec<Untold> = told;
        for untold in told {
            self.tell(&untold.news);
        }
    }

    fn tell(&self, news: &LoopNews) {
        tracing::debug!(target: "smalltalk::health", thread = news.thread, frozen = news.frozen, "a loop");
        for monitor in self.guards.monitors() {
            monitor.hear(news);
        }
    }
}

impl Handler<Job> for Watch {
    fn handle(&mut self, batch: Vec<Job>) {
        for job in batch {
            match job {
                Job::Sweep(held) => {
                    let due = held.monitor.upgrade().map(|monitor| self.next_tick(monitor.rules().tick));
                    self.watched.push(Watched { held, due });
                }
                Job::Stored(number) => {
                    if let Some(untold) = self.untold.iter_mut().find(|untold| untold.number == number) {
                        untold.logs = untold.logs.saturating_sub(1);
                    }
                    self.tell_where(|untold| untold.logs == 0);
                }
                Job::Guard { monitor, home, threshold } => self.guards.add(monitor, home, threshold),
            }
        }
    }

    /// A tick that is late by more than a tick counts for one: time would pass more slowly on a busy machine.
    fn is_punctual(&self) -> bool {
        true
    }

    fn wake_at(&self) -> Option<Instant> {
        let sweeps = self.watched.iter().filter_map(|watched| watched.due);
        sweeps.chain(self.guards.due()).chain(self.untold.iter().map(|untold| untold.latest)).min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        // First: a sweep may take longer than a look may be late.
        self.look(now);
        self.tell_where(|untold| untold.latest <= now);
        self.sweep(now);
    }
}
