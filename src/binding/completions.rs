//! How answers get back to JavaScript: each opened object has one callback; answers that arrive while JavaScript is busy
//! are handed over together, in one crossing.

use std::{
    collections::HashSet,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use napi::bindgen_prelude::Function;

use super::{
    callback::Callback,
    outcome::{Batch, Outcome},
};
use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
};

/// The JavaScript side of it.
pub type Settle<'env> = Function<'env, Batch, ()>;

/// So long whoever waits stays awake: then nothing will come sooner than a thread can be woken.
const AWAKE: Duration = Duration::from_millis(1);

/// So many objects have been opened.
static OBJECTS: AtomicU32 = AtomicU32::new(0);

/// The answers of one opened object. Its callback never keeps the process alive: the face holds the loop open while
/// something is pending.
#[derive(Clone)]
pub struct Completions {
    shared: Arc<Shared>,
}

struct Shared {
    /// Tells its slots from those of other objects, which may share a thread with this one.
    number: u32,
    waiting: Arc<Waiting>,
    /// Absent once the object is closed and the last answer has been given.
    callback: Mutex<Option<Callback>>,
    /// Answers that are owed.
    owed: AtomicUsize,
    ending: AtomicBool,
}

/// Answers that JavaScript has not taken yet.
#[derive(Default)]
struct Waiting {
    answers: Mutex<Answers>,
    /// Whether there are any, for who looks again and again.
    some: AtomicBool,
    /// Wakes who sleeps until there are.
    come: Condvar,
}

#[derive(Default)]
struct Answers {
    given: Vec<(u32, Outcome)>,
    /// JavaScript is waiting for them here: there is no need to call it.
    watched: bool,
    /// It has been waiting for so long that it sleeps.
    asleep: bool,
}

impl Waiting {
    /// Adds one. Whether JavaScript has to be called for it.
    fn push(&self, slot: u32, outcome: Outcome) -> bool {
        let mut answers = lock(&self.answers);
        let call = answers.given.is_empty() && !answers.watched;
        answers.given.push((slot, outcome));
        self.some.store(true, Ordering::Release);
        if answers.asleep {
            self.come.notify_one();
        }
        call
    }

    fn take(&self) -> Batch {
        let mut answers = lock(&self.answers);
        answers.watched = false;
        self.some.store(false, Ordering::Release);
        Batch(std::mem::take(&mut answers.given))
    }

    fn watch(&self, limit: Duration) -> Batch {
        lock(&self.answers).watched = true;
        let begun = Instant::now();
        // Whoever is to answer may be waiting for this very core.
        while !self.some.load(Ordering::Acquire) && begun.elapsed() < limit.min(AWAKE) {
            std::thread::yield_now();
        }
        if let Some(rest) = limit.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) {
            self.sleep(rest);
        }
        self.take()
    }

    fn sleep(&self, limit: Duration) {
        let mut answers = lock(&self.answers);
        answers.asleep = true;
        let woken = self.come.wait_timeout_while(answers, limit, |answers| answers.given.is_empty());
        woken.unwrap_or_else(PoisonError::into_inner).0.asleep = false;
    }
}

impl Completions {
    /// Takes the face's callback.
    pub fn new(settle: &Settle<'_>) -> napi::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let source = Arc::clone(&waiting);
        let callback = Callback::new(settle, move || source.take())?;
        let shared = Shared {
            number: OBJECTS.fetch_add(1, Ordering::Relaxed),
            waiting,
            callback: Mutex::new(Some(callback)),
            owed: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The reply that settles the promise in `slot`.
    pub fn reply<T: Into<Outcome> + 'static>(&self, slot: u32) -> Reply<T> {
        let shared = Arc::clone(&self.shared);
        shared.owed.fetch_add(1, Ordering::AcqRel);
        Reply::new(move |outcome: Result<T>| {
            shared.post(slot, outcome.map_or_else(Outcome::Failed, Into::into));
            // In one order with `ending`, or each could miss what the other has written.
            if shared.owed.fetch_sub(1, Ordering::SeqCst) == 1 {
                shared.end_if_done();
            }
        })
        .tagged(Some(self.shared.tag(slot)))
    }

    /// By what the replies for these slots are known.
    #[must_use]
    pub fn tags(&self, slots: &[u32]) -> HashSet<Tag> {
        slots.iter().map(|slot| self.shared.tag(*slot)).collect()
    }

    /// Waits for an answer, awake at first, and gives what there is, which may be nothing. For answers that come sooner than a
    /// thread can be woken, and for the way out of the process.
    pub fn watch(&self, limit: Duration) -> Batch {
        self.shared.waiting.watch(limit)
    }

    /// Sends a value that answers no promise; the face knows its `slot` as a channel.
    pub fn notify(&self, slot: u32, value: Outcome) {
        self.shared.post(slot, value);
    }

    /// Whether an answer would still reach anybody: after the close there may be no callback any more.
    ///
    /// # Errors
    /// [`Error::Closed`] where it would not.
    pub fn check(&self, what: &'static str) -> Result<()> {
        if self.shared.ending.load(Ordering::Acquire) { Err(Error::Closed(what)) } else { Ok(()) }
    }

    /// The object is closing: the callback goes with the last answer that is owed, rather than with the garbage.
    pub fn end(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        if self.shared.owed.load(Ordering::SeqCst) == 0 {
            self.shared.end_if_done();
        }
    }
}

impl Shared {
    fn tag(&self, slot: u32) -> Tag {
        (Tag::from(self.number) << 32) | Tag::from(slot)
    }

    fn post(&self, slot: u32, outcome: Outcome) {
        if self.waiting.push(slot, outcome)
            && let Some(callback) = &*lock(&self.callback)
        {
            callback.call();
        }
    }

    /// What was posted is still delivered: the environment empties the queue of a callback that is let go of.
    fn end_if_done(&self) {
        if self.ending.load(Ordering::SeqCst) && self.owed.load(Ordering::SeqCst) == 0 {
            drop(lock(&self.callback).take());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
