//! The answer that a job owes. A job that is dropped unanswered, because its thread panicked or went away, answers with
//! an error by itself: whoever waits is never left waiting.

use crate::error::{Error, Result};

/// By what whoever waits for a reply knows it; no two in the process have the same.
pub type Tag = u64;

/// Answers one job, once, from whichever thread did the work.
#[must_use = "a reply that is dropped answers with an error"]
pub struct Reply<T> {
    answer: Option<Box<dyn FnOnce(Result<T>) + Send>>,
    tag: Option<Tag>,
}

impl<T> Reply<T> {
    /// A reply that hands the outcome to `answer`.
    pub fn new(answer: impl FnOnce(Result<T>) + Send + 'static) -> Self {
        Self { answer: Some(Box::new(answer)), tag: None }
    }

    /// The same reply, known to whoever waits for it by `tag`.
    pub fn tagged(mut self, tag: Option<Tag>) -> Self {
        self.tag = tag;
        self
    }

    /// By what whoever waits knows it.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// A reply to wait for on this thread; for tests and for the way out of the process.
    pub fn channel() -> (Self, crossbeam_channel::Receiver<Result<T>>)
    where
        T: Send + 'static,
    {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let reply = Self::new(move |outcome| {
            // Nobody waits any more: nothing to tell.
            let _ = sender.send(outcome);
        });
        (reply, receiver)
    }

    /// Gives the outcome.
    pub fn send(mut self, outcome: Result<T>) {
        if let Some(answer) = self.answer.take() {
            answer(outcome);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer(Err(Error::Panic { room: "worker", message: "the job was dropped before it was answered".into() }));
        }
    }
}
