//! The questions a store answers.

use super::{job::Read, keys, maintenance, sessions};
use crate::{
    reply::Reply,
    storage::session::{Encoded, SessionFilter, Stats, StoredSession},
};

impl Read {
    /// A whole session.
    #[must_use]
    pub fn session(id: String, reply: Reply<Option<StoredSession>>) -> Self {
        Self::new(reply, move |connection| sessions::get(connection, &id))
    }

    /// The ids of sessions.
    #[must_use]
    pub fn list(filter: SessionFilter, reply: Reply<Vec<String>>) -> Self {
        Self::new(reply, move |connection| sessions::list(connection, &filter))
    }

    /// A value at a time, in milliseconds since the epoch.
    #[must_use]
    pub fn key(key: String, now: i64, reply: Reply<Option<Encoded>>) -> Self {
        Self::new(reply, move |connection| keys::get(connection, &key, now))
    }

    /// Whether a key has a value at a time.
    #[must_use]
    pub fn has_key(key: String, now: i64, reply: Reply<bool>) -> Self {
        Self::new(reply, move |connection| keys::has(connection, &key, now))
    }

    /// What there is at a time.
    #[must_use]
    pub fn stats(now: i64, reply: Reply<Stats>) -> Self {
        Self::new(reply, move |connection| maintenance::stats(connection, now))
    }
}
