//! Reads everything again, and says what is no longer as it was written.

use std::path::Path;

use serde::Serialize;

use super::{archive, files, index::Session, names, opening::Damage, recovery::recover, view::View};
use crate::error::Result;

/// What a verification found.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Files read, archived ones included.
    pub files: u64,
    /// Events whose checksums hold.
    pub events: u64,
    /// Bytes that are no events.
    pub damaged: Vec<Damage>,
}

/// Reads the files of one session, or of all.
pub fn verify(view: &View, session: Option<&str>) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    let sessions = match session {
        Some(id) => view.session(id)?.into_iter().collect(),
        None => view.sessions()?,
    };
    for session in sessions {
        verify_session(&session, &mut report)?;
    }
    // Afterwards: what is archived meanwhile is read there.
    let stem = session.map(names::stem_of);
    for (_, day) in archive::days(view.archive())? {
        for name in files::names(&day)? {
            let ours = names::parse(&name).is_some_and(|parsed| stem.as_ref().is_none_or(|stem| parsed.stem == stem));
            if ours && let Some(bytes) = files::read_all(&day.join(&name))? {
                let date = day.file_name().unwrap_or_default().to_string_lossy().into_owned();
                look(&bytes, None, &format!("archive/{date}/{name}"), &mut report);
            }
        }
    }
    Ok(report)
}

fn verify_session(session: &Session, report: &mut VerifyReport) -> Result<()> {
    let files = session.files().clone();
    for placed in files {
        let Some(mut bytes) = files::read_all(&placed.path)? else { continue };
        if !placed.closed {
            // What stands behind it was written since, and a line without its end is being written.
            bytes.truncate(usize::try_from(placed.bytes).unwrap_or(usize::MAX));
            bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
        }
        look(&bytes, Some(&session.id), &name_of(&placed.path), report);
    }
    Ok(())
}

fn look(bytes: &[u8], session: Option<&str>, file: &str, report: &mut VerifyReport) {
    let outcome = recover(bytes, session, None);
    report.files += 1;
    report.events += outcome.found.len() as u64;
    let torn = outcome.torn.map(|start| start..bytes.len());
    for range in outcome.damage.into_iter().chain(torn) {
        let (offset, bytes) = (range.start as u64, range.len() as u64);
        report.damaged.push(Damage { file: file.to_owned(), offset, bytes, copy: None });
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
