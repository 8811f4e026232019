//! The log of another process: read from its files as they grow, touching nothing.

mod all;
mod growing;
mod listing;
mod reading;
mod seen;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use self::{
    growing::Growing,
    listing::{Listed, Listing},
    seen::{Known, Seen},
};
use super::{directory::Layout, files, index::Session, names, owned::MOST_HANDLES, recovery};
use crate::error::{Error, Result};

pub use self::growing::is_growing;

/// What a reader knows of the log.
#[derive(Debug)]
pub struct Visitor {
    /// Where the files are.
    pub layout: Layout,
    seen: Mutex<Seen>,
    /// So many files have been opened, at the most, that are still open.
    handles: AtomicUsize,
}

/// As often a session is read anew when its owner moves its files meanwhile.
const TRIES: usize = 100;

/// As many bytes of a file are read to find its first event, unless there is none in them.
const FIRST_BYTES: usize = 4096;

impl Visitor {
    /// Nothing is read yet.
    pub fn new(layout: Layout) -> Self {
        Self { layout, seen: Mutex::default(), handles: AtomicUsize::new(0) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Result<Arc<Listing>> {
        self.seen().list(&self.layout.active)
    }

    /// A session as its files have it now; `None` where it has none.
    pub fn session(&self, id: &str) -> Result<Option<Arc<Session>>> {
        let mut seen = self.seen();
        self.spare_handles(&mut seen);
        let may_rest = seen.sessions.get(id).is_some_and(Known::may_rest);
        let listing = may_rest.then(|| seen.list(&self.layout.active)).transpose()?;
        if let Some(known) = seen.sessions.get_mut(id)
            && self.advance(known, listing.as_deref())?
        {
            return Ok(Some(Arc::clone(&known.session)));
        }
        let before = seen.sessions.remove(id).map(|known| known.session);
        let Some(known) = self.read(&mut seen, id, before.as_deref())? else { return Ok(None) };
        let session = Arc::clone(&known.session);
        seen.sessions.insert(id.to_owned(), known);
        Ok(Some(session))
    }

    /// Closes the files of all sessions, when there are many.
    fn spare_handles(&self, seen: &mut Seen) {
        if self.handles.load(Ordering::Relaxed) >= MOST_HANDLES {
            self.handles.store(0, Ordering::Relaxed);
            seen.sessions.values_mut().filter_map(|known| known.growing.as_mut()).for_each(Growing::let_go);
        }
    }

    /// The number of the newest event of a session; 0 where it has none.
    pub fn newest(&self, id: &str) -> Result<u64> {
        self.session(id)?;
        Ok(self.seen().sessions.get(id).and_then(|known| known.last_seq).unwrap_or(0))
    }

    /// Forgets what is known of a session: a file of it is no longer where it was.
    pub fn forget(&self, id: &str) {
        self.seen().sessions.remove(id);
    }

    /// The log is closed: lets go of everything but what replays under way hold themselves.
    pub fn close(&self) {
        self.seen().close();
    }

    /// The same for somebody who may have looked for longer than the log was open.
    pub fn close_again(&self) {
        let mut seen = self.seen();
        if seen.is_closed() {
            seen.close();
        }
    }

    /// The ids of all sessions with events, in order.
    ///
    /// The names of a directory are not read at one moment: of a file that gets another one meanwhile there may be neither. So
    /// sessions are looked for once more where something has changed.
    pub fn ids(&self) -> Result<Vec<String>> {
        let listing = self.list()?;
        let mut ids = self.ids_in(&listing, |_| true)?;
        let later = self.list()?;
        ids.extend(self.ids_in(&later, |stem| listing.files(stem).is_none())?);
        ids.sort();
        Ok(ids)
    }

    /// The ids of the sessions in a listing whose stems are `wanted`.
    fn ids_in(&self, listing: &Listing, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let sessions = listing.sessions().filter(|(stem, _)| wanted(stem));
        sessions.filter_map(|(stem, files)| self.id_of(stem, files).transpose()).collect()
    }

    /// Whose files they are; `None` where there is no event in them, or another session's.
    fn id_of(&self, stem: &str, files: &Listed) -> Result<Option<String>> {
        let known = names::id_of(stem);
        let mut files = files.clone();
        for _ in 0..TRIES {
            // A file is closed only where it has events.
            if known.is_some() && !files.closed.is_empty() {
                return Ok(known);
            }
            for name in files.closed.iter().chain(&files.growing) {
                if let Some(id) = self.first_id(name, stem)? {
                    return Ok(Some(id));
                }
            }
            // One that had events may have got another name before it was opened.
            match self.list()?.files(stem) {
                Some(now) if *now != files => files.clone_from(now),
                _ => return Ok(None),
            }
        }
        Err(moving(&format!("reading {}", self.layout.active.display())))
    }

    /// Whose file it is, by the first event in it of a session whose files have this `stem`; `None` where it has none.
    fn first_id(&self, name: &str, stem: &str) -> Result<Option<String>> {
        let path = self.layout.active.join(name);
        let Some(file) = files::open_found(&path)? else { return Ok(None) };
        let mut bytes = vec![0; FIRST_BYTES];
        let there = files::read_at(&file, &mut bytes, 0);
        bytes.truncate(there.map_err(|cause| Error::io(format!("reading {}", path.display()), &cause))?);
        if let Some(id) = id_in(&bytes, stem) {
            return Ok(Some(id));
        }
        // Its first line is long, or damaged.
        Ok(if bytes.len() < FIRST_BYTES { None } else { id_in(&files::read_all(&path)?.unwrap_or_default(), stem) })
    }
}

fn id_in(bytes: &[u8], stem: &str) -> Option<String> {
    let first = recovery::recover_named(bytes, stem, None).found.into_iter().next();
    first.map(|found| found.line.session_id.into_owned())
}

/// Its owner is in the way.
fn moving(doing: &str) -> Error {
    let cause = std::io::Error::other("its owner moves its files faster than they can be read");
    Error::io(doing, &cause)
}

#[cfg(test)]
mod tests;
