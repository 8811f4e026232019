//! Doubt about what is on the disk: from a sync that failed until the file has been opened anew, whoever asks for that first.

use std::time::{Duration, Instant};

/// Nobody may ask for long, and what was acknowledged without a sync is not on the disk yet.
const SOON: Duration = Duration::from_secs(2);

/// A disk that goes on failing keeps no process busier than this.
const SELDOM: Duration = Duration::from_secs(60);

/// Whether there is doubt, and when to try to end it.
#[derive(Debug, Default)]
pub struct Doubt {
    pause: Duration,
    recover_at: Option<Instant>,
}

impl Doubt {
    /// A sync has failed.
    pub fn begin(&mut self) {
        if !self.is_there() {
            self.wait(SOON);
        }
    }

    /// The file has been opened anew, and what was in doubt is on the disk.
    pub fn end(&mut self) {
        self.recover_at = None;
    }

    /// A try to end it has failed: the next one comes after twice the time. Says whether that was the first one.
    pub fn postpone(&mut self) -> bool {
        let is_first = self.pause == SOON;
        self.wait(self.pause.saturating_mul(2).min(SELDOM));
        is_first
    }

    /// Whether nothing may be acknowledged.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.recover_at.is_some()
    }

    /// When to try to end it although nobody asks.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.recover_at
    }

    fn wait(&mut self, pause: Duration) {
        self.pause = pause;
        self.recover_at = Some(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tries_to_end_it_come_less_and_less_often_and_never_cease() {
        let mut doubt = Doubt::default();
        assert!(!doubt.is_there());
        doubt.begin();
        let first = doubt.wake_at();
        doubt.begin();
        assert_eq!(doubt.wake_at(), first, "a second failure puts nothing off");
        let pauses = [4, 8, 16, 32, 60, 60].map(Duration::from_secs);
        for (failed, pause) in pauses.into_iter().enumerate() {
            assert_eq!(doubt.postpone(), failed == 0, "what stays as it is is said once");
            assert_eq!(doubt.pause, pause);
            assert!(doubt.is_there());
        }
        doubt.end();
        assert_eq!((doubt.is_there(), doubt.wake_at()), (false, None));
        doubt.begin();
        assert!(doubt.postpone(), "another doubt is another one");
    }
}
