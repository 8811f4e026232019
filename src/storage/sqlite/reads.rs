//! The questions a store answers.

use std::sync::Arc;

use super::{
    job::Read,
    keys::{self, KeyEnd},
    maintenance,
    pages::{self, KeyFilter, LastSession, SessionPage},
    parts::{self, Part, SessionInfo},
    reading::{self, Piece, SessionHead, SessionReading},
    sessions,
    snapshot::snapshot,
};
use crate::{
    error::Result,
    reply::Reply,
    storage::session::{Encoded, SessionFilter, Stats, StoredSession},
};

impl Read {
    /// A whole session.
    #[must_use]
    pub fn session(id: String, reply: Reply<Option<StoredSession>>) -> Self {
        Self::new(reply, move |connection| sessions::get(connection, &id))
    }

    /// A session in pieces: its messages go into `reading`, its row is the answer.
    #[must_use]
    pub fn session_in_pieces(id: String, reading: Arc<SessionReading>, reply: Reply<Option<SessionHead>>) -> Self {
        Self::new(releasing(&reading, reply), move |connection| reading::read(connection, &id, &reading))
    }

    /// A part of a session's messages in pieces: the last one is the answer, those before it go into `reading`.
    #[must_use]
    pub fn messages(id: String, part: Part, reading: Arc<SessionReading>, reply: Reply<Option<Piece>>) -> Self {
        Self::new(releasing(&reading, reply), move |connection| parts::messages(connection, &id, part, &reading))
    }

    /// What is to know about a session without its messages.
    #[must_use]
    pub fn session_info(id: String, reply: Reply<Option<SessionInfo>>) -> Self {
        Self::new(reply, move |connection| parts::info(connection, &id))
    }

    /// The versions of several sessions at one moment, in the order of their ids.
    #[must_use]
    pub fn session_versions(ids: Vec<String>, reply: Reply<Vec<Option<i64>>>) -> Self {
        Self::new(reply, move |connection| parts::versions(connection, &ids))
    }

    /// The ids of sessions.
    #[must_use]
    pub fn list(filter: SessionFilter, reply: Reply<Vec<String>>) -> Self {
        Self::new(reply, move |connection| pages::sessions(connection, &filter, None).map(|page| page.ids))
    }

    /// The ids of sessions behind another one in the filter's order.
    #[must_use]
    pub fn session_page(filter: SessionFilter, after: Option<LastSession>, reply: Reply<SessionPage>) -> Self {
        Self::new(reply, move |connection| pages::sessions(connection, &filter, after.clone()))
    }

    /// Keys in order.
    #[must_use]
    pub fn key_page(filter: KeyFilter, reply: Reply<Vec<String>>) -> Self {
        Self::new(reply, move |connection| pages::keys(connection, filter.clone()))
    }

    /// A value at a time, in milliseconds since the epoch.
    #[must_use]
    pub fn key(key: String, now: i64, reply: Reply<Option<Encoded>>) -> Self {
        Self::new(reply, move |connection| keys::get(connection, &key, now))
    }

    /// Several values at a time, in the order of their keys.
    #[must_use]
    pub fn keys(names: Vec<String>, now: i64, reply: Reply<Vec<Option<Encoded>>>) -> Self {
        Self::new(reply, move |connection| {
            snapshot(connection, || names.iter().map(|key| keys::get(connection, key, now)).collect())
        })
    }

    /// Whether a key has a value at a time.
    #[must_use]
    pub fn has_key(key: String, now: i64, reply: Reply<bool>) -> Self {
        Self::new(reply, move |connection| keys::has(connection, &key, now))
    }

    /// When a key ends that has a value at a time.
    #[must_use]
    pub fn key_end(key: String, now: i64, reply: Reply<Option<KeyEnd>>) -> Self {
        Self::new(reply, move |connection| keys::end(connection, &key, now))
    }

    /// What there is at a time.
    #[must_use]
    pub fn stats(now: i64, reply: Reply<Stats>) -> Self {
        Self::new(reply, move |connection| maintenance::stats(connection, now))
    }
}

/// The same reply, before which the pieces are handed on that were kept back.
fn releasing<T: 'static>(reading: &Arc<SessionReading>, reply: Reply<T>) -> Reply<T> {
    let (tag, reading) = (reply.tag(), Arc::clone(reading));
    let releasing = Reply::new(move |outcome: Result<T>| {
        reading.release();
        reply.send(outcome);
    });
    releasing.tagged(tag)
}
