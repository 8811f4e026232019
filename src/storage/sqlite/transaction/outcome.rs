//! What became of a batch: the answers that are owed, and who has to be answered still.

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    storage::sqlite::{
        failure::uncertain,
        job::{Read, Write},
        owed::Verdict,
    },
};

/// What became of a batch.
pub struct Outcome {
    /// The answers that are owed.
    verdicts: Vec<Verdict>,
    /// What kept the batch from being committed: everybody's error.
    failed: Option<Error>,
    /// Changes that would make room, where there was none: they are not answered yet.
    left: Vec<Write>,
}

impl Outcome {
    pub(super) fn of(connection: &Connection, done: Vec<Done>, failed: Option<Error>, leave: bool) -> Self {
        let mut outcome = Self { verdicts: Vec::with_capacity(done.len()), failed, left: Vec::new() };
        let full = leave && matches!(outcome.failed, Some(Error::Full { .. }));
        for done in done {
            match done {
                // It may have seen what is not to be.
                Done::Read(mut read) => {
                    if outcome.failed.is_some() {
                        read.ask(connection);
                    }
                    outcome.verdicts.push(Box::new(|_| read.answer()));
                }
                Done::Unread(read) => read.run(connection),
                Done::Write(write) if full && write.frees() => outcome.left.push(write),
                Done::Write(write) => outcome.verdicts.push(write.verdict()),
            }
        }
        outcome
    }

    /// All answers have been given already.
    pub(super) fn told(failed: Option<Error>) -> Self {
        Self { verdicts: Vec::new(), failed, left: Vec::new() }
    }

    /// Does what the answers depend on, unless the batch has failed anyhow.
    pub fn fail_unless(&mut self, done: impl FnOnce() -> Result<()>) {
        if self.failed.is_none()
            && let Err(error) = done()
        {
            self.failed = Some(uncertain(error));
        }
    }

    /// Gives the answers that are owed. What remains is the error of all, and who has to be answered still.
    pub fn tell(self) -> (Option<Error>, Vec<Write>) {
        for verdict in self.verdicts {
            verdict(self.failed.as_ref());
        }
        (self.failed, self.left)
    }
}

/// A member of a batch that has had its turn.
pub(super) enum Done {
    Read(Read),
    Write(Write),
    /// A question that did not get it, as the engine does nothing more in this transaction.
    Unread(Read),
}
