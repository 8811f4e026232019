//! Reading the files of a session: anew, or what has come to them.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{Arc, RwLock, atomic::Ordering},
};

use super::{
    super::{
        checkpoint, files,
        index::{Placed, Session, read},
        names,
        opening::index,
        recovery::recover,
    },
    TRIES, Visitor,
    growing::Growing,
    listing::Listing,
    moving,
    seen::{Known, Seen},
};
use crate::{error::Result, found::Identity};

impl Visitor {
    /// Reads a session from scratch, but for closed files that are known. Where its owner begins a new file meanwhile, the
    /// one that was being written has another name: then once more.
    pub(super) fn read(&self, seen: &mut Seen, id: &str, before: Option<&Session>) -> Result<Option<Known>> {
        let path = self.layout.active.join(names::active_name(&names::stem_of(id)));
        for _ in 0..TRIES {
            let growing = self.open(&path)?;
            let identity = growing.as_ref().map(|file| file.identity);
            // After it has been opened: from then on no file can be closed unnoticed.
            let listing = seen.list(&self.layout.active)?;
            if growing.is_none() && listing.closed(&names::stem_of(id)).is_empty() {
                return Ok(None);
            }
            let Some(known) = self.read_files(id, &path, &listing, growing, before)? else { continue };
            // The same file still: none was closed since we looked which ones are. Where none is being written, files may be begun
            // and closed unnoticed while they are listed, so that the second one is found and not the first: whoever lists once
            // more finds both.
            if identity_at(&path)? == identity
                && (identity.is_some() || known.has_closed(&*seen.list(&self.layout.active)?))
            {
                return Ok(Some(known));
            }
        }
        Err(moving(&format!("reading session {id:?}")))
    }

    /// The same by a listing of before. Files that were closed since are missing, so that it is for nobody to see until a later
    /// listing has the same closed ones; see [`Visitor::all`]. `None` also where a file has been moved.
    pub(super) fn read_by(&self, listing: &Listing, id: &str, before: Option<&Session>) -> Result<Option<Known>> {
        let path = self.layout.active.join(names::active_name(&names::stem_of(id)));
        let growing = self.open(&path)?;
        if growing.is_none() && listing.closed(&names::stem_of(id)).is_empty() {
            return Ok(None);
        }
        self.read_files(id, &path, listing, growing, before)
    }

    fn open(&self, path: &Path) -> Result<Option<Growing>> {
        let growing = Growing::open(path)?;
        self.handles.fetch_add(usize::from(growing.is_some()), Ordering::Relaxed);
        Ok(growing)
    }

    /// `None` where a file has been moved.
    fn read_files(
        &self,
        id: &str,
        path: &Path,
        listing: &Listing,
        mut growing: Option<Growing>,
        before: Option<&Session>,
    ) -> Result<Option<Known>> {
        let stem = names::stem_of(id);
        let closed = listing.closed(&stem).to_vec();
        let session = Session::visited(id, before, growing.as_ref().map(|file| file.identity));
        // There may be thousands of them: each is looked for once.
        let mut before = before.map(known_files).unwrap_or_default();
        let mut last_seq = None;
        for name in &closed {
            let path = self.layout.active.join(name);
            let known = before.remove(OsStr::new(name));
            // One of which somebody has made a copy that is read first has no more to say; what was left out of one for such a
            // copy, which counts as damage, it says again when that is gone.
            let goes_on = |file: &Placed| {
                let entries = read(&file.entries);
                entries.damaged.is_empty() && last_seq.is_none_or(|last| entries.summary.first_seq > last)
            };
            let placed = match known.filter(goes_on) {
                Some(placed) => placed,
                None => match self.closed_file(&session, name, path, last_seq)? {
                    Some(placed) => placed,
                    None => return Ok(None),
                },
            };
            let summary = read(&placed.entries).summary;
            last_seq = (summary.count > 0).then_some(summary.last_seq).max(last_seq);
            session.change(|files| files.push(placed));
        }
        if let Some(file) = &mut growing {
            let placed =
                Placed { path: path.to_owned(), going: None, closed: false, bytes: 0, entries: Arc::default() };
            session.change(|files| files.push(placed));
            file.read_more(&session, &mut last_seq)?;
        }
        let session = Arc::new(session);
        Ok(Some(Known { session, stem, closed, growing, last_seq, is_stale: false }))
    }

    /// A closed file that is new; `None` where it has been moved.
    fn closed_file(&self, session: &Session, name: &str, path: PathBuf, after: Option<u64>) -> Result<Option<Placed>> {
        let kept = checkpoint::look(&self.layout, name, &path);
        // Somebody may have copied a file together with its index.
        let entries = if let Some(entries) = kept.filter(|kept| after.is_none_or(|last| kept.summary.first_seq > last))
        {
            entries
        } else {
            let Some(bytes) = files::read_all(&path)? else { return Ok(None) };
            let mut outcome = recover(&bytes, Some(&session.id), after);
            // Nothing is added to a closed file: an end like that of a line under way was damaged after it was written.
            outcome.damage.extend(outcome.torn.map(|start| start..bytes.len()));
            let mut entries = index(&outcome.found, &mut session.topics());
            entries.damaged = outcome.told(&bytes, 0);
            entries
        };
        let bytes = files::look(&path)?.map_or(0, |found| found.length);
        Ok(Some(Placed { path, going: None, closed: true, bytes, entries: Arc::new(RwLock::new(entries)) }))
    }

    /// Reads what has been added; `false` where that is not all that has happened.
    pub(super) fn advance(&self, known: &mut Known, listing: Option<&Listing>) -> Result<bool> {
        let path = self.layout.active.join(names::active_name(&known.stem));
        if known.is_stale || identity_at(&path)? != known.growing.as_ref().map(|file| file.identity) {
            return Ok(false);
        }
        match &mut known.growing {
            // As long as it is being written, no other file has been closed.
            Some(file) => {
                self.handles.fetch_add(usize::from(!file.is_open()), Ordering::Relaxed);
                Ok(file.take_up(&path, &known.session)? && file.read_more(&known.session, &mut known.last_seq)?)
            }
            None => Ok(listing.is_some_and(|listing| known.rests(listing))),
        }
    }
}

/// The closed files that were known, by their names.
fn known_files(before: &Session) -> HashMap<OsString, Placed> {
    let files = before.files();
    let closed = files.iter().filter(|file| file.closed);
    closed.filter_map(|file| Some((file.path.file_name()?.to_owned(), file.clone()))).collect()
}

fn identity_at(path: &Path) -> Result<Option<Identity>> {
    Ok(files::look(path)?.filter(|found| !found.is_directory).map(|found| found.identity))
}
