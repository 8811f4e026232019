//! A way into the log for rooms that know no log.

use std::sync::{Arc, Weak};

use super::LogHandle;
use crate::{
    durability::Durability,
    event_log::{EventLog, Receipt},
    event_sink::{Done, EventSink},
    reply::Reply,
};

impl LogHandle {
    /// It does not keep the log open.
    pub fn sink(&self) -> impl EventSink + use<> {
        Sink(Arc::downgrade(&self.log))
    }
}

struct Sink(Weak<EventLog>);

impl EventSink for Sink {
    fn place(&self) -> Option<usize> {
        self.0.upgrade()?.place()
    }

    fn store(&self, session: &str, body: String, done: Done) -> bool {
        let Some(log) = self.0.upgrade().filter(|log| log.place().is_some()) else { return false };
        let reply = Reply::new(|outcome: crate::Result<Receipt>| {
            done();
            if let Err(error) = outcome {
                tracing::warn!(target: "smalltalk::health", %error, "an event that had to be kept is not in the log");
            }
        });
        log.append(session.to_owned(), body, None, Some(Durability::Power), reply);
        true
    }
}
