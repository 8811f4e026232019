//! How a thread waits for its next job: asleep, or, where jobs come sooner than it could be put to sleep and woken, awake.

use std::{
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

/// Jobs of somebody who waits for each before the next one come within this; to be woken takes about as long.
const SOON: Duration = Duration::from_micros(100);

/// Where to be woken takes longer, as on a virtual machine whose cores are put to rest, they come within this only: both sides
/// have slept. Once this one is awake, the other need not sleep, and they come soon.
const NEARLY: Duration = Duration::from_micros(400);

/// So many jobs in a row are waited for awake to find out whether they then come soon. The other side has to try as well.
const TRIES: u32 = 8;

/// Where they did not, so many are waited for asleep, at the most, before it is tried again.
const MOST_PASSED_OVER: u32 = 64;

/// Whether the next job is expected soon.
#[derive(Default)]
pub struct Alertness {
    /// How long the next one is waited for awake.
    patience: Duration,
    tried: u32,
    passed_over: u32,
    to_pass_over: u32,
}

impl Alertness {
    /// A message that is there, or comes while it is expected soon.
    #[must_use]
    pub fn look<M>(&self, receiver: &Receiver<M>) -> Option<M> {
        if self.patience.is_zero() {
            return None;
        }
        let begun = Instant::now();
        while begun.elapsed() < self.patience {
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
        if waited < SOON {
            *self = Self { patience: SOON, ..Self::default() };
        } else {
            let worth_a_try = waited < NEARLY && self.tries();
            self.patience = if worth_a_try { NEARLY } else { Duration::ZERO };
        }
    }

    /// Whether it is tried with the next one. Who works steadily, and waits for nobody, would have it awake for nothing.
    fn tries(&mut self) -> bool {
        if self.to_pass_over > 0 {
            self.to_pass_over -= 1;
            return false;
        }
        if self.tried < TRIES {
            self.tried += 1;
            return true;
        }
        self.tried = 0;
        self.passed_over = (self.passed_over * 2 + TRIES).min(MOST_PASSED_OVER);
        self.to_pass_over = self.passed_over;
        false
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
        alertness.note(NEARLY);
        sender.send(2).unwrap();
        assert_eq!(alertness.look(&receiver), None, "it sleeps again");
    }

    /// How many of so many messages, each of which comes after so long, are waited for awake.
    fn awake(alertness: &mut Alertness, messages: usize, after: Duration) -> usize {
        (0..messages)
            .filter(|_| {
                alertness.note(after);
                !alertness.patience.is_zero()
            })
            .count()
    }

    #[test]
    fn it_tries_now_and_then_whether_they_come_soon_where_it_is_awake() {
        let mut alertness = Alertness::default();
        assert_eq!(awake(&mut alertness, 8, NEARLY / 2), 8);
        assert_eq!(awake(&mut alertness, 9, NEARLY / 2), 0, "they did not");
        let steadily = awake(&mut alertness, 10_000, NEARLY / 2);
        assert!((500..2_000).contains(&steadily), "for one in nine: {steadily}");
        assert_eq!(awake(&mut alertness, 100, SOON / 2), 100, "they do");
        assert_eq!(awake(&mut alertness, 8, NEARLY / 2), 8, "and for a while they did not");
        assert_eq!(awake(&mut alertness, 100, NEARLY), 0, "nobody waits for these");
    }
}
