//! Whether a directory's names are what they were: one look at it for a batch, instead of one at each file's name.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use crate::found::Identity;

/// Longer than the ticks in which systems count the changes of a directory (10 ms on Linux at the most): what came later
/// has another time.
const TICK: Duration = Duration::from_millis(100);

/// The state of a directory. As long as it has the same one, none of its names has come, gone, or become another file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: Identity,
    /// Since the epoch: nobody can set it, as one can the time of the last modification.
    changed: Duration,
}

impl Stamp {
    /// The state now; `None` where it may stay the same although a name changes: just after a change, or where the system
    /// does not say.
    pub fn of(directory: &Path) -> Option<Self> {
        let found = Self::look(directory)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        found.is_settled(now).then_some(found)
    }

    /// The state as a number, for the next owner of a log: by then the tick is over.
    pub fn trace(directory: &Path) -> Option<u32> {
        let found = Self::look(directory).filter(|found| found.is_fine())?;
        Some(crc32c::crc32c(&found.changed.as_nanos().to_le_bytes()))
    }

    fn is_settled(self, now: Duration) -> bool {
        self.is_fine() && now.saturating_sub(self.changed) >= TICK
    }

    /// File systems that count whole milliseconds, or seconds, have longer ticks.
    fn is_fine(self) -> bool {
        !self.changed.subsec_nanos().is_multiple_of(1_000_000)
    }

    #[cfg(unix)]
    fn look(directory: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(directory).ok()?;
        let changed = Duration::new(found.ctime().try_into().ok()?, found.ctime_nsec().try_into().ok()?);
        Some(Self { identity: Identity::told_by(&found), changed })
    }

    #[cfg(not(unix))]
    fn look(_: &Path) -> Option<Self> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_same_tick_could_not_be_told_and_coarse_times_tell_none() {
        let identity = Identity::of(&std::env::temp_dir()).unwrap();
        let at = |changed| Stamp { identity, changed };
        let changed = Duration::new(1_000, 123_456_789);
        assert!(!at(changed).is_settled(changed));
        assert!(!at(changed).is_settled(changed + Duration::from_millis(99)));
        assert!(at(changed).is_settled(changed + TICK));
        // The clock was set back: what comes next may have the very same time.
        assert!(!at(changed).is_settled(changed.saturating_sub(TICK)));
        for coarse in [Duration::from_secs(1_000), Duration::from_millis(1_000_010)] {
            assert!(!at(coarse).is_settled(coarse + Duration::from_secs(9)));
        }
    }
}
