//! A log that this process owns and has opened: its lanes, what waits for a sync, and when it has to clean up.

mod numbers;
mod ownership;
mod reading;
mod syncing;

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    append::{Item, Parcel},
    bell::Bell,
    catalog::Catalog,
    checkpoint,
    confirm::Powered,
    directory::{Layout, Ownership, Past},
    doubts::Doubts,
    ids::Ids,
    journal::{Journal, redo},
    keeper::Keeper,
    lane::{Lane, Surroundings, indeterminate},
    opening::{Damage, RecoveryReport, Stems},
    options::LogOptions,
    quarantine, record,
    retention::{self, CleanupReport},
    stamp::Stamp,
    statistics::{self, Statistics, Totals},
    sync::Syncer,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
};

/// As many files may be open for writing at once. Beyond it all are closed; what waits for its sync is opened again for it.
pub(super) const MOST_HANDLES: usize = 256;

/// The open log.
pub struct Owned {
    /// What all lanes share.
    pub around: Surroundings,
    /// The sessions that may be written to.
    pub lanes: HashMap<Arc<str>, Lane>,
    /// Numbers up to here may have been given to sessions that have no lane.
    pub highest_seq: u64,
    /// What happened since the opening.
    pub totals: Totals,
    /// What the opening found.
    pub report: RecoveryReport,
    /// Files that somebody has removed since.
    pub removed: Vec<Damage>,
    ids: Ids,
    ownership: Ownership,
    /// Whether the lock's name was looked up for this batch.
    has_looked: bool,
    pub(super) syncer: Syncer<Arc<str>>,
    /// Whose sync is due next.
    pub(super) unsynced: Vec<Arc<str>>,
    /// Of whom the journal speaks.
    pub(super) journaled: HashSet<Arc<str>>,
    /// When that has to be seen to.
    pub(super) settle_at: Option<Instant>,
    /// Sessions that were read again, whose files are still to be synced.
    read_again: Vec<Arc<str>>,
    /// What there is of those that are still to be read again, once it was looked up for this batch.
    listed: Option<Stems>,
    /// Those of this batch that could not be put in their place from the journal, and why.
    pub(super) unmended: HashMap<Arc<str>, Error>,
    handles: usize,
    sync_at: Option<Instant>,
    cleanup_at: Option<Instant>,
}

impl Owned {
    /// Takes the directory into possession and reads what is there. Where this process has let go of the log before, numbers
    /// up to `given` may have been given.
    pub fn open(
        layout: Layout,
        options: &LogOptions,
        catalog: &Arc<Catalog>,
        bell: &Arc<Bell>,
        doubts: &Arc<Doubts>,
        given: Option<u64>,
    ) -> Result<Self> {
        let (ownership, past) = layout.own()?;
        catalog.is_held(ownership.identity());
        // What is there now may be an earlier state, whose last owner knew nothing of what came later. And the disk may have
        // got the journal, and no name of a file that it speaks of.
        let doubtful = given.is_some() || (past == Past::New && redo::is_there(&layout)?);
        let past = if doubtful { Past::Unclean } else { past };
        checkpoint::remove_strays(&layout);
        quarantine::remove_strays(&layout);
        let mut report = RecoveryReport { clean: past != Past::Unclean, ..RecoveryReport::default() };
        match past {
            Past::New | Past::Closed { .. } => redo::discard(&layout)?,
            Past::Unclean => redo::recover(&layout)?,
        }
        let loaded = reading::read_all(&layout, catalog, &mut report)?;
        let highest_seq = match past {
            Past::New => 0,
            Past::Closed { highest_seq, .. } => highest_seq,
            Past::Unclean => {
                let last = numbers::last_of_all(&layout, &loaded);
                numbers::beyond_others(record::higher(last, given.unwrap_or(0)))
            }
        };
        let mut owned = Self {
            around: Surroundings {
                journal: Journal::new(&layout),
                layout,
                options: options.clone(),
                catalog: Arc::clone(catalog),
                bell: Arc::clone(bell),
                doubts: Arc::clone(doubts),
                keeper: Keeper::default(),
                names: None,
                directory: OnceCell::new(),
            },
            lanes: HashMap::new(),
            highest_seq,
            totals: Totals::default(),
            report,
            removed: Vec::new(),
            ids: Ids::new(),
            ownership,
            has_looked: false,
            syncer: Syncer::new()?,
            unsynced: Vec::new(),
            journaled: HashSet::new(),
            settle_at: None,
            read_again: Vec::new(),
            listed: None,
            unmended: HashMap::new(),
            handles: 0,
            sync_at: None,
            cleanup_at: None,
        };
        for session in loaded {
            let is_in_doubt = past == Past::Unclean || session.suspicious;
            let next = if is_in_doubt {
                numbers::beyond(numbers::last_of(&owned.around.layout, &session))
            } else {
                session.last_seq + 1
            };
            let everywhere = given.is_some() || matches!(past, Past::Closed { everywhere: true, .. });
            // A file may have been made for an event that never came.
            let used = everywhere || session.last_seq == 0;
            owned.resume(session, if used { next.max(highest_seq.saturating_add(1)) } else { next });
        }
        if past == Past::Unclean {
            owned.sync_found();
        }
        owned.plan_cleanup();
        statistics::save(&owned);
        Ok(owned)
    }

