//! What readers find in the log of this process: its sessions, and why it is that some of them cannot be read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
};

use super::{
    index::{Session, read, write},
    names,
};
use crate::{
    error::{Error, Result},
    found::Identity,
};

/// All sessions that have events within the retention.
#[derive(Debug, Default)]
pub struct Catalog {
    sessions: RwLock<HashMap<Arc<str>, Arc<Session>>>,
    /// Those whose files cannot be read, by the stems of their names: a long one does not say whose it is.
    unreadable: RwLock<BTreeMap<String, Error>>,
    /// Why nothing is known of any session that is not here, while the log is not open any more.
    lost: RwLock<Option<Error>>,
    /// Which file's lock makes the log this process's.
    lock: RwLock<Option<Identity>>,
}

impl Catalog {
    /// The session, if it has events that are known.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        read(&self.sessions).get(id).map(Arc::clone)
    }

    /// The session, if it has events.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn session(&self, id: &str) -> Result<Option<Arc<Session>>> {
        let found = self.find(id);
        if found.is_some() {
            return Ok(found);
        }
        let lost = read(&self.lost).clone();
        lost.or_else(|| self.why_unreadable(id)).map_or(Ok(None), Err)
    }

    /// Makes a session known.
    pub fn insert(&self, session: Arc<Session>) {
        write(&self.sessions).insert(Arc::clone(&session.id), session);
    }

    /// Forgets a session.
    pub fn remove(&self, id: &str) {
        write(&self.sessions).remove(id);
    }

    /// Forgets everything, for somebody else may own the log.
    pub fn lose(&self, error: &Error) {
        *write(&self.lost) = Some(error.clone());
        self.clear();
    }

    /// The log is this process's by the lock of that file.
    pub fn is_held(&self, lock: Identity) {
        *write(&self.lock) = Some(lock);
    }

    /// Which file's lock made it this process's last.
    pub fn lock(&self) -> Option<Identity> {
        *read(&self.lock)
    }

    /// All sessions are known again.
    pub fn is_found(&self) {
        *write(&self.lost) = None;
    }

    /// Forgets everything.
    pub fn clear(&self) {
        write(&self.sessions).clear();
        write(&self.unreadable).clear();
    }

    /// All that are known, by id.
    pub fn known(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = read(&self.sessions).values().map(Arc::clone).collect();
        all.sort_by(|one, two| one.id.cmp(&two.id));
        all
    }

    /// All of them, by id.
    ///
    /// # Errors
    /// What keeps one of them from being read.
    pub fn all(&self) -> Result<Vec<Arc<Session>>> {
        let lost = read(&self.lost).clone();
        let error = lost.or_else(|| read(&self.unreadable).values().next().cloned());
        error.map_or_else(|| Ok(self.known()), Err)
    }

    /// The ids of all with events, in order, as far as they are known: what cannot be read may have some.
    pub fn ids(&self) -> Vec<String> {
        let known = self.known();
        let with_events = known.iter().filter(|session| session.has_events()).map(|session| session.id.to_string());
        let mut ids: Vec<String> = with_events.collect();
        ids.extend(read(&self.unreadable).keys().filter_map(|stem| names::id_of(stem)));
        ids.sort();
        ids.dedup();
        ids
    }

    /// Why a session cannot be read; `None` where it can.
    pub fn why_unreadable(&self, id: &str) -> Option<Error> {
        let unreadable = read(&self.unreadable);
        // To make a name costs more than to see that there is none.
        if unreadable.is_empty() { None } else { unreadable.get(&names::stem_of(id)).cloned() }
    }

    /// Whether every session can be read.
    pub fn is_whole(&self) -> bool {
        read(&self.unreadable).is_empty()
    }

    /// Whether a session whose files have this stem has events, or is not known to have none.
    pub fn may_have(&self, stem: &str) -> bool {
        let is_known = match names::id_of(stem) {
            Some(id) => self.find(&id).is_some(),
            // No byte of an id takes more than three.
            None => read(&self.sessions).keys().any(|id| id.len() * 3 >= stem.len() && names::stem_of(id) == stem),
        };
        is_known || read(&self.unreadable).contains_key(stem)
    }

    /// Takes note that the files with this stem cannot be read.
    pub fn note_unreadable(&self, stem: &str, error: Error) {
        tracing::error!(target: "smalltalk::event_log", %error, stem, "the files of a session cannot be read");
        write(&self.unreadable).insert(stem.to_owned(), error);
    }

    /// Takes note that they have been read, or are no longer there.
    pub fn note_readable(&self, stem: &str) {
        write(&self.unreadable).remove(stem);
    }
}
