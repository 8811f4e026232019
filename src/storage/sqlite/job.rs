//! What the threads of a store are asked to do.

use rusqlite::Connection;

use super::{keys, maintenance, sessions};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
    storage::session::{Encoded, SessionFilter, SessionImage, Stats, StoredSession},
};

/// A change, answered after the commit that holds it.
pub enum Write {
    /// Stores a session; answers with its version.
    SaveSession(Box<SessionImage>, Reply<i64>),
    /// Removes a session.
    DeleteSession(String, Reply<bool>),
    /// Sets a key, with its end in milliseconds since the epoch.
    SetKey(String, Encoded, Option<i64>, Reply<()>),
    /// Removes a key that has not expired at the given time.
    DeleteKey(String, i64, Reply<bool>),
    /// Removes everything.
    Clear(Reply<()>),
}

/// A question.
pub enum Read {
    /// A whole session.
    Session(String, Reply<Option<StoredSession>>),
    /// The ids of sessions.
    List(Box<SessionFilter>, Reply<Vec<String>>),
    /// A value at a time.
    Key(String, i64, Reply<Option<Encoded>>),
    /// Whether a key has a value at a time.
    HasKey(String, i64, Reply<bool>),
    /// What there is at a time.
    Stats(i64, Reply<Stats>),
}

/// What the writer thread takes: changes, and questions that must see the changes queued before them.
pub enum Job {
    /// Opens the connection; the first job of every store.
    Open(Reply<()>),
    /// A change and how durable it shall be.
    Write(Write, Durability),
    /// A question.
    Read(Read),
}

/// The answer to a job, kept back until its fate is known: `None` is a commit.
pub type Verdict = Box<dyn FnOnce(Option<&Error>) + Send>;

fn verdict<T: 'static + Send>(reply: Reply<T>, outcome: Result<T>) -> Verdict {
    Box::new(move |failed| {
        reply.send(match failed {
            None => outcome,
            Some(error) => outcome.and_then(|_| Err(error.clone())),
        });
    })
}

impl Write {
    /// Does the change within the transaction that is open. The flag tells whether it failed.
    pub fn run(self, connection: &Connection) -> (bool, Verdict) {
        match self {
            Self::SaveSession(image, reply) => done(reply, sessions::save(connection, &image)),
            Self::DeleteSession(id, reply) => done(reply, sessions::delete(connection, &id)),
            Self::SetKey(key, value, expires_at, reply) => done(reply, keys::set(connection, &key, &value, expires_at)),
            Self::DeleteKey(key, now, reply) => done(reply, keys::delete(connection, &key, now)),
            Self::Clear(reply) => done(reply, maintenance::clear(connection)),
        }
    }

    /// Answers without having done anything.
    pub fn refuse(self, error: Error) {
        match self {
            Self::SaveSession(_, reply) => reply.send(Err(error)),
            Self::DeleteSession(_, reply) | Self::DeleteKey(_, _, reply) => reply.send(Err(error)),
            Self::SetKey(_, _, _, reply) | Self::Clear(reply) => reply.send(Err(error)),
        }
    }

    /// About as many bytes as it takes in the queue.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::SaveSession(image, _) => image.size(),
            Self::SetKey(key, value, _, _) => key.len() + value.text.len() + 128,
            Self::DeleteSession(id, _) | Self::DeleteKey(id, _, _) => id.len() + 128,
            Self::Clear(_) => 128,
        }
    }
}

fn done<T: 'static + Send>(reply: Reply<T>, outcome: Result<T>) -> (bool, Verdict) {
    (outcome.is_err(), verdict(reply, outcome))
}

impl Read {
    /// Answers from the connection's view.
    pub fn run(self, connection: &Connection) -> Verdict {
        match self {
            Self::Session(id, reply) => verdict(reply, sessions::get(connection, &id)),
            Self::List(filter, reply) => verdict(reply, sessions::list(connection, &filter)),
            Self::Key(key, now, reply) => verdict(reply, keys::get(connection, &key, now)),
            Self::HasKey(key, now, reply) => verdict(reply, keys::has(connection, &key, now)),
            Self::Stats(now, reply) => verdict(reply, maintenance::stats(connection, now)),
        }
    }

    /// Answers without having looked.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Session(_, reply) => reply.send(Err(error)),
            Self::List(_, reply) => reply.send(Err(error)),
            Self::Key(_, _, reply) => reply.send(Err(error)),
            Self::HasKey(_, _, reply) => reply.send(Err(error)),
            Self::Stats(_, reply) => reply.send(Err(error)),
        }
    }
}

impl Job {
    /// Answers without having done anything.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Open(reply) => reply.send(Err(error)),
            Self::Write(write, _) => write.refuse(error),
            Self::Read(read) => read.refuse(error),
        }
    }
}