    /// Writes events, each session's in one go, and answers each parcel once its promise holds.
    pub fn append(&mut self, mut parcels: Vec<Parcel>) {
        self.collect();
        self.ids.look();
        self.has_looked = false;
        let mut powered: Vec<Powered> = Vec::new();
        let mut by_session = by_session(&mut parcels).into_iter();
        self.around.names = if by_session.len() > 1 { Stamp::of(&self.around.layout.active) } else { None };
        while let Some((id, items)) = by_session.next() {
            let written = self.append_to(&id, &mut parcels, items, by_session.as_slice());
            powered.extend(written.map(|written| (id, written)));
            self.spare_handles();
        }
        self.sync_read_again();
        let mut owed: Vec<Option<Parcel>> = Vec::with_capacity(parcels.len());
        let holds = self.still_holds();
        for parcel in parcels {
            if self.wants_power(&parcel) {
                owed.push(Some(parcel));
            } else {
                answer(parcel, holds);
                owed.push(None);
            }
        }
        self.confirm(powered, &mut owed);
        let mut owed = owed.into_iter().flatten().peekable();
        let holds = owed.peek().is_none() || self.still_holds();
        owed.for_each(|parcel| answer(parcel, holds));
    }

    fn wants_power(&self, parcel: &Parcel) -> bool {
        parcel.durability.unwrap_or(self.around.options.durability) == Durability::Power
    }

    /// Writes to one session, before the `next` ones of the batch. What is written comes back where some of it asks for power.
    fn append_to(
        &mut self,
        id: &Arc<str>,
        parcels: &mut [Parcel],
        items: Vec<Item>,
        next: &[Powered],
    ) -> Option<Vec<Item>> {
        let is_ready = self.lanes.get(id).is_some_and(|lane| !lane.broken && !lane.begins_a_file());
        if !is_ready && let Err(error) = self.make_ready(id, next) {
            for item in items {
                if let Some(parcel) = parcels.get_mut(item.parcel) {
                    parcel.fail(item.index, error.clone());
                }
            }
            return None;
        }
        let first = self.highest_seq.saturating_add(1);
        let lane = self.lanes.entry(Arc::clone(id)).or_insert_with(|| Lane::new(id, first));
        let was_open = lane.holds_a_handle();
        let written = lane.write(&mut self.around, &mut self.ids, parcels, items);
        let is_broken = lane.broken;
        self.totals.appended += written.len() as u64;
        let (is_dirty, is_due) = (lane.dirty, lane.due);
        self.handles += usize::from(!was_open && lane.holds_a_handle());
        let powered =
            written.iter().any(|item| parcels.get(item.parcel).is_some_and(|parcel| self.wants_power(parcel)));
        if is_dirty && !powered {
            if let Some(lane) = self.lanes.get_mut(id) {
                drop(lane.take_fresh());
                lane.due = true;
            }
            if !is_due {
                self.unsynced.push(Arc::clone(id));
            }
            let interval = self.around.options.fsync_interval;
            self.sync_at.get_or_insert_with(|| Instant::now() + interval);
        }
        if self.around.journal.is_broken() {
            self.see_to_journal_soon();
        }
        if is_broken && let Err(error) = self.look_once() {
            tracing::warn!(target: "smalltalk::event_log", %error, "the lock cannot be looked at");
        }
        powered.then_some(written)
    }

