//! A file of a session on its way to another name, or to the archive, while others look.
//!
//! The disk may take its time, or not answer, so nobody is kept from looking meanwhile. Who opens a file finds it where it was, or
//! where it is said to go before it goes. Or it is somewhere else by then: then he looks at the session again.

use std::{
    collections::HashSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    files,
    index::{Placed, Session, read},
    names,
};
use crate::error::Result;

/// What came of opening a file of a session.
#[derive(Debug)]
pub enum Opened {
    /// It is open, whatever its name is by now.
    File(File),
    /// It is somewhere else, or its name another's: the session has to be looked at again.
    Moved,
    /// Somebody else has removed it.
    Removed,
}

/// Moves a file to a directory, under the first name of a closed one that is free there, and gives where it is. As long as the
/// caller has not taken note of that, others find it by what was said before.
pub fn move_file(session: &Session, file: &Placed, directory: &Path) -> Result<PathBuf> {
    let stem = names::stem_of(&session.id);
    let first_seq = read(&file.entries).summary.first_seq;
    let free = (0..).map(|copy| names::segment_name(&stem, first_seq, copy));
    let say = |to: Option<&Path>| {
        session.change(|files| {
            if let Some(file) = files.iter_mut().find(|other| other.is(file)) {
                file.going = to.map(Path::to_owned);
            }
        });
    };
    let moved = files::move_new(&file.path, directory, free, |to| say(Some(to)));
    if moved.is_err() {
        say(None);
    }
    moved
}

/// Opens a file of a session that this process writes.
pub fn open(session: &Session, file: &Placed) -> Result<Opened> {
    let found = files::open_found(&file.path)?;
    if let Some(found) = found
        // No other one ever gets the name of a closed one.
        && (file.closed || session.now(file).is_some_and(|now| !now.closed))
    {
        return Ok(Opened::File(found));
    }
    match session.now(file) {
        Some(Placed { path, going, .. }) if path == file.path => match going {
            Some(to) => Ok(files::open_found(&to)?.map_or(Opened::Moved, Opened::File)),
            None => Ok(Opened::Removed),
        },
        _ => Ok(Opened::Moved),
    }
}

impl Session {
    /// A file that it had, as it is now; `None` where that is no longer one of its files.
    fn now(&self, file: &Placed) -> Option<Placed> {
        self.files().iter().find(|other| other.is(file)).cloned()
    }

    /// Files that it had are none of its own any more. A cleanup takes thousands: many at a time, for each costs a look at all.
    pub fn lose(&self, gone: &[Placed]) {
        let gone: HashSet<_> = gone.iter().map(|file| Arc::as_ptr(&file.entries)).collect();
        if !gone.is_empty() {
            self.change(|files| files.retain(|file| !gone.contains(&Arc::as_ptr(&file.entries))));
        }
    }
}

impl Placed {
    /// Whether this is the same file, wherever it is.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }
}
