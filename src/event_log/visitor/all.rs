//! All sessions at once, by one listing for all of them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{index::Session, names, owned::MOST_HANDLES},
    TRIES, Visitor,
    listing::Listing,
    moving,
    seen::Known,
};
use crate::error::Result;

/// What was found of a session.
#[derive(Default)]
pub(super) struct Found {
    /// `None` where it has no file any more, or not those of the listing.
    session: Option<Arc<Session>>,
    /// What was read by a listing of before. Nobody else sees it until a later one confirms it.
    unconfirmed: Option<Known>,
}

impl Visitor {
    /// All sessions as their files have it now, by id.
    ///
    /// Other threads read sessions meanwhile. A file that is closed after the listing and before its session is read is in neither,
    /// and whoever goes by that passes over its events for good. So what is read here stays here, until a listing that was begun
    /// afterwards has the same closed files: then no file was closed before the one being written was opened that is not among
    /// them, which is what is [`Known`] of a session. What others know is taken as it is, and never replaced by anything but that.
    pub fn all(&self) -> Result<Vec<Arc<Session>>> {
        let first = self.list()?;
        let mut listing = Arc::clone(&first);
        let mut ids = self.ids_in(&first, |_| true)?;
        let mut all = BTreeMap::new();
        for attempt in 0..TRIES {
            let looked = ids.into_iter().try_for_each(|id| {
                let found = self.look(&id, &listing)?;
                all.insert(id, found);
                Ok(())
            });
            listing = self.list()?;
            ids = self.confirm(&mut all, &listing);
            // Afterwards, so that one that cannot be read does not make all others be read again each time.
            looked?;
            // As of [`Self::ids`].
            if attempt == 0 {
                ids.extend(self.ids_in(&listing, |stem| first.files(stem).is_none())?);
            }
            if ids.is_empty() {
                return Ok(all.into_values().filter_map(|found| found.session).collect());
            }
        }
        Err(moving(&format!("reading {}", self.layout.active.display())))
    }

    /// What is known of a session, where that has the closed files of the listing; otherwise what is read by the listing.
    pub(super) fn look(&self, id: &str, listing: &Listing) -> Result<Found> {
        let mut seen = self.seen();
        self.spare_handles(&mut seen);
        let mut before = None;
        if let Some(known) = seen.sessions.get_mut(id) {
            let session = Arc::clone(&known.session);
            // While a file is being written, nobody else looks whether closed ones are still there.
            if known.has_closed(listing) && self.advance(known, Some(listing))? {
                return Ok(Found { session: Some(session), unconfirmed: None });
            }
            known.is_stale_now();
            before = Some(session);
        }
        let Some(mut known) = self.read_by(listing, id, before.as_deref())? else { return Ok(Found::default()) };
        // Those of all may be too many, and nobody else can let go of them.
        if listing.sessions().len() > MOST_HANDLES
            && let Some(growing) = &mut known.growing
        {
            growing.let_go();
        }
        Ok(Found { session: Some(Arc::clone(&known.session)), unconfirmed: Some(known) })
    }

    /// Shares what a later listing confirms; gives the ids of the others, which are to be read once more.
    pub(super) fn confirm(&self, all: &mut BTreeMap<String, Found>, listing: &Listing) -> Vec<String> {
        let mut seen = self.seen();
        let mut behind = Vec::new();
        for (id, found) in all {
            match found.unconfirmed.take() {
                Some(known) if known.has_closed(listing) => seen.take_over(id, known),
                None if found.session.is_some() || listing.files(&names::stem_of(id)).is_none() => {}
                _ => behind.push(id.clone()),
            }
        }
        behind
    }
}
