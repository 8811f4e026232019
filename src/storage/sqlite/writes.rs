//! The changes a store knows.

use super::{job::Write, keys, maintenance, save, sessions};
use crate::{
    reply::Reply,
    storage::session::{Encoded, SessionImage},
};

impl Write {
    /// Stores a session in full; answers with its version.
    #[must_use]
    pub fn save_session(image: SessionImage, reply: Reply<i64>) -> Self {
        Self::new(image.size(), reply, move |connection| save::save(connection, &image))
    }

    /// Removes a session; answers whether it was there.
    #[must_use]
    pub fn delete_session(id: String, reply: Reply<bool>) -> Self {
        Self::new(id.len(), reply, move |connection| sessions::delete(connection, &id))
    }

    /// Sets a key, with its end in milliseconds since the epoch.
    #[must_use]
    pub fn set_key(key: String, value: Encoded, expires_at: Option<i64>, reply: Reply<()>) -> Self {
        let size = key.len() + value.size();
        Self::new(size, reply, move |connection| keys::set(connection, &key, &value, expires_at))
    }

    /// Removes a key; answers whether it had a value that had not expired at `now`.
    #[must_use]
    pub fn delete_key(key: String, now: i64, reply: Reply<bool>) -> Self {
        Self::new(key.len(), reply, move |connection| keys::delete(connection, &key, now))
    }

    /// Removes everything.
    #[must_use]
    pub fn clear(reply: Reply<()>) -> Self {
        Self::new(0, reply, maintenance::clear)
    }
}
