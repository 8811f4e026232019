//! Work that a batch does, and the answer that it owes: kept back until the fate of the batch is known.

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    reply::Reply,
    worker::Room,
};

/// The answer to a job: `None` is a commit.
pub type Verdict = Box<dyn FnOnce(Option<&Error>) + Send>;

fn settle<T>(reply: Reply<T>, outcome: Result<T>, fate: Option<&Error>) {
    reply.send(match fate {
        None => outcome,
        Some(error) => outcome.and_then(|_| Err(error.clone())),
    });
}

/// A change or a question as its batch sees it. What was taken back may be tried again.
pub trait Change: Send {
    /// Does it; why it failed.
    fn attempt(&mut self, connection: &Connection) -> Option<Error>;

    /// Does not do it, as something else has failed.
    fn skip(&mut self, error: Error);

    /// Answers with the outcome of the last attempt.
    fn settle(self: Box<Self>, fate: Option<&Error>);

    /// Answers without an attempt.
    fn refuse(self: Box<Self>, error: Error);

    /// Has room in the queue until it answers.
    fn hold(&mut self, room: Room);
}

/// Work, and the reply that is owed for it.
pub struct Owed<T, F> {
    /// Before the reply: whoever has the answer may count on it.
    room: Option<Room>,
    change: F,
    outcome: Result<T>,
    reply: Reply<T>,
}

impl<T, F> Owed<T, F> {
    /// Work that has not been tried yet.
    pub fn new(change: F, reply: Reply<T>) -> Self {
        Self { room: None, change, outcome: Err(Error::Closed("the store")), reply }
    }
}

impl<T: Send, F: Fn(&Connection) -> Result<T> + Send> Change for Owed<T, F> {
    fn attempt(&mut self, connection: &Connection) -> Option<Error> {
        self.outcome = (self.change)(connection);
        self.outcome.as_ref().err().cloned()
    }

    fn skip(&mut self, error: Error) {
        self.outcome = Err(error);
    }

    fn settle(self: Box<Self>, fate: Option<&Error>) {
        drop(self.room);
        settle(self.reply, self.outcome, fate);
    }

    fn refuse(self: Box<Self>, error: Error) {
        drop(self.room);
        self.reply.send(Err(error));
    }

    fn hold(&mut self, room: Room) {
        self.room = Some(room);
    }
}
