//! An event on its way to a file, from the call to the acknowledgement.

use crate::{durability::Durability, error::Result, reply::Reply};

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
    /// `None`: that of the log.
    pub durability: Option<Durability>,
    /// Who waits.
    pub reply: Reply<Receipt>,
}

/// An event that is with the kernel, and whose acknowledgement is due.
pub struct Written {
    receipt: Receipt,
    reply: Reply<Receipt>,
    /// What the acknowledgement promises.
    pub durability: Durability,
}

impl Written {
    /// An event that is written, and what is owed for it.
    pub fn new(receipt: Receipt, durability: Durability, reply: Reply<Receipt>) -> Self {
        Self { receipt, reply, durability }
    }

    /// Acknowledges it, or tells what failed.
    pub fn answer(self, outcome: Result<()>) {
        self.reply.send(outcome.map(|()| self.receipt));
    }
}
