//! What the threads of a store are asked to do: work and the reply it owes, whatever the kind of the answer.

mod read;
mod write;

use rusqlite::Connection;

pub use self::{read::Read, write::Write};
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
    /// On the way out of the process: that what was acknowledged without a sync gets to the disk.
    Sync,
}

impl Job {
    /// By what whoever asked knows it.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Step(Step::Write(write, _)) => write.tag(),
            Self::Step(Step::Read(read)) => read.tag(),
            Self::Open(_) | Self::Chore(_) | Self::Sync => None,
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
            Self::Step(Step::Read(read)) => read.hold(room),
            // They take none.
            Self::Open(_) | Self::Chore(_) | Self::Sync => drop(room),
        }
    }

    /// Answers without having done anything.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Open(reply) => reply.send(Err(error)),
            Self::Step(step) => step.refuse(error),
            Self::Chore(chore) => chore.refuse(error),
            Self::Sync => {}
        }
    }
}
