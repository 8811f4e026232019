//! The one thread that keeps time for every monitor of the process. It starts on first need, sleeps until the next tick
//! of whoever has agents, and for good while nobody has.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::monitor::Monitor;
use crate::{
    error::{Error, Result},
    worker::{Handler, Worker},
};

/// The name of the thread.
pub const THREAD: &str = "smalltalk-health";

/// Jobs wait for the thread at most as long as a sweep takes, and a monitor sends one at a time.
const QUEUE: usize = 1 << 20;

static WORKER: Mutex<Option<Worker<Watched>>> = Mutex::new(None);

/// Has the thread sweep a monitor from its next tick on, until a sweep says that there is nothing to watch.
pub fn enlist(monitor: &Arc<Monitor>) -> Result<()> {
    let mut place = WORKER.lock().unwrap_or_else(PoisonError::into_inner);
    let job = Watched { monitor: Arc::downgrade(monitor), due: None, released: false };
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
    let watch = Watch { origin: Instant::now(), watched: Vec::new() };
    let worker = match Worker::start(THREAD, QUEUE, watch) {
        Ok(worker) => worker,
        Err(error) => return Err(job.keep_out(error)),
    };
    let outcome = worker.submit(job, 1).map_err(|(error, job)| job.keep_out(error));
    *place = Some(worker);
    outcome
}

/// A monitor on the list. Held weakly: whoever opened it decides how long it lives.
struct Watched {
    monitor: Weak<Monitor>,
    due: Option<Instant>,
    released: bool,
}

impl Watched {
    fn keep_out(mut self, error: Error) -> Error {
        self.released = true;
        error
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Nobody let go of it, so the thread did, by a panic.
        if !self.released
            && let Some(monitor) = self.monitor.upgrade()
        {
            monitor.lose();
        }
    }
}

struct Watch {
    /// Ticks lie on a common grid, so that monitors with the same tick share one wake-up.
    origin: Instant,
    watched: Vec<Watched>,
}

impl Watch {
    fn next_tick(&self, tick: Duration) -> Instant {
        let now = Instant::now();
        let past = now.duration_since(self.origin).as_nanos() % tick.as_nanos();
        now + tick.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
    }
}

impl Handler<Watched> for Watch {
    fn handle(&mut self, batch: Vec<Watched>) {
        for mut watched in batch {
            watched.due = watched.monitor.upgrade().map(|monitor| self.next_tick(monitor.rules().tick));
            self.watched.push(watched);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.watched.iter().filter_map(|watched| watched.due).min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let mut list = std::mem::take(&mut self.watched);
        for watched in list.iter_mut().filter(|watched| watched.due.is_some_and(|due| due <= now)) {
            // However late this tick is, it is one tick: the rest was a suspension or starvation, nobody's silence.
            let alive = watched.monitor.upgrade().filter(|monitor| monitor.sweep());
            watched.due = alive.map(|monitor| self.next_tick(monitor.rules().tick));
            watched.released = watched.due.is_none();
        }
        list.retain(|watched| !watched.released);
        self.watched = list;
    }
}
