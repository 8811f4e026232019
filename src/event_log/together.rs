//! Events of one turn of a program's loop: they come in one piece and are answered in one.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    MAX_EVENT_BYTES,
    append::{Append, Receipt},
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
};

/// Events to write.
pub struct Together {
    /// Where they belong.
    pub sessions: Vec<String>,
    /// For each event, which of the sessions.
    pub places: Vec<u32>,
    /// The events, one a line, each as [`EventLog::append`](super::EventLog::append) takes it.
    pub bodies: String,
    /// `None`: that of the log.
    pub durability: Option<Durability>,
    /// Whether anybody wants to know the numbers and ids that they get.
    pub receipts: bool,
    /// Answered when all have been seen to.
    pub reply: Reply<Outcome>,
}

/// What became of them.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// For each event, where receipts were asked for: none where it is not stored.
    pub receipts: Vec<Option<Receipt>>,
    /// Those that are not stored.
    pub unstored: Vec<Unstored>,
}

/// An event that is not stored.
#[derive(Debug, Clone)]
pub struct Unstored {
    /// Which one, from 0.
    pub index: usize,
    /// Why.
    pub error: Error,
}

impl Together {
    /// The events one by one.
    #[must_use]
    pub fn into_appends(self) -> Vec<Append> {
        let Self { sessions, places, bodies, durability, receipts, reply } = self;
        let receipts = if receipts { vec![None; places.len()] } else { Vec::new() };
        let owed = Owed { outcome: Outcome { receipts, unstored: Vec::new() }, reply: Some(reply) };
        let owed = Arc::new(Mutex::new(owed));
        let mut appends = Vec::with_capacity(places.len());
        for (index, (body, place)) in bodies.split('\n').zip(places).enumerate() {
            let owed = Arc::clone(&owed);
            let reply = Reply::new(move |stored: Result<Receipt>| {
                owed.lock().unwrap_or_else(PoisonError::into_inner).note(index, stored);
            });
            let size = body.len();
            match usize::try_from(place).ok().and_then(|place| sessions.get(place)) {
                _ if size > MAX_EVENT_BYTES => {
                    reply.send(Err(Error::ValueTooLarge { size, limit: MAX_EVENT_BYTES }));
                }
                None => reply.send(Err(Error::OptionInvalid("an event of no session".into()))),
                Some(session) => {
                    let (session, body) = (session.clone(), body.to_owned());
                    appends.push(Append { session, body, id: None, durability, reply });
                }
            }
        }
        appends
    }
}

/// The answer: whoever lets go of it last has seen to the last event, and so gives it.
struct Owed {
    outcome: Outcome,
    reply: Option<Reply<Outcome>>,
}

impl Owed {
    fn note(&mut self, index: usize, stored: Result<Receipt>) {
        match stored {
            Err(error) => self.outcome.unstored.push(Unstored { index, error }),
            Ok(receipt) => {
                if let Some(place) = self.outcome.receipts.get_mut(index) {
                    *place = Some(receipt);
                }
            }
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            reply.send(Ok(std::mem::take(&mut self.outcome)));
        }
    }
}
