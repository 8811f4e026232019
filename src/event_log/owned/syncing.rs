//! Files on their way to the disk: in time, beside the thread that writes, or now.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{MOST_HANDLES, Owned};
use crate::{
    error::Result,
    event_log::{lane::indeterminate, sync::Done},
};

/// When more files wait for their sync than may be open at once, how long the next ones wait for the first.
const NEXT_FILES: Duration = Duration::from_millis(5);

/// As many files are opened for their sync at a time where no more could be: the rest of what may be open is for others.
const FEW_HANDLES: usize = 16;

/// Of the files that may be open for their sync, one in so many is one that a killed owner left, at the most: a new line waits for
/// no more of them than keep the threads busy, and they get to the disk also where new lines never cease.
const FOUND_SHARE: usize = 8;

/// How long a file waits at the most that could not be opened to be synced.
const NEXT_TRY: Duration = Duration::from_secs(1);

impl Owned {
    /// Takes in the outcome of syncs. Where one failed, nobody knows what the disk holds: the file is read again.
    pub fn note(&mut self, outcome: Vec<Done<Arc<str>>>) {
        for (id, outcome) in outcome {
            self.found_under_way.remove(&id);
            if let (Err(cause), Some(lane)) = (outcome, self.lanes.get_mut(&id)) {
                tracing::error!(target: "smalltalk::event_log", %cause, "a sync failed; the file is read again before the next write");
                lane.broken = true;
                self.around.doubts.raise(cause.to_string());
            }
        }
    }

    pub fn collect(&mut self) {
        let done = self.syncer.finished();
        self.note(done);
    }

    /// Begins the syncs that are due, a number of files at a time; appends go on meanwhile.
    pub fn begin_syncs(&mut self) {
        let most = if self.is_short { FEW_HANDLES } else { MOST_HANDLES };
        let room = most.saturating_sub(self.syncer.under_way());
        let found = self.next_found(room.min((most / FOUND_SHARE).saturating_sub(self.found_under_way.len())));
        let now = self.unsynced.len().min(room - found.len());
        let rest = self.unsynced.split_off(now);
        let is_all = rest.is_empty() && self.found.is_empty();
        let mut unopened = Vec::new();
        self.found_under_way.extend(found.iter().cloned());
        for id in std::mem::replace(&mut self.unsynced, rest).into_iter().chain(found) {
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            if let Some(task) = lane.take_sync(&self.around, true) {
                self.syncer.start(task);
                self.handles = self.handles.saturating_sub(usize::from(lane.holds_a_handle()));
                lane.let_go();
            } else if lane.dirty {
                self.found_under_way.remove(&id);
                unopened.push(id);
            }
        }
        self.around.directory.take();
        self.is_short = self.spare_handles() || (self.is_short && !is_all);
        let is_stuck = self.syncer.under_way() == 0 && !unopened.is_empty();
        let interval = if is_all || is_stuck { self.around.options.fsync_interval } else { NEXT_FILES };
        // One more wake takes in the outcome, then it is quiet.
        self.sync_at = (self.syncer.under_way() > 0 || !is_all).then(|| Instant::now() + interval);
        self.sync_later(unopened);
    }

    /// Takes some of those that a killed owner left. One that was written to since has its place among the others; and one that
    /// is synced needs none.
    fn next_found(&mut self, most: usize) -> Vec<Arc<str>> {
        let waits = |id: &Arc<str>| self.lanes.get(id).is_some_and(|lane| lane.dirty && !lane.due);
        std::iter::from_fn(|| self.found.pop_front()).filter(waits).take(most).collect()
    }

    /// Sees to it that what an owner that was killed left with the kernel gets to the disk, beside the work: there may be more files
    /// than anybody waits for. Whoever is promised the disk from here on waits for what his file had before as well.
    pub(super) fn sync_found(&mut self) {
        for (id, lane) in &mut self.lanes {
            lane.is_to_be_synced();
            self.found.extend(lane.dirty.then(|| Arc::clone(id)));
        }
        self.sync_at = (!self.found.is_empty()).then(Instant::now);
    }

    /// Takes note of files whose sync could not be begun: it is tried again, also where nobody asks for anything. One that
    /// somebody has removed is noticed by the next append.
    pub fn sync_later(&mut self, ids: impl IntoIterator<Item = Arc<str>>) {
        for id in ids {
            let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.may_be_synced(&self.around)) else { continue };
            lane.due = true;
            self.unsynced.push(id);
            let again = Instant::now() + self.around.options.fsync_interval.min(NEXT_TRY);
            self.sync_at = Some(self.sync_at.map_or(again, |at| at.min(again)));
        }
    }

    /// Puts on the disk what waits for that, and waits for it.
    pub fn sync_dirty(&mut self) -> Result<()> {
        let mut outcome = self.syncer.wait();
        let dirty: Vec<_> =
            self.lanes.values().filter(|lane| lane.dirty).map(|lane| Arc::clone(&lane.session.id)).collect();
        for some in dirty.chunks(MOST_HANDLES) {
            outcome.extend(self.sync_together(some, true));
        }
        self.unsynced.clear();
        self.found.clear();
        self.sync_at = None;
        let failed = outcome.iter().find_map(|(_, outcome)| outcome.as_ref().err().map(ToString::to_string));
        let unopened: Vec<_> =
            dirty.into_iter().filter(|id| self.lanes.get(id).is_some_and(|lane| lane.dirty)).collect();
        let failed = failed.or_else(|| (!unopened.is_empty()).then(|| "a file could not be opened".to_owned()));
        self.note(outcome);
        self.sync_later(unopened);
        failed.map_or(Ok(()), |cause| Err(indeterminate("syncing the log", &cause)))
    }

    /// Syncs files in their own place, many at once, and waits for it.
    pub fn sync_lanes(&mut self, ids: &[Arc<str>], with_names: bool) {
        for some in ids.chunks(MOST_HANDLES) {
            let outcome = self.sync_together(some, with_names);
            self.note(outcome);
        }
    }

    /// Syncs files together. Where no more may be open, those that the lanes hold are closed, and the rest is opened a few at a
    /// time, as long as some can be.
    fn sync_together(&mut self, ids: &[Arc<str>], with_names: bool) -> Vec<Done<Arc<str>>> {
        let mut outcome = self.sync_some(ids, with_names);
        while self.spare_handles() {
            let before = outcome.len();
            for few in ids.chunks(FEW_HANDLES) {
                outcome.extend(self.sync_some(few, with_names));
            }
            if outcome.len() == before {
                break;
            }
        }
        outcome
    }

    fn sync_some(&mut self, ids: &[Arc<str>], with_names: bool) -> Vec<Done<Arc<str>>> {
        let take = |id: &Arc<str>| self.lanes.get_mut(id)?.take_sync(&self.around, with_names);
        let tasks = ids.iter().filter_map(take).collect();
        self.around.directory.take();
        self.syncer.sync_now(tasks)
    }
}
