//! What the watching thread has to say about the agents of one monitor.

use super::{
    loops::LoopNews,
    standing::{Reason, Standing},
};

/// An agent: where it is found, and which of its lives is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whom {
    /// Its slot.
    pub slot: u32,
    /// Which registration: the slot may have got another agent meanwhile.
    pub ticket: u32,
}

/// An agent that stands differently now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which one.
    pub whom: Whom,
    /// How it stands.
    pub standing: Standing,
    /// How many beats it missed.
    pub missed: u32,
    /// What made it stand so; nothing where it is healthy.
    pub reason: Option<Reason>,
}

/// What a sweep has to say. Nothing is sent when there is nothing to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The event loop shall show that it runs, by [`Monitor::echo`], when all those of `ping` have been pinged.
    pub echo: bool,
    /// Who stands differently.
    pub moved: Vec<Move>,
    /// Whom to ping.
    pub ping: Vec<Whom>,
    /// Which loops of the process froze or thawed, in that order.
    pub loops: Vec<LoopNews>,
    /// Whether somebody debugs the process has to be known: a loop may be frozen soon, or be paused. It is noted with every report.
    pub debugger: bool,
    /// The watching thread is gone: nobody is watched any more.
    pub lost: bool,
}

impl Report {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
