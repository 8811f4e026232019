//! A session on its way out in pieces of whole messages: the first of them are parsed while the last are still being read.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use super::{
    heads::{Head, Standing},
    lifted::Lifted,
    message_rows::{self, MessageRow},
    snapshot::snapshot,
};
use crate::{engine_text::EngineText, error::Result, storage::session::Encoded};

/// Parsing as many bytes holds an event loop for a fraction of a millisecond. A larger message is a piece of its own.
const PIECE: usize = 40 * 1024;

/// A session without its messages, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHead {
    /// The session, whose messages are an empty array.
    pub data: Encoded,
    /// Grows with every write.
    pub version: i64,
    /// Which state this is, to those who save what changed since.
    pub stamp: i64,
    /// How many messages belong to it.
    pub message_count: i64,
}

impl From<Head> for SessionHead {
    fn from(head: Head) -> Self {
        let Head { data: text, types, version, stamp, message_count, .. } = head;
        Self { data: Encoded { text, types }, version, stamp, message_count }
    }
}

/// Some messages of a session, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// A JSON array of them.
    pub messages: EngineText,
    /// Their tables of types, one a line.
    pub types: EngineText,
    /// Where they stand.
    pub positions: Vec<i64>,
    /// Long contents that were taken out of the array, where that was asked for.
    pub lifted: Option<Lifted>,
}

/// Pieces that were read and not yet taken.
pub struct SessionReading {
    ready: Mutex<VecDeque<Piece>>,
    held: Mutex<Vec<Piece>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl SessionReading {
    /// `wake` is called, on the thread that reads, when there is a piece where there was none.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { ready: Mutex::default(), held: Mutex::default(), wake: Box::new(wake) }
    }

    /// The next piece, where one is ready.
    #[must_use]
    pub fn next_piece(&self) -> Option<Piece> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, piece: Piece) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ready.is_empty();
        ready.push_back(piece);
        drop(ready);
        if first {
            (self.wake)();
        }
    }

    /// What to do with each piece. Nothing is left of an attempt before: in the middle of a batch, which may be begun anew, pieces
    /// are kept back.
    pub fn begin(&self, connection: &Connection) -> impl Fn(Piece) + '_ {
        let in_a_batch = !connection.is_autocommit();
        drop(self.held());
        move |piece| if in_a_batch { self.hold(piece) } else { self.push(piece) }
    }

    /// Keeps a piece back until it is known that what it was read from came to be.
    fn hold(&self, piece: Piece) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
    }

    fn held(&self) -> Vec<Piece> {
        mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands on what was kept back.
    pub fn release(&self) {
        self.held().into_iter().for_each(|piece| self.push(piece));
    }
}

/// Reads a session into `reading`. Its pieces are to be believed when this has given its row: only then was all of it
/// there. In the middle of a batch it may have to be done again, as what it has read may never come to be.
pub fn read(connection: &Connection, id: &str, reading: &SessionReading) -> Result<Option<SessionHead>> {
    let give = reading.begin(connection);
    snapshot(connection, || {
        let Some(head) = Standing::trusted(connection, id)? else { return Ok(None) };
        let mut gathered = Gathered::lifting();
        message_rows::all(connection, id, &head, |message| gathered.take(message, &give))?;
        if !gathered.is_empty() {
            give(gathered.into_piece());
        }
        Ok(Some(head.into()))
    })
}

/// Messages on their way into one text.
#[derive(Default)]
pub struct Gathered {
    messages: String,
    types: String,
    positions: Vec<i64>,
    lifted: Option<Lifted>,
}

impl Gathered {
    /// Takes long contents out of what it gathers.
    fn lifting() -> Self {
        Self { lifted: Some(Lifted::with_capacity(PIECE)), ..Self::default() }
    }

    /// Adds a message behind the others, which are given away where it would be too much with them.
    pub fn take(&mut self, message: &MessageRow<'_>, give: &impl Fn(Piece)) {
        if !self.is_empty() && self.size() + message.text.len() > PIECE {
            let next = if self.lifted.is_some() { Self::lifting() } else { Self::default() };
            give(mem::replace(self, next).into_piece());
        }
        self.push(message);
    }

    /// Adds a message behind the others.
    pub fn push(&mut self, message: &MessageRow<'_>) {
        if self.is_empty() {
            self.messages.push('[');
        } else {
            self.messages.push(',');
            self.types.push('\n');
        }
        let left_out = self.lifted.as_mut().and_then(|lifted| lifted.take(message.text)).unwrap_or_default();
        self.messages.push_str(message.text.get(..left_out.start).unwrap_or_default());
        self.messages.push_str(message.text.get(left_out.end..).unwrap_or_default());
        self.types.push_str(message.types.unwrap_or_default());
        self.positions.push(message.position);
    }

    fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    fn size(&self) -> usize {
        self.messages.len() + self.types.len() + self.lifted.as_ref().map_or(0, Lifted::size)
    }

    /// The messages as JavaScript takes them.
    pub fn into_piece(mut self) -> Piece {
        self.messages.push_str(if self.is_empty() { "[]" } else { "]" });
        Piece {
            messages: EngineText::of_json(self.messages).fitted(),
            types: EngineText::of_json(self.types),
            positions: self.positions,
            lifted: self.lifted.map(Lifted::fitted),
        }
    }
}
