//! The changes a store knows.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    append, batches, changes,
    coming::ComingMessages,
    job::Write,
    keys, maintenance, message_count, orphans,
    prune::{self, Oldest, Pruned},
    save, sessions,
};
use crate::{
    error::Result,
    reply::Reply,
    storage::session::{Appended, Appendix, Encoded, Lines, SessionChanges, SessionImage},
};

impl Write {
    /// Stores a session in full; answers with its version.
    #[must_use]
    pub fn save_session(image: SessionImage, reply: Reply<i64>) -> Self {
        Self::new(image.size(), reply, move |connection| save::save(connection, &image))
    }

    /// Stores a session in full while its messages are still coming; answers with its version, or with none where they did
    /// not come in time: then nothing is stored, and [`ComingMessages::complete`] says so as well.
    #[must_use]
    pub fn save_coming(image: SessionImage, messages: Arc<ComingMessages>, reply: Reply<Option<i64>>) -> Self {
        let seen = Arc::clone(&messages);
        let tag = reply.tag();
        let reply = Reply::new(move |outcome: Result<i64>| {
            let too_late = outcome.is_err() && seen.given_up();
            if !too_late {
                seen.end();
            }
            reply.send(if too_late { Ok(None) } else { outcome.map(Some) });
        });
        Self::coming(image, messages, reply.tagged(tag), false)
    }

    /// Stores a session in full whose messages have all come, too late for the first time.
    #[must_use]
    pub fn save_come(image: SessionImage, messages: Arc<ComingMessages>, reply: Reply<i64>) -> Self {
        let seen = Arc::clone(&messages);
        let tag = reply.tag();
        let reply = Reply::new(move |outcome: Result<i64>| {
            seen.end();
            reply.send(outcome);
        });
        Self::coming(image, messages, reply.tagged(tag), true)
    }

    fn coming(image: SessionImage, messages: Arc<ComingMessages>, reply: Reply<i64>, only_complete: bool) -> Self {
        let (size, holder) = (image.size() + messages.size(), Arc::clone(&messages));
        Self::new(size, reply, move |connection| save::save_coming(connection, &image, &messages, only_complete))
            .of_coming(holder)
    }

    /// Stores what changed of a session; answers with its version, or with none where the changes are those of another
    /// state than the one that is stored.
    #[must_use]
    pub fn save_changes(changes: SessionChanges, reply: Reply<Option<i64>>) -> Self {
        Self::new(changes.size(), reply, move |connection| changes::apply(connection, &changes))
    }

    /// Puts messages at the end of a session.
    #[must_use]
    pub fn append_messages(appendix: Appendix, reply: Reply<Appended>) -> Self {
        let size = appendix.id.len() + appendix.messages.size();
        Self::new(size, reply, move |connection| append::append(connection, &appendix))
    }

    /// Stores sessions in full, all or none.
    #[must_use]
    pub fn save_sessions(images: Vec<SessionImage>, reply: Reply<()>) -> Self {
        let size = images.iter().map(SessionImage::size).sum();
        Self::new(size, reply, move |connection| batches::save_sessions(connection, &images))
    }

    /// Removes sessions; answers how many were there.
    #[must_use]
    pub fn delete_sessions(ids: Vec<String>, reply: Reply<i64>) -> Self {
        Self::new(text_size(&ids), reply, move |connection| batches::delete_sessions(connection, &ids)).freeing()
    }

    /// Removes a session; answers whether it was there.
    #[must_use]
    pub fn delete_session(id: String, reply: Reply<bool>) -> Self {
        Self::new(id.len(), reply, move |connection| sessions::delete(connection, &id)).freeing()
    }

    /// Sets a key, with its end in milliseconds since the epoch.
    #[must_use]
    pub fn set_key(key: String, value: Encoded, expires_at: Option<i64>, reply: Reply<()>) -> Self {
        let size = key.len() + value.size();
        Self::new(size, reply, move |connection| {
            keys::set(connection, &key, &value.text, value.types.as_deref(), expires_at)
        })
        .ending(expires_at)
    }

    /// Sets keys, all with the same end, all or none.
    #[must_use]
    pub fn set_keys(keys: Vec<String>, values: Lines, expires_at: Option<i64>, reply: Reply<()>) -> Self {
        let size = text_size(&keys) + values.size();
        Self::new(size, reply, move |connection| batches::set_keys(connection, &keys, &values, expires_at))
            .ending(expires_at)
    }

    /// Removes keys; answers how many had a value that had not expired at `now`.
    #[must_use]
    pub fn delete_keys(keys: Vec<String>, now: i64, reply: Reply<i64>) -> Self {
        Self::new(text_size(&keys), reply, move |connection| batches::delete_keys(connection, &keys, now)).freeing()
    }

    /// Removes a key; answers whether it had a value that had not expired at `now`.
    #[must_use]
    pub fn delete_key(key: String, now: i64, reply: Reply<bool>) -> Self {
        Self::new(key.len(), reply, move |connection| keys::delete(connection, &key, now)).freeing()
    }

    /// Removes sessions last updated before then, in milliseconds since the epoch; at the most `limit`, the oldest first.
    #[must_use]
    pub fn prune(updated_before: i64, limit: usize, reply: Reply<Pruned>) -> Self {
        let found = Arc::new(Mutex::new(Ok(Oldest::default())));
        let seen = Arc::clone(&found);
        let look = move |connection: &_, part: usize| {
            let limit = (limit / part).max(1);
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = prune::oldest(connection, updated_before, limit);
        };
        Self::new(0, reply, move |connection| {
            prune::prune(connection, updated_before, found.lock().unwrap_or_else(PoisonError::into_inner).clone()?)
        })
        .looking(look)
        .freeing()
    }

    /// Removes some of the messages that a session which is gone has left under its number.
    #[must_use]
    pub fn remove_orphans(number: i64, reply: Reply<Pruned>) -> Self {
        let part = Arc::new(AtomicUsize::new(1));
        let seen = Arc::clone(&part);
        Self::new(0, reply, move |connection| orphans::remove(connection, number, part.load(Ordering::Relaxed)))
            .looking(move |_, part| seen.store(part, Ordering::Relaxed))
            .freeing()
    }

    /// Counts anew how many messages the sessions say that they have.
    #[must_use]
    pub fn count_messages(reply: Reply<()>) -> Self {
        Self::new(0, reply, message_count::renew)
    }

    /// Removes everything.
    #[must_use]
    pub fn clear(reply: Reply<()>) -> Self {
        Self::new(0, reply, maintenance::clear).freeing()
    }
}

fn text_size(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}
