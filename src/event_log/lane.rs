//! The writing end of one session: hands out numbers and adds lines to the file.

mod closing;
mod safety;
mod storing;

use std::sync::Arc;

use super::{
    append::{Item, Parcel, Receipt},
    consumers,
    current::Current,
    directory::Layout,
    ids::Ids,
    index::{Entry, Session},
    names,
    opening::Loaded,
    record,
    surroundings::Surroundings,
};
use crate::error::Error;

/// The writing end of one session.
#[expect(clippy::struct_excessive_bools, reason = "any of them may be true with any other")]
pub struct Lane {
    /// What readers see of it.
    pub session: Arc<Session>,
    /// A write or a sync failed in a way that leaves open what the file holds: it is read again before the next write.
    pub broken: bool,
    /// Whether lines wait for a sync that nobody has begun.
    pub dirty: bool,
    /// Whether it stands in the list of those whose sync is due next.
    pub due: bool,
    stem: String,
    session_json: String,
    next_seq: u64,
    /// Whether that is known to be above the positions that its consumers had when it was first written to.
    is_ahead: bool,
    current: Current,
    /// What this batch has written to the file, where it may go to the journal.
    fresh: Option<Fresh>,
}

/// What a batch has written to a file.
pub struct Fresh {
    file: String,
    /// The number of the file's first event, where it begins with that: by it the journal knows the file.
    first_seq: Option<u64>,
    offset: u64,
    bytes: Vec<u8>,
}

/// What became of events that were to be written.
pub struct Outcome {
    /// Those that are with the kernel.
    pub written: Vec<Item>,
    /// Those that are not because no more files may be open, and what says so: nothing of them is stored, no number is theirs,
    /// and they can be written once others are closed.
    pub unopened: Option<(Error, Vec<Item>)>,
}

/// Lines that go to the file in one write.
#[derive(Default)]
struct Draft {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Which events these are, and what they got where somebody wants to know.
    events: Vec<(Item, Option<Receipt>)>,
}

impl Draft {
    fn with_room_for(items: &[Item]) -> Self {
        let bytes = items.iter().map(|item| item.span.len() + record::FRAME).sum();
        Self {
            bytes: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(items.len()),
            events: Vec::with_capacity(items.len()),
        }
    }
}

impl Lane {
    /// A session without files, whose numbers start at `next_seq`.
    pub fn new(id: &str, next_seq: u64) -> Self {
        Self::over(Arc::new(Session::new(id)), next_seq, 0, false)
    }

    /// A session as it was found, on the disk.
    pub fn resume(loaded: Loaded, next_seq: u64) -> Self {
        Self::over(loaded.session, next_seq, loaded.length, loaded.ends_open)
    }

    fn over(session: Arc<Session>, next_seq: u64, length: u64, ends_open: bool) -> Self {
        Self {
            stem: names::stem_of(&session.id),
            session_json: record::json_text(&session.id),
            session,
            broken: false,
            dirty: false,
            due: false,
            next_seq,
            is_ahead: false,
            current: Current::of(length, ends_open),
            fresh: None,
        }
    }

    /// The number that the next event gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Before it is first written to: goes on above what its consumers have acknowledged. The last owner may have closed the
    /// log in order, and somebody have put an earlier state of the file in its place since.
    pub fn get_ahead(&mut self, layout: &Layout) {
        if !std::mem::replace(&mut self.is_ahead, true) {
            let used = self.next_seq - 1;
            self.next_seq = record::higher(used, consumers::furthest_of(layout, &self.session.id)) + 1;
        }
    }

    /// The same where a consumer's position may have been overlooked, because no more files could be open.
    pub fn get_ahead_again(&mut self, layout: &Layout) {
        self.is_ahead = false;
        self.get_ahead(layout);
    }

    /// Writes events of the parcels at hand, in order, and tells the parcels what became of them, but for those that no file
    /// could be opened for.
    pub fn write(
        &mut self,
        around: &mut Surroundings,
        ids: &mut Ids,
        parcels: &mut [Parcel],
        items: Vec<Item>,
    ) -> Outcome {
        let mut outcome = Outcome { written: Vec::with_capacity(items.len()), unopened: None };
        let mut draft = Draft::with_room_for(&items);
        let mut is_old = self.is_old(around);
        for item in items {
            if is_old || self.full(around, &draft) {
                is_old = false;
                self.put(around, std::mem::take(&mut draft), parcels, &mut outcome);
                self.close_file(around);
            }
            if let Some(parcel) = parcels.get_mut(item.parcel) {
                self.add(ids, parcel, item, &mut draft);
            }
        }
        self.put(around, draft, parcels, &mut outcome);
        outcome
    }

    fn full(&self, around: &Surroundings, draft: &Draft) -> bool {
        self.current.length + draft.bytes.len() as u64 > around.options.max_file_bytes
    }

    fn is_old(&self, around: &Surroundings) -> bool {
        self.current.length > 0 && self.current.begun.elapsed() >= around.options.retention / 4
    }

    fn add(&mut self, ids: &mut Ids, parcel: &mut Parcel, item: Item, draft: &mut Draft) {
        let body = parcel.body(&item);
        let head = match record::read_body(body) {
            Ok(head) => head,
            Err(error) => return parcel.fail(item.index, error),
        };
        if self.current.ends_open && draft.bytes.is_empty() {
            draft.bytes.push(b'\n');
        }
        let seq = self.next_seq;
        if seq > record::MAX_SEQ {
            let cause = std::io::Error::other("its events have used up all numbers");
            return parcel
                .fail(item.index, Error::io(format!("numbering an event of session {:?}", self.session.id), &cause));
        }
        self.next_seq += 1;
        let (id, id_json) = match &parcel.id {
            Some(id) => (id.clone(), record::json_text(id)),
            None => quoted(ids.next()),
        };
        let offset = self.current.length + draft.bytes.len() as u64;
        let length = record::push_line(&mut draft.bytes, seq, id_json.as_bytes(), &self.session_json, body);
        draft.entries.push(Entry {
            offset,
            seq,
            timestamp: head.timestamp,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            topic: self.session.topics().number(&head.topic),
            critical: head.critical,
        });
        let receipt = parcel.receipts.then_some(Receipt { seq, id });
        draft.events.push((item, receipt));
    }
}

/// An id that we have made, and as JSON.
fn quoted(id: String) -> (String, String) {
    let json = ["\"", &id, "\""].concat();
    (id, json)
}

/// Nobody knows whether a write is stored.
pub fn indeterminate(doing: &str, cause: &str) -> Error {
    Error::Indeterminate { doing: doing.into(), cause: cause.into() }
}
