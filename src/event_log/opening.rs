//! From the files on the disk to the index in memory, once for each opening; repairs what only the owner may repair.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::{Arc, RwLock},
};

use serde::Serialize;

use super::{
    checkpoint,
    directory::Layout,
    files,
    index::{Entries, Placed, Session, Topics},
    names, quarantine,
    recovery::{self, Found, Recovered, may_be_ours, recover, recover_named},
};
use crate::error::Result;

/// What opening a log found.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryReport {
    /// Whether the last owner closed the log in order, or there was none.
    pub clean: bool,
    /// How many events are there.
    pub events: u64,
    /// Unfinished last lines that were cut off: writes that nobody was promised.
    pub torn: Vec<TornLine>,
    /// Bytes that are no events, those that replays have met since included; they are skipped, and stay where they are.
    pub damaged: Vec<Damage>,
}

/// An unfinished last line.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TornLine {
    /// Whose last line it was.
    pub file: String,
    /// What was cut off.
    pub bytes: u64,
}

/// Bytes that are no events.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Damage {
    /// Where they stand.
    pub file: String,
    /// From here on.
    pub offset: u64,
    /// So many.
    pub bytes: u64,
    /// Their copy, below the log's directory; none of what was damaged since the opening, or could not be copied: the next
    /// opening makes it.
    pub copy: Option<String>,
}

impl Damage {
    /// What a replay met.
    #[must_use]
    pub fn since_opening(path: &Path, range: &Range<u64>) -> Self {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { file, offset: range.start, bytes: range.end - range.start, copy: None }
    }

    /// What was in a file that somebody has removed: what was known of it to be damaged is taken out of `found`.
    #[must_use]
    pub fn removed(file: &Placed, found: &mut Vec<Self>) -> Vec<Self> {
        // What lies beyond its end was found in one that had the name before.
        let of_it = |damage: &mut Self| {
            file.path.file_name().is_some_and(|name| *name == *damage.file)
                && damage.offset.saturating_add(damage.bytes) <= file.bytes
        };
        let mut gone: Vec<_> = found.extract_if(.., of_it).collect();
        gone.sort_by_key(|damage| damage.offset);
        let mut start = 0;
        let mut rest = Vec::new();
        for damage in &gone {
            rest.push(start..damage.offset.max(start));
            start = start.max(damage.offset + damage.bytes);
        }
        rest.push(start..file.bytes);
        gone.extend(rest.iter().filter(|range| !range.is_empty()).map(|range| Self::since_opening(&file.path, range)));
        gone
    }
}

/// A session as it stands on the disk.
pub struct Loaded {
    /// Its files and their index.
    pub session: Arc<Session>,
    /// The number of its last event.
    pub last_seq: u64,
    /// Whether events may have been lost, and their numbers must stay used.
    pub suspicious: bool,
    /// The length of the file being written.
    pub length: u64,
    /// Whether that file ends in the middle of a damaged line, so that the next line needs one of its own.
    pub ends_open: bool,
}

/// The files of a session in `active`: closed ones by their number and name, the one being written last.
pub type Stems = BTreeMap<String, Vec<(u64, String)>>;

/// The sessions that have files. What has another name is somebody else's, whatever is in it.
pub fn list(layout: &Layout) -> Result<Stems> {
    let mut stems = Stems::new();
    for name in files::file_names(&layout.active)? {
        let parsed = names::parse(&name);
        if let Some(parsed) =
            parsed.filter(|parsed| stems.contains_key(parsed.stem) || names::is_of_session(parsed.stem))
        {
            let place = (parsed.first_seq.unwrap_or(u64::MAX), name.clone());
            stems.entry(parsed.stem.to_owned()).or_default().push(place);
        } else {
            tracing::warn!(target: "smalltalk::event_log", name = %name.escape_debug(), "left alone: not a file of the log");
        }
    }
    for files in stems.values_mut() {
        files.sort();
    }
    Ok(stems)
}

/// Reads the files of one session; `id` is its id, where the caller knows it. `None` where they do not tell whose they are, or are
/// none of ours.
pub fn load(
    layout: &Layout,
    stem: &str,
    files: &[(u64, String)],
    id: Option<&str>,
    report: &mut RecoveryReport,
) -> Result<Option<Loaded>> {
    let id = id.map_or_else(|| names::id_of(stem), |id| Some(id.to_owned()));
    let mut loading = Loading { layout, report, id, last_seq: None, suspicious: false };
    let mut topics = Topics::default();
    let mut placed = Vec::new();
    let (mut length, mut ends_open) = (0, false);
    for (_, name) in files {
        let closed = names::parse(name).is_some_and(|parsed| parsed.first_seq.is_some());
        let Some((file, open_end)) = loading.file(stem, name, closed, &mut topics)? else { continue };
        if !closed {
            (length, ends_open) = (file.bytes, open_end);
        }
        placed.push(file);
    }
    if placed.is_empty() && !files.is_empty() {
        return Ok(None);
    }
    let Loading { id, last_seq, suspicious, .. } = loading;
    let Some(id) = id else {
        tracing::warn!(target: "smalltalk::event_log", stem, "left alone: no line says which session it belongs to");
        return Ok(None);
    };
    let session = Session::new(&id);
    session.change(|files| *files = placed);
    *session.topics() = topics;
    let loaded = Loaded { session: Arc::new(session), last_seq: last_seq.unwrap_or(0), suspicious, length, ends_open };
    Ok(Some(loaded))
}

struct Loading<'a> {
    layout: &'a Layout,
    report: &'a mut RecoveryReport,
    id: Option<String>,
    last_seq: Option<u64>,
    suspicious: bool,
}

