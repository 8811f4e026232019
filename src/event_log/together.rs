//! Events of one turn of a program's loop: they come in one piece and are answered in one.

use std::sync::{Arc, Mutex, PoisonError};

use super::{MAX_EVENT_BYTES, append::Append};
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
    /// Answered with those that are not stored when all have been seen to.
    pub reply: Reply<Vec<Unstored>>,
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
        let Self { sessions, places, bodies, durability, reply } = self;
        let outcome = Arc::new(Outcome { unstored: Mutex::default(), reply: Mutex::new(Some(reply)) });
        let mut appends = Vec::with_capacity(places.len());
        for (index, (body, place)) in bodies.split('\n').zip(places).enumerate() {
            let outcome = Arc::clone(&outcome);
            let reply = Reply::new(move |stored: Result<_>| {
                if let Err(error) = stored {
                    outcome.note(index, error);
                }
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

/// What became of them: whoever lets go of it last has seen to the last event, and so gives the answer.
struct Outcome {
    unstored: Mutex<Vec<Unstored>>,
    reply: Mutex<Option<Reply<Vec<Unstored>>>>,
}

impl Outcome {
    fn note(&self, index: usize, error: Error) {
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner).push(Unstored { index, error });
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let unstored = std::mem::take(self.unstored.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(reply) = self.reply.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            reply.send(Ok(unstored));
        }
    }
}
