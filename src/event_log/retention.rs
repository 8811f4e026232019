//! What happens to events that grow old: their file is closed, moved to the archive, and deleted in the end. A file is
//! moved or removed as a whole; none is ever rewritten.
//!
//! The thread that does this is the one that writes. So it is done in slices, and what is asked for meanwhile comes in
//! between: each leaves nothing half done, and takes up what there is by then.

mod positions;
mod slice;
mod steps;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;

use self::{positions::Search, slice::Slice};
use super::{
    archive, files, names,
    owned::Owned,
    time::{end_of_day, millis, now_ms},
};
use crate::{error::Result, reply::Reply};

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

/// A cleanup under way.
pub struct Cleanup {
    /// When it was begun, by which it tells what is old.
    now: f64,
    /// What was asked for; `None`: what the options say by then, for somebody may come meanwhile who wants more kept.
    retention: Option<Duration>,
    step: Step,
    report: CleanupReport,
    /// What failed first; it has kept nothing else.
    outcome: Result<()>,
    reply: Reply<CleanupReport>,
}

/// What is to be done next, and with what: deleting comes first, for it needs no room, and makes some.
enum Step {
    /// Nothing was done yet.
    Begin,
    /// Days of the archive are left, the oldest one at the end.
    Days(Vec<(i64, PathBuf)>),
    /// Files of a day are left that was over long ago, and days.
    Delete { date: i64, day: PathBuf, files: Vec<PathBuf>, days: Vec<(i64, PathBuf)> },
    /// Sessions are left whose file is to be read again before it can be closed.
    Read(Vec<Arc<str>>),
    /// Sessions are left whose file may be old enough to be closed.
    Close(Vec<Arc<str>>),
    /// Sessions are left that may have files for the archive.
    Archive(Vec<Arc<str>>),
    /// Positions of consumers are left whose session may have gone.
    Positions(Search),
    /// All is done.
    End,
}

impl Cleanup {
    /// One that has done nothing yet.
    pub fn new(retention: Option<Duration>, reply: Reply<CleanupReport>) -> Self {
        let report = CleanupReport::default();
        Self { now: now_ms(), retention, step: Step::Begin, report, outcome: Ok(()), reply }
    }

    /// Does a part; whether that was the last one.
    pub fn go_on(&mut self, owned: &mut Owned) -> bool {
        let before = self.report;
        let mut slice = Slice::begin();
        while !slice.is_over() && !matches!(self.step, Step::End) {
            self.step = self.do_some(owned, &mut slice);
        }
        owned.totals.archived += self.report.archived - before.archived;
        owned.totals.deleted += self.report.deleted - before.deleted;
        let is_over = matches!(self.step, Step::End);
        if is_over {
            owned.totals.last_cleanup = Some((self.now, self.report));
        }
        is_over
    }

    fn do_some(&mut self, owned: &mut Owned, slice: &mut Slice) -> Step {
        match std::mem::replace(&mut self.step, Step::End) {
            Step::Begin => {
                // What it deletes is nowhere any more.
                if let Err(error) = owned.end_journal() {
                    tracing::warn!(target: "smalltalk::event_log", %error, "the journal stays");
                }
                let (mut days, seen) = archive::days_seen(&owned.around.layout.archive);
                self.note(seen);
                days.reverse();
                Step::Days(days)
            }
            Step::Days(mut days) => match days.pop() {
                Some((date, day)) => {
                    self.note(files::remove_temporaries(&day));
                    if self.is_kept(owned, date) {
                        return Step::Days(days);
                    }
                    let names = self.listed(files::file_names(&day));
                    let of_ours = names.iter().rev().filter(|name| names::is_segment(name));
                    let files = of_ours.map(|name| day.join(name)).collect();
                    Step::Delete { date, day, files, days }
                }
                None => Step::Read(owned.broken()),
            },
            // Somebody may have come since the last slice who wants it kept.
            Step::Delete { date, days, .. } if self.is_kept(owned, date) => Step::Days(days),
            Step::Delete { date, day, mut files, days } => {
                self.delete_some(&mut files, slice);
                if !files.is_empty() {
                    return Step::Delete { date, day, files, days };
                }
                // A day in which somebody keeps files of their own stays.
                let _ = std::fs::remove_dir(day);
                Step::Days(days)
            }
            Step::Read(mut sessions) => {
                self.read_some(owned, &mut sessions, slice);
                if !sessions.is_empty() {
                    return Step::Read(sessions);
                }
                Step::Close(owned.lanes.keys().map(Arc::clone).collect())
            }
            Step::Close(mut sessions) => {
                self.close_some(owned, &mut sessions, slice);
                if !sessions.is_empty() {
                    return Step::Close(sessions);
                }
                let mut known: Vec<_> = owned.around.catalog.known();
                known.reverse();
                Step::Archive(known.iter().map(|session| Arc::clone(&session.id)).collect())
            }
            Step::Archive(mut sessions) => {
                self.archive_some(owned, &mut sessions, slice);
                if sessions.is_empty() { Self::seek_positions(owned) } else { Step::Archive(sessions) }
            }
            Step::Positions(search) => Self::expire_some(owned, search, slice),
            Step::End => Step::End,
        }
    }

    /// How long events stay out of the archive.
    fn retention_ms(&self, owned: &Owned) -> f64 {
        millis(self.retention.unwrap_or(owned.around.options.retention))
    }

    /// Whether somebody wants a day of the archive kept.
    fn is_kept(&self, owned: &Owned, date: i64) -> bool {
        end_of_day(date) > self.now - millis(owned.around.options.max_retention)
    }

    /// Goes on after a failure; the first one is told.
    fn note(&mut self, outcome: Result<()>) {
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }

    /// What was listed, as far as it could be.
    fn listed<T>(&mut self, listed: Result<Vec<T>>) -> Vec<T> {
        listed.unwrap_or_else(|error| {
            self.note(Err(error));
            Vec::new()
        })
    }

    /// Tells whoever asked what was done, once nobody is at work on an index of what has gone.
    pub fn end(self, owned: &Owned, outcome: Result<()>) {
        let (report, reply) = (self.report, self.reply);
        let outcome = self.outcome.and(outcome).map(|()| report);
        owned.around.keeper.afterwards(move || reply.send(outcome));
    }
}
