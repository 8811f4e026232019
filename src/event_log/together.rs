//! Events of one turn of a program's loop: they come in one piece and are answered in one.

use super::append::Receipt;
use crate::{durability::Durability, error::Error, reply::Reply};

/// Events to write.
pub struct Together {
    /// Where they belong.
    pub sessions: Vec<String>,
    /// For each event, which of the sessions; `None`: there is one.
    pub places: Option<Vec<u32>>,
    /// The events, one a line, each as [`EventLog::append`](super::EventLog::append) takes it.
    pub bodies: String,
    /// `None`: that of the handle.
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
    /// Those that are not stored, in order.
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
