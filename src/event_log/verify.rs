//! Reads everything again, and says what is no longer as it was written.

use std::{fs::File, path::Path, sync::Arc};

use serde::Serialize;

use super::{
    archive, files,
    index::{Placed, Session},
    moving::Opened,
    names,
    opening::Damage,
    recovery::recover,
    view::View,
};
use crate::error::{Error, Result};

/// As often a session is looked at anew when its owner moves its files meanwhile.
const TRIES: usize = 100;

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
        verify_session(view, session, &mut report)?;
    }
    // Afterwards: what is archived meanwhile is read there.
    let stem = session.map(names::stem_of);
    for (_, day) in archive::days(view.archive())? {
        for name in files::file_names(&day)? {
            let ours = names::parse(&name).is_some_and(|parsed| stem.as_ref().is_none_or(|stem| parsed.stem == stem));
            if ours && let Some(bytes) = files::read_all(&day.join(&name))? {
                let date = day.file_name().unwrap_or_default().to_string_lossy().into_owned();
                look(&bytes, None, &format!("archive/{date}/{name}"), &mut report);
            }
        }
    }
    // It may have gone away in between, with all that is in it.
    archive::days(view.archive())?;
    Ok(report)
}

fn verify_session(view: &View, mut session: Arc<Session>, report: &mut VerifyReport) -> Result<()> {
    for _ in 0..TRIES {
        let Some((files, growing)) = hold(view, &session)? else {
            view.forget(&session.id);
            let Some(again) = view.session(&session.id)? else { return Ok(()) };
            session = again;
            continue;
        };
        for placed in &files {
            let bytes = match &growing {
                Some(file) if !placed.closed => written(file, placed)?,
                _ => match files::read_all(&placed.path)? {
                    Some(bytes) => bytes,
                    None => continue,
                },
            };
            look(&bytes, Some(&session.id), &name_of(&placed.path), report);
        }
        return Ok(());
    }
    let cause = std::io::Error::other("its owner moves its files faster than they can be opened");
    Err(Error::io(format!("reading session {:?}", session.id), &cause))
}

/// The files of a session, and the one being written, open: it may be closed meanwhile, and its name another's. `None` where
/// that has happened.
fn hold(view: &View, session: &Session) -> Result<Option<(Vec<Placed>, Option<File>)>> {
    let files = session.files().clone();
    let Some(last) = files.last().filter(|file| !file.closed) else { return Ok(Some((files, None))) };
    match view.open(session, last)? {
        Opened::File(file) => Ok(Some((files, Some(file)))),
        Opened::Moved => Ok(None),
        Opened::Removed => Ok(Some((files, None))),
    }
}

/// What has been written to a file. What stands behind it was written since, and a line without its end is being written.
fn written(file: &File, placed: &Placed) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(placed.bytes).unwrap_or(usize::MAX)];
    let there = files::read_at(file, &mut bytes, 0);
    bytes.truncate(there.map_err(|cause| Error::io(format!("reading {}", placed.path.display()), &cause))?);
    bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
    Ok(bytes)
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
