//! Positions of consumers go with their session: where nothing of it is left, in the archive neither, and nobody has asked
//! for a position as long as its events could have been kept, nobody will.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::SystemTime};

use super::{Cleanup, Slice, Step};
use crate::{
    error::Error,
    event_log::{archive, consumers, files, names, owned::Owned},
};

/// The search for sessions that have positions and nothing else.
pub struct Search {
    /// Those that have positions, as they are named in files.
    stems: BTreeSet<String>,
    /// What is left to be looked at, of those that have events.
    sessions: Vec<Arc<str>>,
    days: Vec<PathBuf>,
}

impl Cleanup {
    /// Nothing is removed where it is not known of all sessions whether they have events. No failure here is one of the cleanup,
    /// which has done what was asked for: others may keep here what is closed to us.
    pub(super) fn seek_positions(owned: &Owned) -> Step {
        let layout = &owned.around.layout;
        let listed = consumers::stems(layout).and_then(|stems| Ok((stems, archive::days(&layout.archive)?)));
        let (stems, days) = match listed {
            Ok(listed) => listed,
            Err(error) => return give_up(&error),
        };
        if stems.is_empty() || !owned.around.catalog.is_whole() {
            return Step::End;
        }
        let days = days.into_iter().map(|(_, day)| day).collect();
        let sessions = owned.around.catalog.known().iter().map(|session| Arc::clone(&session.id)).collect();
        Step::Positions(Search { stems: stems.into_iter().collect(), sessions, days })
    }

    /// Positions of sessions that have come to have events meanwhile stay: somebody may have acknowledged some of them.
    pub(super) fn expire_some(owned: &mut Owned, mut search: Search, slice: &mut Slice) -> Step {
        while let Some(id) = slice.next(&mut search.sessions) {
            search.stems.remove(&names::stem_of(&id));
        }
        while let Some(day) = slice.next(&mut search.days) {
            let names = match files::file_names(&day) {
                Ok(names) => names,
                Err(error) => return give_up(&error),
            };
            for name in names {
                if let Some(parsed) = names::parse(&name) {
                    search.stems.remove(parsed.stem);
                }
            }
        }
        if !search.sessions.is_empty() || !search.days.is_empty() {
            return Step::Positions(search);
        }
        // Days that were not there any more were deleted, or all of the archive has gone away since it was listed.
        if let Err(error) = archive::days(&owned.around.layout.archive) {
            return give_up(&error);
        }
        let limit = SystemTime::now().checked_sub(owned.around.options.max_retention).unwrap_or(SystemTime::UNIX_EPOCH);
        while !slice.is_over()
            && let Some(stem) = search.stems.pop_last()
        {
            slice.count();
            if owned.around.catalog.may_have(&stem) {
                continue;
            }
            let expired = consumers::expire(&owned.around.layout, &stem, limit, &mut owned.highest_seq);
            if let Err(error) = expired {
                tracing::warn!(target: "smalltalk::event_log", %error, "a position of a consumer stays");
            }
        }
        if search.stems.is_empty() { Step::End } else { Step::Positions(search) }
    }
}

fn give_up(error: &Error) -> Step {
    tracing::warn!(target: "smalltalk::event_log", %error, "the positions of consumers stay");
    Step::End
}
