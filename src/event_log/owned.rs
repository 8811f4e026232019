//! A log that this process owns and has opened: its lanes, what waits for a sync, and when it has to clean up.

mod appending;
mod cleaning;
mod numbers;
mod ownership;
mod reading;
mod syncing;

use std::{
    cell::{Cell, OnceCell},
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Instant,
};

use super::{
    bell::Bell,
    catalog::Catalog,
    checkpoint,
    directory::{Layout, Ownership, Past},
    doubts::Doubts,
    ids::Ids,
    journal::{Journal, redo},
    keeper::Keeper,
    lane::Lane,
    opening::{Damage, RecoveryReport, Stems},
    options::LogOptions,
    quarantine, record,
    retention::Cleanup,
    statistics::{self, Statistics, Totals},
    surroundings::Surroundings,
    sync::Syncer,
};
use crate::error::{Error, Result};

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
    /// What an owner that was killed left to be synced, and nobody has written to since.
    found: VecDeque<Arc<str>>,
    /// Those of it whose sync is under way.
    found_under_way: HashSet<Arc<str>>,
    /// Of whom the journal speaks.
    pub(super) journaled: HashSet<Arc<str>>,
    /// When that has to be seen to.
    pub(super) settle_at: Option<Instant>,
    /// What the names of files begin with that did not say whose they are; whoever writes to their session knows.
    unclaimed: HashSet<String>,
    /// Sessions that were read again, whose files are still to be synced.
    read_again: Vec<Arc<str>>,
    /// What there is of those that are still to be read again, once it was looked up for this batch.
    listed: Option<Stems>,
    /// Those of this batch that could not be put in their place from the journal, and why.
    pub(super) unmended: HashMap<Arc<str>, Error>,
    handles: usize,
    /// Whether no more files could be opened, and some still wait for their sync because of that.
    is_short: bool,
    sync_at: Option<Instant>,
    cleanup_at: Option<Instant>,
    /// The first one is under way.
    cleanups: VecDeque<Cleanup>,
    /// When it goes on.
    clean_at: Option<Instant>,
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
        let mut unclaimed = HashSet::new();
        let loaded = reading::read_all(&layout, catalog, &mut report, &mut unclaimed)?;
        let (past, archived) = numbers::Archived::look(&layout, past, &loaded);
        let highest_seq = match past {
            Past::New => 0,
            Past::Closed { highest_seq, .. } if archived.furthest() <= highest_seq => highest_seq,
            Past::Closed { .. } => numbers::beyond_others(archived.furthest()),
            Past::Unclean => {
                let last = numbers::last_of_all(&layout, &loaded, &archived);
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
                exhausted: Cell::new(false),
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
            found: VecDeque::new(),
            found_under_way: HashSet::new(),
            journaled: HashSet::new(),
            settle_at: None,
            unclaimed,
            read_again: Vec::new(),
            listed: None,
            unmended: HashMap::new(),
            handles: 0,
            is_short: false,
            sync_at: None,
            cleanup_at: None,
            cleanups: VecDeque::new(),
            clean_at: None,
        };
        for session in loaded {
            let in_archive = archived.of(&session.session);
            let is_in_doubt = past == Past::Unclean || session.suspicious;
            let next = if is_in_doubt {
                numbers::beyond(numbers::last_of(&owned.around.layout, &session).max(in_archive))
            } else {
                session.last_seq + 1
            };
            let everywhere = given.is_some() || matches!(past, Past::Closed { everywhere: true, .. });
            // A file may have been made for an event that never came.
            let used = everywhere || session.last_seq == 0;
            let next = if used { next.max(highest_seq.saturating_add(1)) } else { next };
            // An earlier state was put back: nobody knows what came after what the archive has.
            owned.resume(session, if next > in_archive { next } else { numbers::beyond(in_archive) });
        }
        if past == Past::Unclean {
            owned.sync_found();
        }
        owned.plan_first_cleanup();
        statistics::save(&owned);
        Ok(owned)
    }

    /// When there is something to do although nobody asks.
    pub fn wake_at(&self) -> Option<Instant> {
        let cleanup_at = if self.cleanups.is_empty() { self.next_cleanup() } else { self.clean_at };
        [self.sync_at, self.settle_at, cleanup_at].into_iter().flatten().min()
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
        self.clean_in_time(now);
    }

    /// Numbers about the log.
    pub fn statistics(&self) -> Statistics {
        statistics::gather(self)
    }

    /// Puts everything on the disk and marks the log as closed in order, but where a sync failed earlier and not everybody
    /// has heard of it, or where a session's last event is not there any more.
    pub fn close(mut self) -> Result<()> {
        self.end_cleanups(&Ok(()));
        self.sync_dirty()?;
        // What is left to do opens files, and these may be all that may be open.
        self.close_handles();
        statistics::save(&self);
        self.lanes.values().for_each(|lane| lane.keep_indexes(&mut self.around));
        self.around.keeper.settle();
        let is_certain = self.lanes.values().all(|lane| !lane.broken) && self.around.doubts.are_told();
        if is_certain && self.around.catalog.is_whole() {
            self.end_journal()?;
            // Numbers that leapt have not been used: what they leapt over may have been, and is still not there.
            let has_leapt = |lane: &Lane| lane.next_seq() - 1 > lane.session.last_seq();
            let everywhere = self.lanes.values().any(|lane| has_leapt(lane) && lane.session.last_seq() > 0);
            // Of all sessions: any of them may have lost its files by the next opening.
            let highest_seq = self.given();
            if self.lanes.values().all(Lane::has_its_last) {
                let sessions = self.lanes.values().map(|lane| &*lane.session);
                let trace = numbers::trace(&self.around.layout, sessions);
                self.ownership.close(highest_seq, everywhere, trace)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
