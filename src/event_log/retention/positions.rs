//! Positions of consumers go with their session: where nothing of it is left, in the archive neither, and nobody has asked
//! for a position as long as its events could have been kept, nobody will.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::SystemTime};

use super::{Cleanup, Slice, Step};
use crate::event_log::{archive, consumers, files, names, owned::Owned, record};

/// The search for sessions that have positions and nothing else.
pub struct Search {
    /// Those that have positions, as they are named in files.
    stems: BTreeSet<String>,
    /// What is left to be looked at, of those that have events.
    sessions: Vec<Arc<str>>,
    days: Vec<PathBuf>,
}

impl Cleanup {
    /// Nothing is removed where it is not known of all sessions whether they have events.
    pub(super) fn seek_positions(&mut self, owned: &Owned) -> Step {
        let layout = &owned.around.layout;
        let stems = self.listed(consumers::stems(layout));
        if stems.is_empty() || !owned.around.catalog.is_whole() {
            return Step::End;
        }
        let days = self.listed(archive::days(&layout.archive)).into_iter().map(|(_, day)| day).collect();
        let sessions = owned.around.catalog.known().iter().map(|session| Arc::clone(&session.id)).collect();
        Step::Positions(Search { stems: stems.into_iter().collect(), sessions, days })
    }

    /// Those that come to have events meanwhile have numbers above every position: a consumer that begins anew gets the same.
    pub(super) fn expire_some(&mut self, owned: &mut Owned, mut search: Search, slice: &mut Slice) -> Step {
        while let Some(id) = slice.next(&mut search.sessions) {
            search.stems.remove(&names::stem_of(&id));
        }
        while let Some(day) = slice.next(&mut search.days) {
            for name in self.listed(files::file_names(&day)) {
                if let Some(parsed) = names::parse(&name) {
                    search.stems.remove(parsed.stem);
                }
            }
        }
        if self.outcome.is_err() {
            return Step::End;
        }
        if !search.sessions.is_empty() || !search.days.is_empty() {
            return Step::Positions(search);
        }
        let limit = SystemTime::now().checked_sub(owned.around.options.max_retention).unwrap_or(SystemTime::UNIX_EPOCH);
        while !slice.is_over()
            && let Some(stem) = search.stems.pop_last()
        {
            slice.count();
            match consumers::expire(&owned.around.layout, &stem, limit) {
                Ok(furthest) => owned.highest_seq = record::higher(owned.highest_seq, furthest),
                Err(error) => self.note(Err(error)),
            }
        }
        if search.stems.is_empty() { Step::End } else { Step::Positions(search) }
    }
}
