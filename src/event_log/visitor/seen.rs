//! What a reader keeps of what it has seen of another process's log.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    super::{index::Session, stamp::Stamp},
    growing::Growing,
    listing::Listing,
};
use crate::error::Result;

/// What a reader has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The sessions, by id.
    pub sessions: HashMap<String, Known>,
    /// Which files they have, as long as their directory has the same state.
    listing: Option<(Stamp, Arc<Listing>)>,
    /// Whether the log was closed: what somebody sees afterwards who is not done yet is of no use to anybody else.
    closed: bool,
}

/// What is known of a session: the closed files that there were at a moment at which `growing` was the one being written, or none
/// was. So there is no gap in it, and it tells all that there is as long as the same file is being written, or while none is, as a
/// listing has the same closed files.
#[derive(Debug)]
pub struct Known {
    pub session: Arc<Session>,
    /// What the names of its files begin with.
    pub stem: String,
    /// The names of the closed files.
    pub closed: Vec<String>,
    pub growing: Option<Growing>,
    pub last_seq: Option<u64>,
    /// It has to be read anew: only what it says of closed files is of use still.
    pub is_stale: bool,
}

impl Known {
    /// Whether nothing is being written, so that only a listing tells what has happened.
    pub fn may_rest(&self) -> bool {
        self.growing.is_none() && !self.is_stale
    }

    /// Whether nothing is being written, and by a listing nothing was, nor have closed files come or gone.
    pub fn rests(&self, listing: &Listing) -> bool {
        let writes = listing.files(&self.stem).is_some_and(|files| files.growing.is_some());
        self.may_rest() && !writes && self.has_closed(listing)
    }

    /// Whether by a listing it is still there, with the same closed files.
    pub fn has_closed(&self, listing: &Listing) -> bool {
        listing.files(&self.stem).is_some_and(|files| files.closed == self.closed)
    }

    /// It does not tell what there is any more.
    pub fn is_stale_now(&mut self) {
        self.is_stale = true;
        self.growing = None;
    }
}

impl Seen {
    /// Which files there are now. The directory is read only where its state has changed, or does not tell.
    pub fn list(&mut self, active: &Path) -> Result<Arc<Listing>> {
        // Before the names: what changes while they are read changes the state as well.
        let stamp = Stamp::of(active);
        if let Some((of, listing)) = &self.listing
            && stamp == Some(*of)
        {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(Listing::of(active)?);
        self.listing = stamp.map(|stamp| (stamp, Arc::clone(&listing)));
        self.let_go_of_the_gone(&listing);
        Ok(listing)
    }

    /// Forgets sessions that have no file any more, and lets go of files that may be gone: what is held keeps its room on the
    /// disk.
    fn let_go_of_the_gone(&mut self, listing: &Listing) {
        self.sessions.retain(|_, known| listing.files(&known.stem).is_some());
        for known in self.sessions.values_mut() {
            if let Some(growing) = &mut known.growing
                && known.closed != listing.closed(&known.stem)
            {
                growing.let_go();
            }
        }
    }

    /// Forgets everything, for the log has been closed.
    pub fn close(&mut self) {
        *self = Self { closed: true, ..Self::default() };
    }

    /// Whether it has been.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes over what somebody has read for himself, unless another one knows better by now.
    pub fn take_over(&mut self, id: &str, known: Known) {
        if self.sessions.get(id).is_none_or(|there| there.is_stale) {
            self.sessions.insert(id.to_owned(), known);
        }
    }
}
