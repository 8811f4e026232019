//! From files to lanes: all of them when the log is opened, one session's where its file may hold something else than we
//! think, or could not be read. What keeps one session from being read is no reason not to open the others.

use std::{collections::HashSet, sync::Arc};

use super::{Owned, numbers};
use crate::{
    error::Result,
    event_log::{
        catalog::Catalog,
        confirm::Powered,
        consumers,
        directory::Layout,
        files,
        index::Placed,
        lane::Lane,
        names,
        opening::{self, Damage, Loaded, RecoveryReport, Stems},
        record,
        time::now_micros,
    },
};

/// Reads the files of all sessions. Those that cannot be read stand in the catalog as such; of those that do not say whose they
/// are the stems are added to `unclaimed`.
pub(super) fn read_all(
    layout: &Layout,
    catalog: &Catalog,
    report: &mut RecoveryReport,
    unclaimed: &mut HashSet<String>,
) -> Result<Vec<Loaded>> {
    let mut all = Vec::new();
    catalog.clear();
    for (stem, files) in opening::list(layout)? {
        let known = report.events;
        match opening::load(layout, &stem, &files, None, report) {
            Ok(Some(loaded)) => all.push(loaded),
            Ok(None) if names::id_of(&stem).is_none() => drop(unclaimed.insert(stem)),
            Ok(None) => {}
            Err(error) => {
                report.events = known;
                catalog.note_unreadable(&stem, error);
            }
        }
    }
    Ok(all)
}

impl Owned {
    /// Goes on with a session where its files end.
    pub(super) fn resume(&mut self, loaded: Loaded, next: u64) {
        self.around.catalog.insert(Arc::clone(&loaded.session));
        self.lanes.insert(Arc::clone(&loaded.session.id), Lane::resume(loaded, next));
    }

    /// Before a session is written to that begins a file, or has to be read first. Where nothing has the file's name, it cannot
    /// tell that the directory is another one by now: the lock does, which is looked up once a batch.
    pub(super) fn make_ready(&mut self, id: &str, next: &[Powered]) -> Result<()> {
        self.look_once()?;
        if !self.seems_to_hold()? {
            return Err(self.ownership.lost());
        }
        let is_known = match self.lanes.get(id) {
            Some(lane) => !lane.broken,
            None => self.around.catalog.why_unreadable(id).is_none() && !self.is_unclaimed(id),
        };
        if is_known { Ok(()) } else { self.read_again(id, next) }
    }

    /// Whether there are files that did not say whose they are, and are this session's: their names fit.
    fn is_unclaimed(&self, id: &str) -> bool {
        !self.unclaimed.is_empty() && self.unclaimed.contains(&names::stem_of(id))
    }

    /// Reads a session that could not be read so far; nothing where it could.
    pub fn make_readable(&mut self, id: &str) -> Result<()> {
        if self.around.catalog.why_unreadable(id).is_some() { self.reread(id) } else { Ok(()) }
    }

    /// Sessions whose file may hold something else than we think.
    pub fn broken(&self) -> Vec<Arc<str>> {
        self.lanes.iter().filter(|(_, lane)| lane.broken).map(|(id, _)| Arc::clone(id)).collect()
    }

    /// Reads a session again whose file may hold something else than we think.
    pub fn reread(&mut self, id: &str) -> Result<()> {
        let outcome = self.read_again(id, &[]);
        self.sync_read_again();
        outcome
    }

    /// The same for one of many, before the `next` ones: what is found is still to be synced, see [`Owned::sync_read_again`].
    pub fn read_again(&mut self, id: &str, next: &[Powered]) -> Result<()> {
        let stem = names::stem_of(id);
        // It stays in the list: where there is no room for one more open file, this is done again.
        let files = self.listed()?.get(&stem).cloned().unwrap_or_default();
        self.take_from_journal(id, next)?;
        let mut report = RecoveryReport::default();
        let loaded = opening::load(&self.around.layout, &stem, &files, Some(id), &mut report)?;
        self.report.torn.append(&mut report.torn);
        // What was known of these files has been found again.
        let is_known =
            |damage: &Damage| damage.file.starts_with(&stem) && files.iter().any(|(_, name)| *name == damage.file);
        self.report.damaged.retain(|damage| !is_known(damage));
        self.report.damaged.append(&mut report.damaged);
        let lane = self.lanes.remove(id);
        let gone =
            |file: &&Placed| file.path.file_name().is_none_or(|of| files.iter().all(|(_, name)| of != name.as_str()));
        for file in lane.iter().flat_map(|lane| lane.session.files().clone()).filter(|file| gone(&file)) {
            self.removed.extend(Damage::removed(&file, &mut self.report.damaged));
        }
        let given = lane.map(|lane| lane.next_seq());
        let used = given.unwrap_or(self.highest_seq.saturating_add(1));
        if let Some(loaded) = loaded {
            // What this process gave it knows; what was given before that, or by others, may be more than is there.
            let next = match given {
                Some(given) if loaded.last_seq < given => now_micros(),
                _ => numbers::beyond(numbers::last_of(&self.around.layout, &loaded)),
            };
            self.resume(loaded, next.max(used));
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.is_to_be_synced();
                self.read_again.push(Arc::clone(&lane.session.id));
            }
        } else {
            self.around.catalog.remove(id);
            self.highest_seq = match given {
                Some(given) => record::higher(self.highest_seq, given).max(now_micros()),
                None => self.beyond_unknown(id),
            };
        }
        self.around.catalog.note_readable(&stem);
        self.unclaimed.remove(&stem);
        Ok(())
    }

    /// The files that there are. After a fault of the disk all sessions may have to be read again: they are looked up once for
    /// a batch.
    fn listed(&mut self) -> Result<&mut Stems> {
        let listed = if let Some(listed) = self.listed.take() {
            listed
        } else {
            // What failed may have been the sync of their names, or somebody has removed all of them with their directory.
            files::create_directory(&self.around.layout.active)?;
            files::sync_directory(&self.around.layout.active)?;
            opening::list(&self.around.layout)?
        };
        Ok(self.listed.insert(listed))
    }

    /// Puts what was found in files that were read again on the disk, all at once.
    pub fn sync_read_again(&mut self) {
        self.listed = None;
        self.unmended.clear();
        let ids = std::mem::take(&mut self.read_again);
        self.sync_lanes(&ids, true);
        self.sync_later(ids);
    }

    /// Forgets a session; its numbers stay used.
    pub fn forget(&mut self, id: &str) {
        self.around.catalog.remove(id);
        if let Some(lane) = self.lanes.remove(id) {
            self.highest_seq = record::higher(self.highest_seq, lane.next_seq() - 1);
        }
        if self.around.catalog.why_unreadable(id).is_some() || self.is_unclaimed(id) {
            self.highest_seq = self.beyond_unknown(id);
            let stem = names::stem_of(id);
            self.around.catalog.note_readable(&stem);
            self.unclaimed.remove(&stem);
        }
    }

    /// Above which number all go on where one has gone whose own nobody knows.
    fn beyond_unknown(&self, id: &str) -> u64 {
        let acknowledged = consumers::furthest_of(&self.around.layout, id);
        numbers::beyond_others(record::higher(self.highest_seq, acknowledged))
    }
}
