//! A batch of events on its way into the log: by session to the lanes, and back to whoever waits for each.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{MOST_HANDLES, Owned};
use crate::{
    durability::Durability,
    error::{Error, Result},
    event_log::{
        append::{Item, Parcel},
        confirm::Powered,
        lane::{Lane, Outcome, indeterminate},
        stamp::Stamp,
    },
};

impl Owned {
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
            if wants_power(&parcel) {
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

    /// Writes to one session, before the `next` ones of the batch. What is written comes back where some of it asks for power.
    fn append_to(
        &mut self,
        id: &Arc<str>,
        parcels: &mut [Parcel],
        items: Vec<Item>,
        next: &[Powered],
    ) -> Option<Vec<Item>> {
        let is_ready = self.lanes.get(id).is_some_and(|lane| !lane.broken && !lane.begins_a_file());
        if !is_ready && let Err(error) = self.with_room(|owned| owned.make_ready(id, next)) {
            fail(parcels, items, &error);
            return None;
        }
        let first = self.highest_seq.saturating_add(1);
        let lane = self.lanes.entry(Arc::clone(id)).or_insert_with(|| Lane::new(id, first));
        lane.get_ahead(&self.around.layout);
        let was_open = lane.holds_a_handle();
        let Outcome { mut written, unopened } = lane.write(&mut self.around, &mut self.ids, parcels, items);
        let state = |lane: &Lane| (lane.broken, lane.dirty, lane.due);
        let (mut is_broken, mut is_dirty, mut is_due) = state(lane);
        self.handles += usize::from(!was_open && lane.holds_a_handle());
        if let Some((_, items)) = unopened {
            self.close_handles();
            let lane = self.lanes.get_mut(id)?;
            lane.get_ahead_again(&self.around.layout);
            let again = lane.write(&mut self.around, &mut self.ids, parcels, items);
            (is_broken, is_dirty, is_due) = state(lane);
            self.handles += usize::from(lane.holds_a_handle());
            written.extend(again.written);
            if let Some((error, items)) = again.unopened {
                fail(parcels, items, &error);
            }
        }
        self.totals.appended += written.len() as u64;
        let powered = written.iter().any(|item| parcels.get(item.parcel).is_some_and(wants_power));
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

    /// Closes the handles of all files, when there are many, or no more may be open; whether the latter is so.
    pub(super) fn spare_handles(&mut self) -> bool {
        let is_exhausted = self.around.exhausted.take();
        if is_exhausted || self.handles > MOST_HANDLES {
            self.close_handles();
        }
        is_exhausted
    }

    /// Closes the handles of all files. What waits for its sync is opened again for it, and what is written to is looked up.
    pub(super) fn close_handles(&mut self) {
        self.handles = 0;
        self.lanes.values_mut().for_each(Lane::let_go);
    }

    /// Does what opens files. Where no more may be open, it is done once more when those that the lanes hold are closed.
    pub fn with_room<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        match work(self) {
            Err(Error::Exhausted { .. }) => {
                self.close_handles();
                work(self)
            }
            outcome => outcome,
        }
    }
}

fn wants_power(parcel: &Parcel) -> bool {
    parcel.durability == Durability::Power
}

fn fail(parcels: &mut [Parcel], items: Vec<Item>, error: &Error) {
    for item in items {
        if let Some(parcel) = parcels.get_mut(item.parcel) {
            parcel.fail(item.index, error.clone());
        }
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