    /// Closes the handles of all files, when there are many.
    fn spare_handles(&mut self) {
        if self.handles > MOST_HANDLES {
            self.handles = 0;
            self.lanes.values_mut().for_each(Lane::let_go);
        }
    }

    /// When there is something to do although nobody asks.
    pub fn wake_at(&self) -> Option<Instant> {
        [self.sync_at, self.settle_at, self.cleanup_at].into_iter().flatten().min()
    }

    /// Does what time asks for.
    pub fn tick(&mut self) {
        let now = Instant::now();
        if self.sync_at.is_some_and(|at| at <= now) {
            self.collect();
            self.begin_syncs();
        }
        if self.settle_at.is_some_and(|at| at <= now) {
            self.collect();
            self.settle_in_time();
        }
        if self.cleanup_at.is_some_and(|at| at <= now) {
            self.plan_cleanup();
            if let Err(error) = self.cleanup(self.around.options.retention) {
                tracing::warn!(target: "smalltalk::event_log", %error, "the regular cleanup failed");
            }
        }
    }

    /// Moves and deletes what the retention no longer keeps.
    pub fn cleanup(&mut self, retention: Duration) -> Result<CleanupReport> {
        // What it deletes is nowhere any more.
        if let Err(error) = self.end_journal() {
            tracing::warn!(target: "smalltalk::event_log", %error, "the journal stays");
        }
        let outcome = retention::cleanup(self, retention);
        statistics::save(self);
        outcome
    }

    fn plan_cleanup(&mut self) {
        let interval = self.around.options.cleanup_interval;
        self.cleanup_at = (!interval.is_zero()).then(|| Instant::now().checked_add(interval)).flatten();
    }

    /// Numbers about the log.
    pub fn statistics(&self) -> Statistics {
        statistics::gather(self)
    }

    /// Puts everything on the disk and marks the log as closed in order, but where a sync failed earlier and not everybody
    /// has heard of it.
    pub fn close(mut self) -> Result<()> {
        self.sync_dirty()?;
        statistics::save(&self);
        self.lanes.values().for_each(|lane| lane.keep_indexes(&mut self.around));
        self.around.keeper.settle();
        let is_certain = self.lanes.values().all(|lane| !lane.broken) && self.around.doubts.are_told();
        if is_certain && self.around.catalog.is_whole() {
            self.end_journal()?;
            let used = |lane: &Lane| lane.next_seq() - 1;
            // Numbers that leapt have not been used: what they leapt over may have been, and is still not there.
            let leapt = self.lanes.values().filter(|lane| used(lane) > lane.session.last_seq());
            let (highest_seq, everywhere) = leapt.fold((self.highest_seq, false), |(highest, everywhere), lane| {
                (record::higher(highest, used(lane)), everywhere || lane.session.last_seq() > 0)
            });
            self.ownership.close(highest_seq, everywhere)?;
        }
        Ok(())
    }
}

/// Answers a parcel, unless somebody else may have begun to own the log before it was written: he would not know of it.
fn answer(parcel: Parcel, holds: bool) {
    if holds || parcel.has_failed() {
        parcel.answer();
    } else {
        parcel.refuse(indeterminate(
            "writing an event",
            "somebody else has removed or replaced the log's lock meanwhile",
        ));
    }
}

/// The events of the parcels by session, sessions and events in the order in which they came.
fn by_session(parcels: &mut [Parcel]) -> Vec<(Arc<str>, Vec<Item>)> {
    let mut order: Vec<(Arc<str>, Vec<Item>)> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (number, parcel) in parcels.iter_mut().enumerate() {
        let mut groups = Vec::with_capacity(parcel.sessions.len());
        for id in &parcel.sessions {
            let known = places.get(id.as_str()).copied();
            groups.push(known.unwrap_or_else(|| {
                let id: Arc<str> = id.as_str().into();
                places.insert(Arc::clone(&id), order.len());
                order.push((id, Vec::new()));
                order.len() - 1
            }));
        }
        for (place, item) in parcel.items(number) {
            if let Some((_, items)) = groups.get(place).and_then(|group| order.get_mut(*group)) {
                items.push(item);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests;
