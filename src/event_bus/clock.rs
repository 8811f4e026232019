//! Ticks in shared memory: while somebody reads them often, a thread counts them; when nobody does, it stops, and sleeps
//! until it is wanted again. To see that it is still the same tick costs one load, where asking the system for the time
//! costs forty nanoseconds.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    error::Result,
    worker::{Handler, Worker},
};

/// How long a tick lasts, as long as the thread gets its turn.
const TICK: Duration = Duration::from_millis(2);

/// The last tick, a power of two, after which they begin again: JavaScript compares small integers best.
const LAST: i32 = 1 << 29;

/// A clock that nobody reads for so many ticks stops.
const PATIENCE: u32 = 8;

const THREAD: &str = "smalltalk-clock";

/// Faces that may wait for the thread; each counts one.
const QUEUE: usize = 1 << 16;

/// What one environment reads: a tick, 0 while the clock stands; and whether somebody has read it.
pub trait Face: Send + Sync {
    /// Shows a tick.
    fn set(&self, tick: i32);
    /// Whether it was read since the last question.
    fn was_read(&self) -> bool;
    /// Shows that the clock stands, and lets go of what it was shown in: that is given anew when the clock is woken.
    fn stand(&self);
}

/// Ticks up to now, of all faces of the process.
static TICKS: AtomicI32 = AtomicI32::new(0);

/// Never 0; one that was seen does not come again for twelve days.
fn next_tick() -> i32 {
    (TICKS.fetch_add(1, Ordering::Relaxed) & (LAST - 1)) + 1
}

/// The thread, for all faces of the process; started with the first face that is woken.
static RUNNER: Mutex<Option<Worker<Weak<dyn Face>>>> = Mutex::new(None);

/// Starts the clock that this face shows. It runs at once.
///
/// # Errors
/// Where the system gives no thread, or the thread has panicked: then the clock stands.
pub fn wake(face: &Arc<dyn Face>) -> Result<()> {
    let mut runner = RUNNER.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = match runner.take() {
        Some(worker) => worker,
        None => Worker::start(THREAD, QUEUE, Runner::default())?,
    };
    let submitted = runner.insert(worker).submit(Arc::downgrade(face), 1);
    submitted.map_err(|(error, _)| error)?;
    face.set(next_tick());
    Ok(())
}

/// Turns the faces that are in use.
#[derive(Default)]
struct Runner {
    running: Vec<Running>,
    next: Option<Instant>,
}

struct Running {
    face: Weak<dyn Face>,
    unread: u32,
}

impl Runner {
    fn turn(&mut self) {
        let tick = next_tick();
        self.running.retain_mut(|running| {
            let Some(face) = running.face.upgrade() else { return false };
            running.unread = if face.was_read() { 0 } else { running.unread + 1 };
            let goes_on = running.unread < PATIENCE;
            if goes_on {
                face.set(tick);
            } else {
                face.stand();
            }
            goes_on
        });
        self.next = (!self.running.is_empty()).then(|| Instant::now() + TICK);
    }
}

impl Handler<Weak<dyn Face>> for Runner {
    fn handle(&mut self, batch: Vec<Weak<dyn Face>>) {
        for face in batch {
            if !self.running.iter().any(|running| running.face.ptr_eq(&face)) {
                self.running.push(Running { face, unread: 0 });
            }
        }
        self.turn();
    }

    /// An event has the time of its tick, and a tick that is late makes it older than it is.
    fn is_punctual(&self) -> bool {
        true
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
            face.stand();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use std::sync::atomic::AtomicBool;

    use super::*;

    #[derive(Default)]
    struct Words {
        tick: AtomicI32,
        /// How often it was shown one.
        shown: AtomicI32,
        read: AtomicBool,
    }

    impl Words {
        fn tick(&self) -> i32 {
            self.tick.load(Ordering::Relaxed)
        }

        fn read(&self) -> Option<i32> {
            self.read.store(true, Ordering::Relaxed);
            Some(self.tick()).filter(|tick| *tick != 0)
        }
    }

    impl Face for Words {
        fn set(&self, tick: i32) {
            self.tick.store(tick, Ordering::Relaxed);
            self.shown.fetch_add(i32::from(tick != 0), Ordering::Relaxed);
        }

        fn was_read(&self) -> bool {
            self.read.swap(false, Ordering::Relaxed)
        }

        fn stand(&self) {
            self.tick.store(0, Ordering::Relaxed);
        }
    }

    fn until(mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < end, "it did not come about");
            thread::yield_now();
        }
    }

    #[test]
    fn it_runs_while_it_is_read_stops_when_it_is_not_and_starts_again() {
        let face = Arc::new(Words::default());
        assert_eq!(face.read(), None);
        for _ in 0..2 {
            let mut first = None;
            until(|| {
                let tick = face.read();
                if tick.is_none() {
                    // Once more where this thread did not get its turn for so long that the clock has stopped.
                    let shown = face.shown.load(Ordering::Relaxed);
                    wake(&(Arc::clone(&face) as Arc<dyn Face>)).unwrap();
                    assert_ne!(face.shown.load(Ordering::Relaxed), shown, "it runs at once");
                    first = face.read();
                }
                tick.is_some() && first.is_some() && tick != first
            });
            // Looking at the word itself is no reading.
            until(|| face.tick() == 0);
        }
    }

    #[test]
    fn a_runner_that_goes_away_leaves_no_clock_standing_at_a_time() {
        let face = Arc::new(Words::default());
        let mut runner = Runner::default();
        let shown: Arc<dyn Face> = face.clone();
        runner.handle(vec![Arc::downgrade(&shown)]);
        assert!(face.read().is_some());
        drop(runner);
        assert_eq!(face.read(), None);
    }
}
