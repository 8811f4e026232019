//! What a log can be told when it is opened.

use std::{path::PathBuf, time::Duration};

use crate::{
    durability::Durability,
    error::{Error, Result},
};

/// The settings of a log. Handles of a process on one directory share the log, which then does what [`LogOptions::with`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Where the files live. Created, for the owner's eyes only, when it is not there.
    pub directory: PathBuf,
    /// What an append survives that does not say.
    pub durability: Durability,
    /// The longest time for which a line of [`Durability::Process`] waits for its sync.
    pub fsync_interval: Duration,
    /// How long events stay replayable at the least, by their own timestamps.
    pub retention: Duration,
    /// How long the archive keeps them, by the same.
    pub max_retention: Duration,
    /// How often the log cleans up by itself, for the first time a minute after the opening at the latest; zero: never.
    pub cleanup_interval: Duration,
    /// A file that exceeds this is closed, and a new one begun.
    pub max_file_bytes: u64,
    /// What may wait for the writer.
    pub max_queue_bytes: usize,
}

const HOUR: Duration = Duration::from_secs(3600);
const MEBIBYTE: usize = 1024 * 1024;

impl LogOptions {
    /// The defaults, in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            durability: Durability::Process,
            fsync_interval: Duration::from_millis(100),
            retention: 24 * HOUR,
            max_retention: 30 * 24 * HOUR,
            cleanup_interval: HOUR,
            max_file_bytes: 64 * 1024 * 1024,
            max_queue_bytes: 64 * MEBIBYTE,
        }
    }

    /// What is done for two handles that are open: the longest times for which one of them wants events kept, the shortest for
    /// which one lets them wait. `durability` is nothing that a log does for all: it goes with each handle's own appends.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        let never = self.cleanup_interval.is_zero() || other.cleanup_interval.is_zero();
        Self {
            fsync_interval: self.fsync_interval.min(other.fsync_interval),
            retention: self.retention.max(other.retention),
            max_retention: self.max_retention.max(other.max_retention),
            cleanup_interval: if never { Duration::ZERO } else { self.cleanup_interval.max(other.cleanup_interval) },
            max_file_bytes: self.max_file_bytes.min(other.max_file_bytes),
            // What is refused because the queue is full may be lost.
            max_queue_bytes: self.max_queue_bytes.max(other.max_queue_bytes),
            ..self
        }
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`], saying which and why.
    pub fn check(&self) -> Result<()> {
        let rules = [
            (self.directory.as_os_str().is_empty(), "directory is empty"),
            (self.fsync_interval.is_zero(), "fsyncIntervalMs must be above 0"),
            (self.max_retention < self.retention, "maxRetentionMs must not be below retentionMs"),
            (self.max_file_bytes == 0, "maxFileBytes must be above 0"),
            (self.max_queue_bytes == 0, "maxQueueBytes must be above 0"),
        ];
        match rules.iter().find(|(broken, _)| *broken) {
            Some((_, rule)) => Err(Error::OptionInvalid((*rule).into())),
            None => Ok(()),
        }
    }
}
