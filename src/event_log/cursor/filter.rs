//! Which events a replay brings, told by what the index keeps of each.

use std::{collections::HashSet, ops::Range, sync::Arc};

use crate::event_log::index::{Entries, Entry, Summary, Topics};

/// Which events a replay brings.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// Not earlier than this, in milliseconds since the epoch.
    pub since: Option<f64>,
    /// Not later than this.
    pub until: Option<f64>,
    /// Only numbers greater than this.
    pub after_seq: Option<f64>,
    /// Only critical ones.
    pub critical_only: bool,
    /// Only these topics, by their [`topic_key`](crate::event_log::topic_key).
    pub topics: Option<Vec<String>>,
    /// The newest so many of those.
    pub last: Option<usize>,
    /// The oldest so many of what is left.
    pub limit: Option<usize>,
    /// Those in the archive, too.
    pub archived: bool,
}

/// The numbers of the topics that are wanted; `None`: of all.
pub(super) type Wanted = Option<Arc<HashSet<u32>>>;

impl ReplayFilter {
    pub(super) fn wanted_topics(&self, known: &Topics) -> Wanted {
        let wanted = self.topics.as_ref()?;
        Some(Arc::new(wanted.iter().filter_map(|topic| known.find(topic)).collect()))
    }

    /// Whether no event of a file can match.
    pub(super) fn excludes(&self, file: &Summary) -> bool {
        self.since.is_some_and(|since| file.newest < since)
            || self.until.is_some_and(|until| file.oldest > until)
            || self.after_seq.is_some_and(|after| number(file.last_seq) <= after)
    }

    /// What the replay covers of a part of a file: all that the numbers leave, and of that, where only the newest matches
    /// are wanted, what reaches back to the first of them. What is not found here stays wanted.
    pub(super) fn span(
        &self,
        entries: &Entries,
        part: Range<usize>,
        topics: &Wanted,
        wanted: &mut usize,
    ) -> (usize, usize) {
        let list = &entries.list;
        let end = part.end.min(list.len());
        let after = self.after_seq.unwrap_or(f64::NEG_INFINITY);
        let from = list.partition_point(|entry| number(entry.seq) <= after).max(part.start);
        if self.last.is_none() {
            return (from, end);
        }
        let mut start = end;
        for (at, entry) in list.iter().enumerate().take(end).skip(from).rev() {
            if self.matches(entry, topics) {
                start = at;
                *wanted -= 1;
            }
            if *wanted == 0 {
                break;
            }
        }
        (start, end)
    }

    pub(super) fn matches(&self, entry: &Entry, topics: &Wanted) -> bool {
        (entry.critical || !self.critical_only)
            && self.since.is_none_or(|since| entry.timestamp >= since)
            && self.until.is_none_or(|until| entry.timestamp <= until)
            && topics.as_ref().is_none_or(|topics| topics.contains(&entry.topic))
    }
}

/// A number as JavaScript has it. Ours stay below 2^53 until the year 2255.
#[allow(clippy::cast_precision_loss)]
fn number(seq: u64) -> f64 {
    seq as f64
}
