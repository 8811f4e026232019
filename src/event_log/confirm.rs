//! What was promised to survive the power does, before it is acknowledged: one sync of the journal for a whole batch, or
//! one of each file where the journal does not know what came before.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    append::{Item, Parcel},
    files,
    journal::{Added, entry::Part, redo},
    lane::{Fresh, Lane, indeterminate},
    owned::Owned,
};
use crate::error::{Error, Result};

/// How long files wait for their own sync that are in the journal.
const SETTLE: Duration = Duration::from_secs(1);

/// The session of a batch whose events want to survive the power, and those that are with the kernel.
pub type Powered = (Arc<str>, Vec<Item>);

impl Owned {
    /// Sees to it that what was written survives the power; what may not is told to those who wait for it.
    pub(super) fn confirm(&mut self, powered: Vec<Powered>, owed: &mut [Option<Parcel>]) {
        if powered.is_empty() {
            return;
        }
        self.journal_fresh(&powered);
        let left = |id: &&Arc<str>| self.lanes.get(*id).is_some_and(|lane| !lane.is_safe());
        let unsafe_yet: Vec<_> = powered.iter().map(|(id, _)| id).filter(left).map(Arc::clone).collect();
        self.sync_files(&unsafe_yet);
        for (id, written) in powered {
            let why = match self.lanes.get(&id) {
                Some(lane) if !lane.broken && lane.is_safe() => continue,
                Some(lane) if !lane.broken && lane.dirty => "its file could not be opened for that",
                Some(_) | None => "the disk did not take it",
            };
            for Item { parcel, index, .. } in written {
                if let Some(Some(parcel)) = owed.get_mut(parcel) {
                    parcel.fail(index, indeterminate("syncing an event", why));
                }
            }
        }
    }

    /// Syncs files in their own place, with their names.
    fn sync_files(&mut self, ids: &[Arc<str>]) {
        self.sync_lanes(ids, false);
        // What could not be opened is still to be synced, also where nobody writes to it any more.
        let unsynced = |id: &&Arc<str>| self.lanes.get(*id).is_some_and(|lane| lane.dirty && !lane.due);
        let unsynced: Vec<_> = ids.iter().filter(unsynced).cloned().collect();
        self.sync_later(unsynced);
        if !ids.iter().all(|id| self.lanes.get(id).is_none_or(Lane::name_on_disk)) {
            self.sync_names(ids);
        }
    }

    /// Puts the names of files on the disk, one sync for all of them.
    fn sync_names(&mut self, ids: &[Arc<str>]) {
        let synced = self.with_room(|owned| files::sync_directory(&owned.around.layout.active));
        for id in ids {
            match self.lanes.get_mut(id) {
                Some(lane) if synced.is_ok() => lane.name_is_on_disk(),
                Some(lane) if !lane.name_on_disk() => {
                    lane.broken = true;
                    // The name is still to come, also where nobody writes to it any more.
                    lane.dirty = true;
                }
                Some(_) | None => {}
            }
        }
        if let Err(error) = synced {
            self.around.doubts.raise(error.to_string());
            self.sync_later(ids.iter().cloned());
            tracing::error!(target: "smalltalk::event_log", %error, "a sync failed; the files are read again before the next write");
        }
    }

