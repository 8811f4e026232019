//! A clock in shared memory: while somebody reads it often, a thread keeps it right; when nobody does, it stops, and the
//! thread sleeps until it is wanted again. Reading costs one load, where asking the system costs forty nanoseconds.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    error::Result,
    worker::{Handler, Worker},
};

/// How far a running clock may be behind, as long as the thread gets its turn.
const TICK: Duration = Duration::from_millis(2);

/// A clock that nobody reads for so many ticks stops.
const PATIENCE: u32 = 8;

const THREAD: &str = "smalltalk-clock";

/// Faces that may wait for the thread; each counts one.
const QUEUE: usize = 1 << 16;

/// What one environment reads: two doubles in memory.
#[derive(Debug, Default)]
pub struct Face([AtomicU64; 2]);

impl Face {
    /// The words: the time in whole milliseconds since the epoch, 0 while it stands; and what readers set when they read.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64; 2] {
        &self.0
    }

    /// The time, where the clock runs.
    #[must_use]
    pub fn read(&self) -> Option<f64> {
        let [time, touched] = &self.0;
        touched.store(1.0_f64.to_bits(), Ordering::Relaxed);
        match time.load(Ordering::Relaxed) {
            0 => None,
            bits => Some(f64::from_bits(bits)),
        }
    }

    fn set(&self, time: f64) {
        let [word, _] = &self.0;
        word.store(time.to_bits(), Ordering::Relaxed);
    }

    fn was_touched(&self) -> bool {
        let [_, touched] = &self.0;
        touched.swap(0, Ordering::Relaxed) != 0
    }
}

/// The thread, for all faces of the process; started with the first face that is woken.
static RUNNER: Mutex<Option<Worker<Weak<Face>>>> = Mutex::new(None);

/// Starts the clock that this face shows. It is right at once.
///
/// # Errors
/// Where the system gives no thread, or the thread has panicked: then the clock stands.
pub fn wake(face: &Arc<Face>) -> Result<()> {
    let mut runner = RUNNER.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = match runner.take() {
        Some(worker) => worker,
        None => Worker::start(THREAD, QUEUE, Runner::default())?,
    };
    let submitted = runner.insert(worker).submit(Arc::downgrade(face), 1);
    submitted.map_err(|(error, _)| error)?;
    face.set(epoch_millis());
    Ok(())
}

/// Keeps the faces right that are in use.
#[derive(Default)]
struct Runner {
    running: Vec<Running>,
    next: Option<Instant>,
}

struct Running {
    face: Weak<Face>,
    unread: u32,
}

impl Runner {
    fn turn(&mut self) {
        let time = epoch_millis();
        self.running.retain_mut(|running| {
            let Some(face) = running.face.upgrade() else { return false };
            running.unread = if face.was_touched() { 0 } else { running.unread + 1 };
            let goes_on = running.unread < PATIENCE;
            face.set(if goes_on { time } else { 0.0 });
            goes_on
        });
        self.next = (!self.running.is_empty()).then(|| Instant::now() + TICK);
    }
}

impl Handler<Weak<Face>> for Runner {
    fn handle(&mut self, batch: Vec<Weak<Face>>) {
        for face in batch {
            if !self.running.iter().any(|running| running.face.ptr_eq(&face)) {
                self.running.push(Running { face, unread: 0 });
            }
        }
        self.turn();
    }

    fn wake_at(&self) -> Option<Instant> {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
    }
}

/// A clock that nobody turns any more must not be believed.
impl Drop for Runner {
    fn drop(&mut self) {
        for face in self.running.iter().filter_map(|running| running.face.upgrade()) {
            face.set(0.0);
        }
    }
}

fn epoch_millis() -> f64 {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0).floor()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn until(condition: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < end, "it did not come about");
            thread::yield_now();
        }
    }

    #[test]
    fn it_runs_while_it_is_read_stops_when_it_is_not_and_starts_again() {
        let face = Arc::new(Face::default());
        assert_eq!(face.read(), None);
        for _ in 0..2 {
            let before = epoch_millis();
            wake(&face).unwrap();
            assert!(face.read().is_some_and(|time| time >= before));
            until(|| face.read().is_some_and(|time| time > before + 50.0));
            // Looking at the word itself is no reading.
            until(|| face.words()[0].load(Ordering::Relaxed) == 0);
        }
    }

    #[test]
    fn a_runner_that_goes_away_leaves_no_clock_standing_at_a_time() {
        let face = Arc::new(Face::default());
        let mut runner = Runner::default();
        runner.handle(vec![Arc::downgrade(&face)]);
        assert!(face.read().is_some());
        drop(runner);
        assert_eq!(face.read(), None);
    }
}
