//! Numbers about a log, and `metadata.json`, which repeats some of them for people. Nothing ever depends on that file.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::json;

use super::{
    directory::Layout,
    files,
    index::{Session, read},
    opening::{Damage, RecoveryReport},
    owned::Owned,
    retention::CleanupReport,
    time::{date_time_text, now_ms},
};

/// What happened since the opening.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    /// Events written.
    pub appended: u64,
    /// Files moved to the archive.
    pub archived: u64,
    /// Files deleted from the archive.
    pub deleted: u64,
    /// When the last cleanup was, in milliseconds since the epoch, and what it did.
    pub last_cleanup: Option<(f64, CleanupReport)>,
}

/// Numbers about a log.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Sessions with events within the retention.
    pub sessions: u64,
    /// Their files.
    pub files: u64,
    /// Their events.
    pub events: u64,
    /// The size of those files.
    pub bytes: u64,
    /// Events written since the opening.
    pub appended: u64,
    /// Files moved to the archive since the opening.
    pub archived: u64,
    /// Files deleted from the archive since the opening.
    pub deleted: u64,
    /// What the opening found.
    pub recovery: RecoveryReport,
}

/// The numbers as they are now.
pub fn gather(owned: &Owned) -> Statistics {
    let Totals { appended, archived, deleted, .. } = owned.totals;
    let mut numbers = count(&owned.around.catalog.known());
    let mut recovery = owned.report.clone();
    recovery.damaged.extend_from_slice(&owned.removed);
    recovery.damaged.append(&mut numbers.recovery.damaged);
    Statistics { appended, archived, deleted, recovery, ..numbers }
}

/// What there is of some sessions, and what readers found damaged in it.
pub fn count(sessions: &[Arc<Session>]) -> Statistics {
    let mut numbers = Statistics::default();
    for session in sessions {
        numbers.sessions += u64::from(session.has_events());
        for file in session.files().iter() {
            numbers.files += 1;
            numbers.bytes += file.bytes;
            let entries = read(&file.entries);
            numbers.events += entries.summary.count;
            numbers
                .recovery
                .damaged
                .extend(entries.damaged.iter().map(|range| Damage::since_opening(&file.path, range)));
        }
    }
    numbers
}

/// The same for whoever only reads: what there is now, and what he has found damaged in it.
pub fn visited(sessions: &[Arc<Session>], layout: &Layout) -> Statistics {
    let mut numbers = count(sessions);
    numbers.recovery.events = numbers.events;
    numbers.recovery.clean = layout.is_in_order();
    numbers
}

const FILE: &str = "metadata.json";

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Writes `metadata.json`. Where that fails the log is none the worse.
pub fn save(owned: &Owned) {
    let options = &owned.around.options;
    let numbers = gather(owned);
    let cleanup = owned.totals.last_cleanup.map(|(at, report)| json!({ "at": date_time_text(at), "report": report }));
    let content = json!({
        "version": 1,
        "updatedAt": date_time_text(now_ms()),
        "retentionMs": whole_millis(options.retention),
        "maxRetentionMs": whole_millis(options.max_retention),
        "cleanupIntervalMs": whole_millis(options.cleanup_interval),
        "maxFileBytes": options.max_file_bytes,
        "statistics": {
            "sessions": numbers.sessions,
            "files": numbers.files,
            "events": numbers.events,
            "bytes": numbers.bytes,
            "lastCleanup": cleanup,
        },
    });
    if let Err(error) = files::replace(&owned.around.layout.root, FILE, format!("{content:#}\n").as_bytes()) {
        tracing::warn!(target: "smalltalk::event_log", %error, "could not write {FILE}");
    }
}
