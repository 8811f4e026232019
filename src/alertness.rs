//! How a thread waits for its next job: asleep, or, where jobs come sooner than it could be put to sleep and woken, awake.

use std::{
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

/// Jobs of somebody who waits for each before the next one come within this; to be woken takes about as long.
const SOON: Duration = Duration::from_micros(100);

/// Whether the next job is expected soon.
#[derive(Default)]
pub struct Alertness(bool);

impl Alertness {
    /// A message that is there, or comes while it is expected soon.
    #[must_use]
    pub fn look<M>(&self, receiver: &Receiver<M>) -> Option<M> {
        let begun = Instant::now();
        while self.0 && begun.elapsed() < SOON {
            if let Ok(message) = receiver.try_recv() {
                return Some(message);
            }
            // Whoever is to send it may be waiting for this very core.
            thread::yield_now();
        }
        None
    }

    /// A message has come after so long.
    pub fn note(&mut self, waited: Duration) {
        self.0 = waited < SOON;
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn it_looks_for_a_while_where_the_last_one_came_soon_and_else_takes_nothing() {
        let (sender, receiver) = unbounded();
        sender.send(1).unwrap();
        let mut alertness = Alertness::default();
        assert_eq!(alertness.look(&receiver), None, "it is asleep");
        alertness.note(SOON / 2);
        assert_eq!(alertness.look(&receiver), Some(1));
        let begun = Instant::now();
        assert_eq!(alertness.look(&receiver), None);
        assert!(begun.elapsed() >= SOON, "it looked again and again");
        alertness.note(SOON);
        sender.send(2).unwrap();
        assert_eq!(alertness.look(&receiver), None, "it sleeps again");
    }
}
