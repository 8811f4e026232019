//! How answers get back to JavaScript: each opened object has one callback; answers that arrive while JavaScript is busy
//! are handed over together, in one crossing.

use std::{
    collections::HashSet,
    ptr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use napi::{
    bindgen_prelude::{Function, ToNapiValue},
    sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

use crate::{
    engine_text::EngineText,
    error::{Error, Result},
    reply::{Reply, Tag},
};

/// A value on its way to JavaScript.
pub enum Outcome {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    Texts(Vec<Option<String>>),
    /// Texts that were prepared on the thread that answers.
    EngineTexts(Vec<Option<EngineText>>),
    Failed(Error),
}

impl Outcome {
    /// A report as JSON.
    pub fn json(report: &impl serde::Serialize) -> Self {
        match serde_json::to_string(report) {
            Ok(text) => Self::Text(text),
            Err(cause) => Self::Failed(Error::Panic { room: "binding", message: cause.to_string() }),
        }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl From<bool> for Outcome {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Outcome>> From<Option<T>> for Outcome {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl From<Vec<Option<String>>> for Outcome {
    fn from(texts: Vec<Option<String>>) -> Self {
        Self::Texts(texts)
    }
}

/// An error on its way to JavaScript, which makes the class of it.
#[napi_derive::napi(object)]
#[derive(serde::Serialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub retryable: bool,
    /// The process that stands in the way.
    pub owner: Option<u32>,
    /// The version that was to be there; none where there was to be no session.
    pub expected: Option<f64>,
    /// The version that is there; none where there is no session.
    pub actual: Option<f64>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (expected, actual) = error.versions();
        #[expect(clippy::cast_precision_loss, reason = "versions stay far below 2^53")]
        let number = |version: Option<i64>| version.map(|version| version as f64);
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            retryable: error.retryable(),
            owner: error.owner(),
            expected: number(expected),
            actual: number(actual),
        }
    }
}

/// What JavaScript gets: `[slot, failed, value, slot, failed, value, …]`.
pub struct Batch(Vec<(u32, Outcome)>);

impl ToNapiValue for Batch {
    unsafe fn to_napi_value(env: sys::napi_env, batch: Self) -> napi::Result<sys::napi_value> {
        let mut flat: Vec<sys::napi_value> = Vec::with_capacity(batch.0.len() * 3);
        for (slot, outcome) in batch.0 {
            // SAFETY: called by napi on the thread of `env`, which is what these conversions ask for.
            unsafe {
                let (failed, value) = answer(env, outcome)?;
                flat.push(u32::to_napi_value(env, slot)?);
                flat.push(bool::to_napi_value(env, failed)?);
                flat.push(value);
            }
        }
        let mut array = ptr::null_mut();
        // SAFETY: `env` is live for the whole callback, and every element was made in it.
        unsafe {
            napi::check_status!(sys::napi_create_array_with_length(env, flat.len(), &raw mut array))?;
            for (index, value) in (0u32..).zip(flat) {
                napi::check_status!(sys::napi_set_element(env, array, index, value))?;
            }
        }
        Ok(array)
    }
}

/// An outcome as JavaScript takes it, and whether it is a failure. One that the engine refuses, as it does a text beyond its
/// longest, is a failure of that one: the answers beside it are others'.
///
/// # Safety
/// On the thread of `env`.
unsafe fn answer(env: sys::napi_env, outcome: Outcome) -> napi::Result<(bool, sys::napi_value)> {
    let failed = matches!(outcome, Outcome::Failed(_));
    let size = outcome.size();
    // SAFETY: as above.
    unsafe {
        let value = Outcome::to_napi_value(env, outcome);
        if failed || value.is_ok() {
            return Ok((failed, value?));
        }
        let mut exception = ptr::null_mut();
        // With one pending nothing else could be made.
        sys::napi_get_and_clear_last_exception(env, &raw mut exception);
        let failure = Outcome::Failed(Error::ValueTooLarge { size, limit: LONGEST_TEXT });
        Ok((true, Outcome::to_napi_value(env, failure)?))
    }
}

/// What the engine takes as one text, in characters.
const LONGEST_TEXT: usize = (1 << 29) - 24;

impl Outcome {
    /// Of its texts together, in bytes or units.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Texts(texts) => texts.iter().flatten().map(String::len).sum(),
            Self::EngineTexts(texts) => texts.iter().flatten().map(EngineText::len).sum(),
            Self::Nothing | Self::Flag(_) | Self::Number(_) | Self::Failed(_) => 0,
        }
    }
}

impl ToNapiValue for Outcome {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: each conversion below is napi's own, on the thread of `env`.
        unsafe {
            match outcome {
                Self::Nothing => napi::bindgen_prelude::Null::to_napi_value(env, napi::bindgen_prelude::Null),
                Self::Flag(flag) => bool::to_napi_value(env, flag),
                Self::Number(number) => f64::to_napi_value(env, number),
                Self::Text(text) => String::to_napi_value(env, text),
                Self::Texts(texts) => <Vec<Option<String>>>::to_napi_value(env, texts),
                Self::EngineTexts(texts) => <Vec<Option<EngineText>>>::to_napi_value(env, texts),
                Self::Failed(error) => Failure::to_napi_value(env, error.into()),
            }
        }
    }
}

/// The JavaScript side of it.
pub type Settle<'env> = Function<'env, Batch, ()>;

type Callback = ThreadsafeFunction<(), (), Batch, napi::Status, false, true>;

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
}

#[derive(Default)]
struct Answers {
    given: Vec<(u32, Outcome)>,
    /// JavaScript is waiting for them here: there is no need to call it.
    watched: bool,
}

impl Waiting {
    /// Adds one. Whether JavaScript has to be called for it.
    fn push(&self, slot: u32, outcome: Outcome) -> bool {
        let mut answers = lock(&self.answers);
        let call = answers.given.is_empty() && !answers.watched;
        answers.given.push((slot, outcome));
        self.some.store(true, Ordering::Release);
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
        while !self.some.load(Ordering::Acquire) && begun.elapsed() < limit {
            std::thread::yield_now();
        }
        self.take()
    }
}

impl Completions {
    /// Takes the face's callback.
    pub fn new(settle: &Settle<'_>) -> napi::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let source = Arc::clone(&waiting);
        let callback = settle
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .callee_handled::<false>()
            .build_callback(move |_| Ok(source.take()))?;
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

    /// Waits for an answer without sleeping, and gives what there is, which may be nothing. For answers that come sooner
    /// than a thread can be woken.
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
            // A closing environment takes no more calls; there is nobody left to tell.
            let _ = callback.call((), ThreadsafeFunctionCallMode::NonBlocking);
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
