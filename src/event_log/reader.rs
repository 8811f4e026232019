//! The thread that serves replays, so that none of them waits behind a sync.

use std::sync::{Arc, Mutex, PoisonError};

use super::cursor::Cursor;
use crate::{error::Error, reply::Reply, worker::Handler};

/// A replay that two sides may touch: the reader, and whoever ends it early.
pub type SharedCursor = Arc<Mutex<Cursor>>;

/// The next piece of a replay is wanted.
pub struct Pull {
    /// Which one.
    pub cursor: SharedCursor,
    /// A JSON array of events; `None` at the end.
    pub reply: Reply<Option<String>>,
}

impl Pull {
    /// Answers without reading.
    pub fn refuse(self, error: Error) {
        self.reply.send(Err(error));
    }
}

/// The reader.
pub struct Reader;

impl Handler<Pull> for Reader {
    fn handle(&mut self, batch: Vec<Pull>) {
        for Pull { cursor, reply } in batch {
            let outcome = cursor.lock().unwrap_or_else(PoisonError::into_inner).pull();
            reply.send(outcome);
        }
    }
}
