//! Events on their way to a file, from the call to the acknowledgement.

use std::ops::Range;

use super::{
    MAX_EVENT_BYTES,
    together::{Outcome, Together, Unstored},
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::{Reply, Tag},
    worker::Room,
};

/// The number and the id that an event got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its number within the session.
    pub seq: u64,
    /// Its id.
    pub id: String,
}

/// An event to write.
pub struct Append {
    /// Where it belongs.
    pub session: String,
    /// The event as one JSON object, with topic, priority and timestamp.
    pub body: String,
    /// Its id; `None`: it gets one.
    pub id: Option<String>,
    /// `None`: the least.
    pub durability: Option<Durability>,
    /// Who waits.
    pub reply: Reply<Receipt>,
}

enum Answer {
    One(Reply<Receipt>),
    All(Reply<Outcome>),
}

/// Events that came in one piece, and what becomes of them.
pub struct Parcel {
    /// Where they belong.
    pub sessions: Vec<String>,
    /// For each event, which of the sessions.
    pub places: Vec<u32>,
    /// The id of the only event, where it brings one.
    pub id: Option<String>,
    /// What is promised for them.
    pub durability: Durability,
    /// Whether anybody wants to know numbers and ids.
    pub receipts: bool,
    bodies: String,
    /// For each event that has been seen to, its number and id, where they are wanted.
    given: Vec<Option<Receipt>>,
    unstored: Vec<Unstored>,
    /// In the queue, until the answer. Before it: whoever has the answer may count on the room.
    room: Option<Room>,
    answer: Answer,
}

/// One event of one of the parcels at hand.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which parcel.
    pub parcel: usize,
    /// Which of its events.
    pub index: usize,
    /// Where it stands in the parcel's text.
    pub span: Range<usize>,
}

impl From<Append> for Parcel {
    fn from(Append { session, body, id, durability, reply }: Append) -> Self {
        Self {
            sessions: vec![session],
            places: vec![0],
            id,
            durability: durability.unwrap_or_default(),
            receipts: true,
            bodies: body,
            given: vec![None],
            unstored: Vec::new(),
            room: None,
            answer: Answer::One(reply),
        }
    }
}

impl From<Together> for Parcel {
    fn from(Together { sessions, places, bodies, durability, receipts, reply }: Together) -> Self {
        let events = || memchr::memchr_iter(b'\n', bodies.as_bytes()).count() + 1;
        let places = places.unwrap_or_else(|| vec![0; events()]);
        let given = if receipts { vec![None; places.len()] } else { Vec::new() };
        let unstored = Vec::new();
        let (durability, answer) = (durability.unwrap_or_default(), Answer::All(reply));
        Self { sessions, places, id: None, durability, receipts, bodies, given, unstored, room: None, answer }
    }
}

impl Parcel {
    /// Its events and the sessions they are of, `number` being its own among the parcels at hand. Those that can be none
    /// are told so.
    pub fn items(&mut self, number: usize) -> Vec<(usize, Item)> {
        let mut items = Vec::with_capacity(self.places.len());
        let mut refused = Vec::new();
        let mut at = 0;
        let lines = memchr::memchr_iter(b'\n', self.bodies.as_bytes()).chain([self.bodies.len()]);
        for (index, (place, end)) in self.places.iter().zip(lines).enumerate() {
            let span = at..end;
            at = end + 1;
            let size = span.len();
            match usize::try_from(*place).ok().filter(|place| *place < self.sessions.len()) {
                _ if size > MAX_EVENT_BYTES => {
                    refused.push((index, Error::ValueTooLarge { size, limit: MAX_EVENT_BYTES }));
                }
                None => refused.push((index, Error::OptionInvalid("an event of no session".into()))),
                Some(place) => items.push((place, Item { parcel: number, index, span })),
            }
        }
        for (index, error) in refused {
            self.fail(index, error);
        }
        items
    }

    /// The text of an event.
    pub fn body(&self, item: &Item) -> &str {
        self.bodies.get(item.span.clone()).unwrap_or_default()
    }

    /// Has room in the queue until it is answered.
    pub fn hold(&mut self, room: Room) {
        self.room = Some(room);
    }

    /// An event is with the kernel.
    pub fn note(&mut self, index: usize, receipt: Receipt) {
        if let Some(place) = self.given.get_mut(index) {
            *place = Some(receipt);
        }
    }

    /// An event is not stored, or nobody knows.
    pub fn fail(&mut self, index: usize, error: Error) {
        if let Some(place) = self.given.get_mut(index) {
            *place = None;
        }
        self.unstored.push(Unstored { index, error });
    }

    /// Whether none of its events is stored.
    pub fn has_failed(&self) -> bool {
        self.unstored.len() >= self.places.len()
    }

    /// By what whoever waits knows it.
    pub fn tag(&self) -> Option<Tag> {
        match &self.answer {
            Answer::One(reply) => reply.tag(),
            Answer::All(reply) => reply.tag(),
        }
    }

    /// Acknowledges what is stored, and tells of the rest.
    pub fn answer(mut self) {
        drop(self.room.take());
        match self.answer {
            Answer::All(reply) => {
                // In the order of the events, whichever failed first.
                self.unstored.sort_by_key(|unstored| unstored.index);
                reply.send(Ok(Outcome { receipts: self.given, unstored: self.unstored }));
            }
            Answer::One(reply) => reply.send(outcome_of_one(self.given, self.unstored)),
        }
    }

    /// Tells that none is stored.
    pub fn refuse(mut self, error: Error) {
        drop(self.room.take());
        match self.answer {
            Answer::All(reply) => reply.send(Err(error)),
            Answer::One(reply) => reply.send(Err(error)),
        }
    }
}

fn outcome_of_one(given: Vec<Option<Receipt>>, unstored: Vec<Unstored>) -> Result<Receipt> {
    if let Some(Unstored { error, .. }) = unstored.into_iter().next() {
        return Err(error);
    }
    let lost = || Error::Panic { room: super::NAME, message: "an event was never seen to".into() };
    given.into_iter().next().flatten().ok_or_else(lost)
}
