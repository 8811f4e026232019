//! What happens to events that grow old: their file is closed, moved to the archive, and deleted in the end. A file is
//! moved or removed as a whole; none is ever rewritten.

use std::{path::Path, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    archive, checkpoint, files,
    index::{Placed, Session, read},
    names,
    opening::{Damage, RecoveryReport},
    owned::Owned,
    surroundings::Surroundings,
    time::{date_text, day_of, end_of_day, millis, now_ms},
};
use crate::error::Result;

/// What a cleanup did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupReport {
    /// Files moved to the archive.
    pub archived: u64,
    /// Files deleted from the archive.
    pub deleted: u64,
    /// The bytes of the deleted files.
    pub bytes_freed: u64,
}

/// Does all of it. Deleting comes first: it needs no room, and makes some.
pub fn cleanup(owned: &mut Owned, retention: Duration) -> Result<CleanupReport> {
    let mut report = CleanupReport::default();
    let now = now_ms();
    let archive = owned.around.layout.archive.clone();
    let deleted = delete(&archive, now - millis(owned.around.options.max_retention), &mut report);
    close_old(owned, millis(retention), now);
    let archived = archive_old(owned, now - millis(retention), &mut report);
    owned.totals.archived += report.archived;
    owned.totals.deleted += report.deleted;
    owned.totals.last_cleanup = Some((now, report));
    deleted.and(archived).map(|()| report)
}

/// Deletes the files of the days that were over before `limit`.
fn delete(archive: &Path, limit: f64, report: &mut CleanupReport) -> Result<()> {
    let mut outcome = Ok(());
    for (day, directory) in archive::days(archive)? {
        outcome = outcome.and(files::remove_temporaries(&directory));
        if end_of_day(day) <= limit {
            outcome = outcome.and(delete_day(&directory, report));
        }
    }
    outcome
}

/// What cannot be deleted keeps nothing else.
fn delete_day(directory: &Path, report: &mut CleanupReport) -> Result<()> {
    let mut outcome = Ok(());
    for name in files::file_names(directory)?.iter().filter(|name| names::is_segment(name)) {
        let path = directory.join(name);
        let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
        let removed = files::remove(&path);
        if removed.is_ok() {
            report.deleted += 1;
            report.bytes_freed += bytes;
        }
        outcome = outcome.and(removed);
    }
    // A day in which somebody keeps files of their own stays.
    let _ = std::fs::remove_dir(directory);
    outcome
}

/// Closes files whose first event is older than a quarter of the retention, and the handles of sessions at rest.
fn close_old(owned: &mut Owned, retention_ms: f64, now: f64) {
    for lane in owned.lanes.values_mut() {
        if lane.first_is_older(retention_ms / 4.0, now) {
            lane.close_file(&mut owned.around);
        }
        lane.rest();
    }
}

/// Moves closed files whose events are all from `limit` or before to the archive.
fn archive_old(owned: &mut Owned, limit: f64, report: &mut CleanupReport) -> Result<()> {
    let mut moved = 0;
    let mut outcome = Ok(());
    for session in owned.around.catalog.known() {
        let Owned { around, report: RecoveryReport { damaged, .. }, removed, .. } = &mut *owned;
        let one = archive_session(around, &session, limit, &mut moved, damaged, removed);
        outcome = outcome.and(one);
        forget_if_empty(owned, &session);
    }
    report.archived = moved;
    if moved > 0 {
        outcome = outcome.and(files::sync_directory(&owned.around.layout.active));
    }
    outcome
}

fn archive_session(
    around: &Surroundings,
    session: &Session,
    limit: f64,
    moved: &mut u64,
    found: &mut Vec<Damage>,
    removed: &mut Vec<Damage>,
) -> Result<()> {
    let old = |file: &&Placed| {
        let entries = read(&file.entries);
        file.closed && !entries.is_empty() && entries.summary.newest <= limit
    };
    loop {
        let Some(file) = session.files().iter().find(old).cloned() else { return Ok(()) };
        if files::look(&file.path)?.is_none() && around.layout.active.is_dir() {
            tracing::error!(target: "smalltalk::event_log", file = %file.path.display(), "somebody else has removed a file of the log");
            session.files_mut().retain(|other| other.path != file.path);
            removed.extend(Damage::removed(&file, found));
            continue;
        }
        around.keeper.settle();
        let directory = around.layout.archive.join(date_text(day_of(read(&file.entries).summary.newest)));
        files::create_directory(&directory)?;
        move_to(&directory, session, &file)?;
        files::sync_directory(&directory)?;
        checkpoint::remove(&around.layout, &file.path);
        *moved += 1;
    }
}

/// Nobody begins a replay while a file moves; replays under way hold theirs open.
fn move_to(directory: &Path, session: &Session, file: &Placed) -> Result<()> {
    let stem = names::stem_of(&session.id);
    let first_seq = read(&file.entries).summary.first_seq;
    let free = (0..).map(|copy| names::segment_name(&stem, first_seq, copy));
    let mut placed = session.files_mut();
    files::move_new(&file.path, directory, free)?;
    placed.retain(|other| other.path != file.path);
    Ok(())
}

/// A session without files is forgotten; its numbers stay used.
fn forget_if_empty(owned: &mut Owned, session: &Arc<Session>) {
    if !session.files().is_empty() {
        return;
    }
    owned.forget(&session.id);
}
