//! What the threads of a store are asked to do: work and the reply it owes, whatever the kind of the answer.

use std::{cell::Cell, sync::Arc};

use rusqlite::Connection;

use super::{
    coming::ComingMessages,
    owed::{Change, Owed, Verdict},
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::{Reply, Tag},
    worker::Room,
};

/// Work that is done once, with a connection or with the reason why there is none; why it failed.
type Task = Box<dyn FnOnce(Result<&Connection>) -> Result<()> + Send>;

fn task<T: Send + 'static>(reply: Reply<T>, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Task {
    Box::new(move |connection| {
        let outcome = connection.and_then(work);
        let did = outcome.as_ref().map(drop).map_err(Clone::clone);
        reply.send(outcome);
        did
    })
}

/// A change, answered after the commit that holds it.
pub struct Write {
    change: Box<dyn Change>,
    size: usize,
    end: Option<i64>,
    frees: bool,
    tag: Option<Tag>,
    look: Option<Look>,
    /// How often the change was made less.
    lessened: usize,
    /// Those who have the room for the change, as they will need more.
    coming: Option<Arc<ComingMessages>>,
}

/// Finding out before the transaction what a change will need: there, damage that is met ends nothing. It is to find no
/// more than this part of what it could.
type Look = Box<dyn Fn(&Connection, usize) + Send>;

/// What a change that looks takes on at once, and how much less of it on a full disk: then some dozens of pages have to do.
const PARTS: [usize; 3] = [1, 64, 512];

impl Write {
    /// A change that takes about `size` bytes in the queue. Where it fails, nothing of it is written; where another one of
    /// its batch does, it may be run a second time, on the state that it found the first time.
    pub(super) fn new<T: Send + 'static>(
        size: usize,
        reply: Reply<T>,
        change: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let tag = reply.tag();
        let change = Box::new(Owed::new(change, reply));
        Self { change, size: size + WRITE_SIZE, end: None, frees: false, tag, look: None, lessened: 0, coming: None }
    }

    /// The change removes more than it writes: it is done on a full disk as well, if there is any way to.
    pub(super) fn freeing(self) -> Self {
        Self { frees: true, ..self }
    }

    /// The change wants to look before the transaction, and takes on as much as it finds.
    pub(super) fn looking(self, look: impl Fn(&Connection, usize) + Send + 'static) -> Self {
        Self { look: Some(Box::new(look)), ..self }
    }

    /// Whether the change looks before the transaction: what was asked for before it has to be there by then.
    pub(super) fn looks(&self) -> bool {
        self.look.is_some()
    }

    /// Lets the change look.
    pub(super) fn look(&self, connection: &Connection) {
        if let Some(look) = &self.look {
            look(connection, PARTS.get(self.lessened).copied().unwrap_or(1));
        }
    }

    /// Has a change that looks take on less at once; whether it could be still less.
    pub(super) fn lessen(&mut self) -> bool {
        if self.looks() && self.lessened + 1 < PARTS.len() {
            self.lessened += 1;
        }
        self.looks() && self.lessened + 1 < PARTS.len()
    }

    /// Whether the change removes more than it writes.
    pub(super) fn frees(&self) -> bool {
        self.frees
    }

    /// The change needs room for what comes.
    pub(super) fn of_coming(self, coming: Arc<ComingMessages>) -> Self {
        Self { coming: Some(coming), ..self }
    }

    fn has_room(&self) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.has_room())
    }

    fn hold(&mut self, room: Room) {
        match &self.coming {
            Some(coming) => coming.hold(room),
            None => self.change.hold(room),
        }
    }

    /// The change sets a key that ends then, in milliseconds since the epoch.
    pub(super) fn ending(self, end: Option<i64>) -> Self {
        Self { end, ..self }
    }

    /// When a key ends that the change sets.
    pub(super) fn end(&self) -> Option<i64> {
        self.end
    }

    /// Does the change within the transaction that is open; why it failed.
    pub(super) fn attempt(&mut self, connection: &Connection) -> Option<Error> {
        self.change.attempt(connection)
    }

    /// Does not do the change, as something else has failed.
    pub(super) fn skip(&mut self, error: Error) {
        self.change.skip(error);
    }

    /// The answer that it owes after an attempt.
    pub(super) fn verdict(self) -> Verdict {
        Box::new(|fate| self.change.settle(fate))
    }

    /// Answers without having done anything.
    pub(super) fn refuse(self, error: Error) {
        self.change.refuse(error);
    }

    /// About as many bytes as it takes in the queue.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// What a change counts in the queue beside its texts.