impl Loading<'_> {
    /// One file, and whether it ends in the middle of a line; `None` where it is somebody else's.
    fn file(&mut self, stem: &str, name: &str, closed: bool, topics: &mut Topics) -> Result<Option<(Placed, bool)>> {
        let path = self.layout.active.join(name);
        if let Some(known) = self.known(&path, name, closed) {
            return Ok(Some((known, false)));
        }
        let bytes = files::read_all(&path)?.unwrap_or_default();
        let mut outcome = match &self.id {
            Some(id) => recover(&bytes, Some(id), self.last_seq),
            // A long name does not say whose file it is: its lines do.
            None => recover_named(&bytes, stem, self.last_seq),
        };
        if outcome.found.is_empty() && !may_be_ours(&bytes) {
            tracing::warn!(target: "smalltalk::event_log", file = name, "left alone: nothing in it is an event");
            return Ok(None);
        }
        if let Some(last) = outcome.found.last() {
            self.last_seq = Some(last.line.seq);
            self.id.get_or_insert_with(|| last.line.session_id.clone().into_owned());
        }
        if closed && let Some(start) = outcome.torn.take() {
            // Nothing is ever cut from a closed file: an end like this was damaged after it was written.
            outcome.damage.push(start..bytes.len());
        }
        self.quarantine(stem, name, &bytes, &outcome);
        // A file that does not say whose it is stays as it is, until somebody says so.
        let end = if self.id.is_some() { self.cut(&path, name, &bytes, &outcome)? } else { bytes.len() };
        self.suspicious |= outcome.torn.is_some() || !outcome.damage.is_empty();
        self.report.events += outcome.found.len() as u64;
        let ends_open = bytes.get(..end).is_some_and(|kept| kept.last().is_some_and(|byte| *byte != b'\n'));
        let mut entries = index(&outcome.found, topics);
        entries.flawed = !outcome.damage.is_empty();
        let placed = Placed { path, going: None, closed, bytes: end as u64, entries: Arc::new(RwLock::new(entries)) };
        Ok(Some((placed, ends_open)))
    }

    /// A large file whose index has been kept, and fits.
    fn known(&mut self, path: &Path, name: &str, closed: bool) -> Option<Placed> {
        // As long as nobody knows whose file it is, its lines have to say that.
        self.id.as_ref()?;
        let entries = checkpoint::look(self.layout, name, path)?;
        if self.last_seq.is_some_and(|last| entries.summary.first_seq <= last) {
            return None;
        }
        self.last_seq = Some(entries.summary.last_seq);
        self.report.events += entries.summary.count;
        let bytes = entries.stored.as_ref().map_or(0, |(_, length)| *length);
        Some(Placed { path: path.to_owned(), going: None, closed, bytes, entries: Arc::new(RwLock::new(entries)) })
    }

    /// Cuts off the unfinished line, and gives where the file ends then.
    fn cut(&mut self, path: &Path, name: &str, bytes: &[u8], outcome: &Recovered<'_>) -> Result<usize> {
        let Some(start) = outcome.torn else { return Ok(bytes.len()) };
        files::cut(path, start as u64)?;
        let torn = TornLine { file: name.to_owned(), bytes: (bytes.len() - start) as u64 };
        tracing::warn!(target: "smalltalk::event_log", file = name, bytes = torn.bytes, "cut off an unfinished last line");
        self.report.torn.push(torn);
        Ok(start)
    }

    /// Copies damaged bytes aside. Where that fails they stay what they are, and the next opening tries again.
    fn quarantine(&mut self, stem: &str, name: &str, bytes: &[u8], outcome: &Recovered<'_>) {
        let first_seq = outcome.found.first().map_or(0, |found| found.line.seq);
        for range in &outcome.damage {
            let damaged = bytes.get(range.clone()).unwrap_or_default();
            let kept = quarantine::keep(self.layout, &format!("{stem}.{first_seq}.{}", range.start), damaged);
            if let Err(error) = &kept {
                tracing::warn!(target: "smalltalk::event_log", %error, file = name, "could not copy damaged bytes aside");
            }
            let (offset, bytes) = (range.start as u64, range.len() as u64);
            self.report.damaged.push(Damage { file: name.to_owned(), offset, bytes, copy: kept.ok() });
        }
    }
}

/// The index of what was found in a file.
pub fn index(found: &[Found<'_>], topics: &mut Topics) -> Entries {
    let mut list = Entries::default();
    recovery::entries(found.iter(), 0, topics, |entry| list.push(entry));
    list
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;

    use super::*;

    #[test]
    fn of_a_removed_file_no_more_is_missing_than_it_had() {
        let file = Placed {
            path: "active/s.jsonl".into(),
            going: None,
            closed: false,
            bytes: 1_000,
            entries: Arc::<RwLock<_>>::default(),
        };
        let damage = |name: &str, offset, bytes| Damage { file: name.into(), offset, bytes, copy: None };
        // The last one is of an earlier file of that name, which was closed since.
        let all = [("s.jsonl", 600, 50), ("other.jsonl", 1, 2), ("s.jsonl", 100, 50), ("s.jsonl", 52_146, 1_158)];
        let mut found = all.map(|(name, offset, bytes)| damage(name, offset, bytes)).to_vec();
        let removed = Damage::removed(&file, &mut found);
        assert_eq!(removed.iter().map(|damage| damage.bytes).sum::<u64>(), 1_000);
        assert!(removed.iter().all(|damage| damage.offset + damage.bytes <= 1_000));
        assert_eq!(found.iter().map(|damage| damage.bytes).collect::<Vec<_>>(), [2, 1_158]);
    }
}
