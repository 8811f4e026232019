//! A question, whichever thread looks for its answer.

use std::cell::Cell;

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
    storage::sqlite::owed::{Change, Owed},
    worker::Room,
};

/// A question.
pub struct Read {
    question: Box<dyn Change>,
    tag: Option<Tag>,
}

impl Read {
    /// A question, answered from one view of the store. Where that turns out to be one that never came to be, it is asked
    /// again.
    pub(in crate::storage::sqlite) fn new<T: Send + 'static>(
        reply: Reply<T>,
        question: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let tag = reply.tag();
        Self { question: Box::new(Owed::new(question, reply)), tag }
    }

    /// A question that can be asked once only.
    pub(in crate::storage::sqlite) fn once<T: Send + 'static>(
        reply: Reply<T>,
        question: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let question = Cell::new(Some(question));
        Self::new(reply, move |connection| match question.take() {
            Some(question) => question(connection),
            None => Err(Error::Io { doing: "reading".into(), cause: "a write before it failed; ask again".into() }),
        })
    }

    /// Looks for the answer in the connection's view; why there is none.
    pub(in crate::storage::sqlite) fn ask(&mut self, connection: &Connection) -> Option<Error> {
        self.question.attempt(connection)
    }

    /// Looks and answers.
    pub(in crate::storage::sqlite) fn run(mut self, connection: &Connection) {
        self.ask(connection);
        self.answer();
    }

    /// Answers with what was found.
    pub(in crate::storage::sqlite) fn answer(self) {
        self.question.settle(None);
    }

    /// Answers without having looked.
    pub(in crate::storage::sqlite) fn refuse(self, error: Error) {
        self.question.refuse(error);
    }

    /// Has room in the queue until it is answered.
    pub(super) fn hold(&mut self, room: Room) {
        self.question.hold(room);
    }

    /// By what whoever asked knows it.
    pub(in crate::storage::sqlite) fn tag(&self) -> Option<Tag> {
        self.tag
    }
}