const WRITE_SIZE: usize = 128;

/// A question.
pub struct Read {
    question: Box<dyn Change>,
    tag: Option<Tag>,
}

impl Read {
    /// A question, answered from one view of the store. Where that turns out to be one that never came to be, it is asked
    /// again.
    pub(super) fn new<T: Send + 'static>(
        reply: Reply<T>,
        question: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let tag = reply.tag();
        Self { question: Box::new(Owed::new(question, reply)), tag }
    }

    /// A question that can be asked once only.
    pub(super) fn once<T: Send + 'static>(
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
    pub(super) fn ask(&mut self, connection: &Connection) -> Option<Error> {
        self.question.attempt(connection)
    }

    /// Looks and answers.
    pub(super) fn run(mut self, connection: &Connection) {
        self.ask(connection);
        self.answer();
    }

    /// Answers with what was found.
    pub(super) fn answer(self) {
        self.question.settle(None);
    }

    /// Answers without having looked.
    pub(super) fn refuse(self, error: Error) {
        self.question.refuse(error);
    }

    /// By what whoever asked knows it.
    pub(super) fn tag(&self) -> Option<Tag> {
        self.tag
    }
}

/// Work for the writer's connection that must stand outside of any transaction, such as giving pages back to the disk.
pub struct Chore(Task);

impl Chore {
    /// A chore, answered when it is done.
    pub(super) fn new<T: Send + 'static>(
        reply: Reply<T>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        Self(task(reply, work))
    }

    /// Does the work and answers.
    ///
    /// # Errors
    /// Those that it has answered with, as they may concern more than whoever asked.
    pub(super) fn run(self, connection: &Connection) -> Result<()> {
        (self.0)(Ok(connection))
    }

    /// Answers without having done anything.
    pub(super) fn refuse(self, error: Error) {
        let _ = (self.0)(Err(error));
    }
}

/// What shares a transaction with others.
pub enum Step {
    /// A change and how durable it shall be.
    Write(Write, Durability),
    /// A question that must see the changes queued before it.
    Read(Read),
}

impl Step {
    /// Has a change that looks take on less at once.
    pub fn lessen(&mut self) {
        if let Self::Write(write, _) = self {
            write.lessen();
        }
    }

    /// Whether it is a change that looks before its transaction.
    pub fn looks(&self) -> bool {
        matches!(self, Self::Write(write, _) if write.looks())
    }

    /// Answers without having done anything.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Write(write, _) => write.refuse(error),
            Self::Read(read) => read.refuse(error),
        }
    }
}

/// What the writer thread takes.
pub enum Job {
    /// Opens the connection; the first job of every store.
    Open(Reply<()>),
    /// Part of a transaction.
    Step(Step),
    /// Between two transactions.
    Chore(Chore),
}

impl Job {
    /// By what whoever asked knows it.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Step(Step::Write(write, _)) => write.tag,
            Self::Step(Step::Read(read)) => read.tag(),
            Self::Open(_) | Self::Chore(_) => None,
        }
    }

    /// Whether it has had its room since it was asked for before.
    #[must_use]
    pub fn has_room(&self) -> bool {
        matches!(self, Self::Step(Step::Write(write, _)) if write.has_room())
    }

    /// Has room in the queue until it is answered.
    pub fn hold(&mut self, room: Room) {
        match self {
            Self::Step(Step::Write(write, _)) => write.hold(room),
            Self::Step(Step::Read(read)) => read.question.hold(room),
            // They take none.
            Self::Open(_) | Self::Chore(_) => drop(room),
        }
    }

    /// Answers without having done anything.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Open(reply) => reply.send(Err(error)),
            Self::Step(step) => step.refuse(error),
            Self::Chore(chore) => chore.refuse(error),
        }
    }
}