    /// Puts into the journal what the batch has written, where that is enough.
    fn journal_fresh(&mut self, powered: &[Powered]) {
        let fresh: Vec<(Arc<str>, Fresh)> = powered
            .iter()
            .filter_map(|(id, _)| Some((Arc::clone(id), self.lanes.get_mut(id)?.take_fresh()?)))
            .collect();
        if fresh.is_empty() {
            return;
        }
        let parts: Vec<_> = fresh.iter().map(|(_, fresh)| fresh.as_part()).collect();
        for (id, _) in &fresh {
            // An entry may reach the disk although its sync fails.
            self.lanes.get_mut(id).into_iter().for_each(Lane::goes_to_journal);
        }
        match self.add_to_journal(&parts) {
            Ok(Added::Yes) => {}
            Ok(Added::Full | Added::No) => return,
            Err(error) => {
                tracing::warn!(target: "smalltalk::event_log", %error, "the journal takes no more; files are synced one by one");
                return;
            }
        }
        for (id, _) in fresh {
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.is_journaled();
            }
            self.journaled.insert(id);
        }
        self.see_to_journal_soon();
    }

    /// What it has is put in its place, and one that can be relied on no more is removed: full files cannot be closed with it.
    pub(super) fn see_to_journal_soon(&mut self) {
        self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE);
    }

    fn add_to_journal(&mut self, parts: &[Part<'_>]) -> Result<Added> {
        if self.around.journal.is_broken() {
            self.end_journal()?;
        }
        match self.around.journal.add(parts)? {
            Added::Full => {
                self.settle()?;
                self.around.journal.add(parts)
            }
            added => Ok(added),
        }
    }

    /// Puts everything that the journal speaks of on the disk in its own place, so that it can begin anew.
    pub(super) fn settle(&mut self) -> Result<()> {
        let done = self.syncer.wait();
        self.note(done);
        let behind = self.behind();
        self.sync_lanes(&behind, true);
        let failed = self.behind();
        if !failed.is_empty() {
            self.redo(&failed)?;
        }
        self.around.journal.restart();
        self.journaled.clear();
        self.settle_at = None;
        Ok(())
    }

    /// The sessions of which the journal has what is not on the disk in its own place.
    fn behind(&self) -> Vec<Arc<str>> {
        let needs = |id: &&Arc<str>| self.lanes.get(*id).is_some_and(Lane::needs_journal);
        self.journaled.iter().filter(needs).map(Arc::clone).collect()
    }

    /// After a sync that failed the kernel may take for written what is not: it is written again. Not over the work of
    /// somebody else.
    fn redo(&mut self, ids: &[Arc<str>]) -> Result<()> {
        self.redo_each(ids, |_, error| Err(error))
    }

    /// The same for as many of them as can be: `failed` hears of the others, and whether to go on.
    fn redo_each(&self, ids: &[Arc<str>], mut failed: impl FnMut(&Arc<str>, Error) -> Result<()>) -> Result<()> {
        let mut stuck = HashSet::new();
        let mut failed = |id, error| {
            stuck.insert(Arc::clone(id));
            failed(id, error)
        };
        let mut names = HashMap::new();
        for id in ids {
            let Some(lane) = self.lanes.get(id) else { continue };
            match lane.may_be_mended(&self.around) {
                Ok(true) => drop(names.insert(lane.file_name(), id)),
                Ok(false) => {}
                Err(error) => failed(id, error)?,
            }
        }
        redo::redo(
            &self.around.layout,
            |name| names.contains_key(name),
            |name, error| names.get(name).map_or(Ok(()), |id| failed(id, error)),
        )?;
        let settled = ids.iter().filter(|id| !stuck.contains(*id));
        settled.filter_map(|id| self.lanes.get(id)).for_each(Lane::is_settled);
        Ok(())
    }

    /// Settles everything and removes the journal: nobody finds in it what is no longer in the log.
    pub(super) fn end_journal(&mut self) -> Result<()> {
        self.settle()?;
        self.around.journal.remove()
    }

    /// The journal says nothing of a session any more; its file has all of it, on the disk. After a fault of the disk there may
    /// be many that have to be read again: the journal is read once for all of them, and forgets them together.
    /// It is that of a batch, which has to do with the `next` ones as well.
    pub(super) fn take_from_journal(&mut self, id: &str, next: &[Powered]) -> Result<()> {
        let Some(lane) = self.lanes.get(id).filter(|lane| lane.is_in_journal()) else { return Ok(()) };
        if lane.needs_journal() {
            let path = self.around.layout.active.join(lane.file_name());
            self.mend_from_journal(id, next)?;
            if files::look(&path)?.is_some() {
                files::sync_file(&path)?;
            }
        }
        let settled = self.broken_in_journal(|lane| !lane.needs_journal());
        let names: Vec<_> = settled.iter().filter_map(|id| Some(self.lanes.get(id)?.file_name())).collect();
        for id in &settled {
            self.journaled.remove(id);
        }
        if self.around.journal.forget(&names).is_err() {
            // Without a journal nothing is said of any.
            return self.end_journal();
        }
        for id in &settled {
            self.lanes.get_mut(id).into_iter().for_each(Lane::left_journal);
        }
        Ok(())
    }

    /// Where one of all cannot be written, the others of the batch still can: each of them is tried once.
    fn mend_from_journal(&mut self, id: &str, next: &[Powered]) -> Result<()> {
        if let Some(error) = self.unmended.get(id) {
            return Err(error.clone());
        }
        let behind = self.broken_in_journal(Lane::needs_journal);
        if self.redo(&behind).is_ok() {
            return Ok(());
        }
        let of_batch: HashSet<&str> = next.iter().map(|(id, _)| &**id).chain([id]).collect();
        let tried: Vec<_> = behind.into_iter().filter(|id| of_batch.contains(&**id)).collect();
        let mut unmended = HashMap::new();
        let outcome = self.redo_each(&tried, |id, error| {
            unmended.insert(Arc::clone(id), error);
            Ok(())
        });
        if let Err(error) = outcome {
            unmended.extend(tried.into_iter().map(|id| (id, error.clone())));
        }
        let outcome = unmended.get(id).map_or(Ok(()), |error| Err(error.clone()));
        self.unmended.extend(unmended);
        outcome
    }

    fn broken_in_journal(&self, which: impl Fn(&Lane) -> bool) -> Vec<Arc<str>> {
        let broken = self.lanes.values().filter(|lane| lane.broken && lane.is_in_journal() && which(lane));
        broken.map(|lane| Arc::clone(&lane.session.id)).collect()
    }

    /// Begins the syncs of what is in the journal, or takes note that they are done.
    pub(super) fn settle_in_time(&mut self) {
        self.settle_at = Some(Instant::now() + SETTLE);
        let mut begun = self.syncer.under_way() > 0;
        for id in &self.journaled {
            if let Some(lane) = self.lanes.get_mut(id).filter(|lane| lane.dirty && !lane.broken) {
                begun = true;
                if !std::mem::replace(&mut lane.due, true) {
                    self.unsynced.push(Arc::clone(id));
                }
            }
        }
        if begun {
            self.begin_syncs();
        } else if let Err(error) = if self.around.journal.is_broken() { self.end_journal() } else { self.settle() } {
            tracing::warn!(target: "smalltalk::event_log", %error, "what is in the journal cannot be put in its place");
        }
    }
}

#[cfg(test)]
mod tests;
