//! Reads everything again, and says what is no longer as it was written.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{
    archive, files,
    index::{Placed, Session, read},
    moving::Opened,
    names,
    opening::Damage,
    recovery::{Recovered, may_be_ours, recover, recover_named},
    view::View,
};
use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

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

/// A verification under way.
struct Verification<'a> {
    view: &'a View,
    report: VerifyReport,
    /// Which files were read of those that were not archived, by the stem and the number of the first event.
    read: HashMap<(String, u64), Identity>,
}

/// Reads the files of one session, or of all.
pub fn verify(view: &View, session: Option<&str>) -> Result<VerifyReport> {
    let stem = session.map(names::stem_of);
    let before: HashSet<PathBuf> = archived(view, stem.as_deref())?.into_iter().collect();
    let mut verification = Verification { view, report: VerifyReport::default(), read: HashMap::new() };
    let sessions = match session {
        Some(id) => view.session(id)?.into_iter().collect(),
        None => view.sessions()?,
    };
    for session in sessions {
        verification.session(session)?;
    }
    // Afterwards: what is archived meanwhile is read there, unless it was before.
    for path in archived(view, stem.as_deref())? {
        verification.archived(&path, before.contains(&path))?;
    }
    // It may have gone away in between, with all that is in it.
    archive::days(view.archive())?;
    Ok(verification.report)
}

/// The archived files of one session, or of all.
fn archived(view: &View, stem: Option<&str>) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (_, day) in archive::days(view.archive())? {
        let names = files::file_names(&day)?.into_iter().filter(|name| names::is_segment(name));
        let ours = |name: &String| stem.is_none_or(|stem| names::parse(name).is_some_and(|of| of.stem == stem));
        paths.extend(names.filter(ours).map(|name| day.join(name)));
    }
    Ok(paths)
}

impl Verification<'_> {
    fn session(&mut self, mut session: Arc<Session>) -> Result<()> {
        for _ in 0..TRIES {
            let Some((files, growing)) = hold(self.view, &session)? else {
                self.view.forget(&session.id);
                let Some(again) = self.view.session(&session.id)? else { return Ok(()) };
                session = again;
                continue;
            };
            for placed in files {
                let opened = match self.view.open(&session, &placed)? {
                    // The session may be another one by now, with the same file: no other one ever gets the name of a closed one.
                    Opened::Moved => files::open_found(&placed.path)?.map_or(Opened::Moved, Opened::File),
                    opened => opened,
                };
                self.file(&session, &placed, opened)?;
            }
            return growing.map_or(Ok(()), |(placed, opened)| self.file(&session, &placed, opened));
        }
        let cause = std::io::Error::other("its owner moves its files faster than they can be opened");
        Err(Error::io(format!("reading session {:?}", session.id), &cause))
    }

    /// A file that is not archived. One that has gone there meanwhile is read there.
    fn file(&mut self, session: &Session, placed: &Placed, opened: Opened) -> Result<()> {
        // What another process writes may be taken back, where a write of it failed half-way.
        let acknowledged = matches!(self.view, View::Owned(..)).then_some(placed.bytes);
        let name = name_of(&placed.path);
        match opened {
            Opened::File(file) => {
                let first_seq = read(&placed.entries).summary.first_seq;
                let identity = files::identity(&file, &placed.path)?;
                self.read.insert((names::stem_of(&session.id), first_seq), identity);
                let bytes = written(&file, placed, acknowledged.is_some())?;
                self.look(&bytes, recover(&bytes, Some(&session.id), None), acknowledged, &name);
            }
            Opened::Removed => {
                self.view.is_removed(placed)?;
                self.damaged(&name, 0..placed.bytes);
            }
            Opened::Moved => {}
        }
        Ok(())
    }

    /// An archived file, which may have come there since this began.
    fn archived(&mut self, path: &Path, was_there: bool) -> Result<()> {
        let (name, day) = (name_of(path), path.parent().map(name_of).unwrap_or_default());
        let Some(parsed) = names::parse(&name) else { return Ok(()) };
        let Some(file) = files::open_found(path)? else { return Ok(()) };
        let known = parsed.first_seq.and_then(|first| self.read.get(&(parsed.stem.to_owned(), first)));
        // On another disk it is another file.
        let identity = files::identity(&file, path)?;
        if known.is_some_and(|known| !was_there || *known == identity) {
            return Ok(());
        }
        let bytes = whole(&file, path)?;
        let outcome = match names::id_of(parsed.stem) {
            Some(id) => recover(&bytes, Some(&id), None),
            None => recover_named(&bytes, parsed.stem, None),
        };
        // Somebody may have put a file of theirs there.
        if !outcome.found.is_empty() || may_be_ours(&bytes) {
            self.look(&bytes, outcome, None, &format!("archive/{day}/{name}"));
        }
        Ok(())
    }

    /// What is left of what was acknowledged, where that is known.
    fn look(&mut self, bytes: &[u8], outcome: Recovered<'_>, acknowledged: Option<u64>, file: &str) {
        self.report.files += 1;
        self.report.events += outcome.found.len() as u64;
        for range in outcome.damage {
            self.damaged(file, range.start as u64..range.end as u64);
        }
        let there = bytes.len() as u64;
        let whole = outcome.torn.map_or(there, |start| start as u64);
        self.damaged(file, whole..there.max(acknowledged.unwrap_or(0)));
    }

    fn damaged(&mut self, file: &str, range: Range<u64>) {
        if !range.is_empty() {
            let (offset, bytes) = (range.start, range.end - range.start);
            self.report.damaged.push(Damage { file: file.to_owned(), offset, bytes, copy: None });
        }
    }
}

/// The closed files of a session, and the one being written.
type Files = (Vec<Placed>, Option<(Placed, Opened)>);

/// The closed files of a session, and the one being written, open: it may be closed meanwhile, and its name another's. `None` where
/// that has happened.
fn hold(view: &View, session: &Session) -> Result<Option<Files>> {
    let mut files = session.files().clone();
    let Some(last) = files.pop_if(|last| !last.closed) else { return Ok(Some((files, None))) };
    match view.open(session, &last)? {
        Opened::Moved => Ok(None),
        opened => Ok(Some((files, Some((last, opened))))),
    }
}

/// What has been written to a file. What stands behind it in one that is being written was written since. Of what another process
/// writes a line without its end is being written, too.
fn written(file: &File, placed: &Placed, is_owned: bool) -> Result<Vec<u8>> {
    if placed.closed {
        return whole(file, &placed.path);
    }
    let mut bytes = first(file, placed.bytes).map_err(|cause| reading(&placed.path, &cause))?;
    if !is_owned {
        bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
    }
    Ok(bytes)
}

fn whole(file: &File, path: &Path) -> Result<Vec<u8>> {
    let length = Found::of(file).map(|found| found.length);
    length.and_then(|length| first(file, length)).map_err(|cause| reading(path, &cause))
}

fn first(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let there = files::read_at(file, &mut bytes, 0)?;
    bytes.truncate(there);
    Ok(bytes)
}

fn reading(path: &Path, cause: &io::Error) -> Error {
    Error::io(format!("reading {}", path.display()), cause)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
