//! A change that waits to share a transaction with others.

use std::sync::Arc;

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
    storage::sqlite::{
        coming::ComingMessages,
        ending::Ending,
        owed::{Change, Owed, Verdict},
    },
    worker::Room,
};

/// A change, answered after the commit that holds it.
pub struct Write {
    change: Box<dyn Change>,
    size: usize,
    end: Option<i64>,
    frees: bool,
    tag: Option<Tag>,
    look: Option<Look>,
    /// How often the change was made less.
    lessened: usize,
    /// Those who have the room for the change, as they will need more.
    coming: Option<Arc<ComingMessages>>,
    /// Whoever has asked for it may want it no more.
    ending: Option<Arc<Ending>>,
}

/// Finding out before the transaction what a change will need: there, damage that is met ends nothing. It is to find no
/// more than this part of what it could.
type Look = Box<dyn Fn(&Connection, usize) + Send>;

/// What a change that looks takes on at once, and how much less of it on a full disk: then some dozens of pages have to do.
const PARTS: [usize; 3] = [1, 64, 512];

impl Write {
    /// A change that takes about `size` bytes in the queue. Where it fails, nothing of it is written; where another one of
    /// its batch does, it may be run a second time, on the state that it found the first time.
    pub(in crate::storage::sqlite) fn new<T: Send + 'static>(
        size: usize,
        reply: Reply<T>,
        change: impl Fn(&Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let tag = reply.tag();
        let change = Box::new(Owed::new(change, reply));
        Self {
            change,
            size: size + WRITE_SIZE,
            end: None,
            frees: false,
            tag,
            look: None,
            lessened: 0,
            coming: None,
            ending: None,
        }
    }

    /// The change removes more than it writes: it is done on a full disk as well, if there is any way to.
    pub(in crate::storage::sqlite) fn freeing(self) -> Self {
        Self { frees: true, ..self }
    }

    /// The change wants to look before the transaction, and takes on as much as it finds.
    pub(in crate::storage::sqlite) fn looking(self, look: impl Fn(&Connection, usize) + Send + 'static) -> Self {
        Self { look: Some(Box::new(look)), ..self }
    }

    /// Whether the change looks before the transaction: what was asked for before it has to be there by then.
    pub(in crate::storage::sqlite) fn looks(&self) -> bool {
        self.look.is_some()
    }

    /// Lets the change look.
    pub(in crate::storage::sqlite) fn look(&self, connection: &Connection) {
        if let Some(look) = &self.look {
            look(connection, PARTS.get(self.lessened).copied().unwrap_or(1));
        }
    }

    /// Has a change that looks take on less at once; whether it could be still less.
    pub(in crate::storage::sqlite) fn lessen(&mut self) -> bool {
        if self.looks() && self.lessened + 1 < PARTS.len() {
            self.lessened += 1;
        }
        self.looks() && self.lessened + 1 < PARTS.len()
    }

    /// Whether the change removes more than it writes.
    pub(in crate::storage::sqlite) fn frees(&self) -> bool {
        self.frees
    }

    /// The change needs room for what comes.
    pub(in crate::storage::sqlite) fn of_coming(self, coming: Arc<ComingMessages>) -> Self {
        Self { coming: Some(coming), ..self }
    }

    /// The change is not begun once nobody wants it any more.
    pub(in crate::storage::sqlite) fn stopped_by(self, ending: Arc<Ending>) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// By what whoever asked knows it.
    pub(super) fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// Whether the room for the change is there already.
    pub(super) fn has_room(&self) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.has_room())
    }

    /// Has room in the queue until it is answered.
    pub(super) fn hold(&mut self, room: Room) {
        match &self.coming {
            Some(coming) => coming.hold(room),
            None => self.change.hold(room),
        }
    }

    /// The change sets a key that ends then, in milliseconds since the epoch.
    pub(in crate::storage::sqlite) fn ending(self, end: Option<i64>) -> Self {
        Self { end, ..self }
    }

    /// When a key ends that the change sets.
    pub(in crate::storage::sqlite) fn end(&self) -> Option<i64> {
        self.end
    }

    /// Does the change within the transaction that is open; why it failed.
    pub(in crate::storage::sqlite) fn attempt(&mut self, connection: &Connection) -> Option<Error> {
        if let Some(Err(stopped)) = self.ending.as_ref().map(|ending| ending.begin()) {
            self.change.skip(stopped.clone());
            return Some(stopped);
        }
        self.change.attempt(connection)
    }

    /// Does not do the change, as something else has failed.
    pub(in crate::storage::sqlite) fn skip(&mut self, error: Error) {
        self.change.skip(error);
    }

    /// The answer that it owes after an attempt.
    pub(in crate::storage::sqlite) fn verdict(self) -> Verdict {
        Box::new(|fate| self.change.settle(fate))
    }

    /// Answers without having done anything.
    pub(in crate::storage::sqlite) fn refuse(self, error: Error) {
        self.change.refuse(error);
    }

    /// About as many bytes as it takes in the queue.
    pub(in crate::storage::sqlite) fn size(&self) -> usize {
        self.size
    }
}

/// What a change counts in the queue beside its texts.
const WRITE_SIZE: usize = 128;
