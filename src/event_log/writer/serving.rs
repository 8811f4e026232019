//! The jobs of a batch: events are written together, and flushes that wait together share one sync.

use std::collections::HashMap;

use super::{Job, Writer};
use crate::{
    error::Result,
    event_log::{append::Parcel, erase, owned::Owned},
    reply::Reply,
};

/// What was asked for and is done together.
#[derive(Default)]
struct Gathered {
    parcels: Vec<Parcel>,
    /// Which handle waits until everything is on the disk, and where it hears of that.
    flushes: Vec<(Option<u32>, Reply<()>)>,
}

impl Writer {
    /// Does the jobs in their order, but that flushes wait for the events that were asked for after them: one sync is for all of
    /// them, and no event waits for it that can be written before.
    pub(super) fn serve(&mut self, batch: Vec<Job>) {
        let mut gathered = Gathered::default();
        for job in batch {
            self.serve_one(job, &mut gathered);
        }
        self.flush(&mut gathered);
    }

    fn serve_one(&mut self, job: Job, gathered: &mut Gathered) {
        match job {
            Job::Append(parcel) => gathered.parcels.push(parcel),
            Job::Flush { handle, reply } => {
                gathered.flushes.push((handle, reply));
                // What is not open has nothing to flush, and nobody waits until it is.
                if self.owned.is_none() && gathered.parcels.is_empty() {
                    self.flush(gathered);
                }
            }
            // Whoever looks sees what was written, on the disk or not: he waits for no sync, and keeps no flushes apart.
            Job::Open { session, reply } => {
                self.append(gathered);
                reply.send(self.open().and_then(|owned| session.map_or(Ok(()), |id| owned.make_readable(&id))));
            }
            Job::Statistics(reply) => {
                self.append(gathered);
                reply.send(self.open().map(|owned| owned.statistics()));
            }
            Job::Cleanup { retention, reply } => {
                self.flush(gathered);
                match self.open() {
                    Ok(owned) => owned.cleanup(retention, reply),
                    Err(error) => reply.send(Err(error)),
                }
            }
            Job::Heed(options) => self.heed(options),
            Job::Erase { session, reply } => {
                self.flush(gathered);
                reply.send(self.open().and_then(|owned| erase::erase(owned, &session)));
            }
        }
    }

    /// Writes the events at hand, and answers those that need no sync, or have had theirs.
    fn append(&mut self, gathered: &mut Gathered) {
        if gathered.parcels.is_empty() {
            return;
        }
        let parcels = std::mem::take(&mut gathered.parcels);
        let checked = self.check_ownership(Owned::seems_to_hold);
        match checked.and_then(|()| self.opened()) {
            Ok(owned) => owned.append(parcels),
            Err(error) => parcels.into_iter().for_each(|parcel| parcel.refuse(error.clone())),
        }
        // What the batch itself has noticed, those whose events are in it have heard.
        let _ = self.check_ownership(|owned| Ok(!owned.has_lost()));
    }

    /// The same, and where somebody waits for that, puts everything that was written on the disk, once for all: a sync that
    /// fails is everybody's. Of one that failed earlier each handle hears once, from all of its flushes: what it concerns may have
    /// come before the last of them only.
    fn flush(&mut self, gathered: &mut Gathered) {
        self.append(gathered);
        if gathered.flushes.is_empty() {
            return;
        }
        let synced = self.sync();
        let mut told = HashMap::new();
        for (handle, reply) in std::mem::take(&mut gathered.flushes) {
            let tell = |handle| told.entry(handle).or_insert_with(|| self.shared.doubts.tell(handle)).clone();
            reply.send(synced.clone().and(handle.map_or(Ok(()), tell)));
        }
    }

    /// What is not open has nothing to sync.
    fn sync(&mut self) -> Result<()> {
        if self.owned.is_some() { self.open()?.sync_dirty() } else { Ok(()) }
    }
}
