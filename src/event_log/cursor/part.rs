//! One file of a replay.

use std::{fs::File, sync::Arc};

use super::{
    filter::Wanted,
    lending::{Held, Slot},
};
use crate::{
    error::{Error, Result},
    event_log::{
        checkpoint, files,
        index::{Placed, Session, read, write},
        moving::Opened,
        record,
        view::View,
    },
};

/// One file of the replay: as much of it as there was at the start.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Where it was, and what it holds.
    pub placed: Placed,
    pub session: Arc<Session>,
    /// Open where it may be held; see [`Part::reach`] for the others.
    pub held: Option<Arc<Held>>,
    pub topics: Wanted,
    pub next: usize,
    pub end: usize,
}

/// Whether a file is where it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum There {
    Yes,
    /// The session has to be looked at again.
    Moved,
    /// Somebody else has removed it, which has been noted.
    No,
}

impl Part {
    /// A whole file; `None` where it has no event.
    pub fn of(placed: &Placed, session: &Arc<Session>) -> Option<Self> {
        let is_empty = read(&placed.entries).is_empty();
        let (placed, session) = (placed.clone(), Arc::clone(session));
        (!is_empty).then_some(Self { placed, session, held: None, topics: None, next: 0, end: usize::MAX })
    }

    /// The numbers of its first event and of its last one.
    pub fn seqs(&self) -> (u64, u64) {
        let summary = read(&self.placed.entries).summary;
        (summary.first_seq, summary.last_seq)
    }

    /// Some of its events.
    pub fn cut(&self, start: usize, end: usize) -> Self {
        Self { next: start, end, ..self.clone() }
    }

    /// Whether its index is stored elsewhere still.
    pub fn is_stored(&self) -> bool {
        read(&self.placed.entries).stored.is_some()
    }

    /// Opens it where it is held from now on, or its index needs it. What another process writes is looked for in any case: of what
    /// that has moved nobody here is told.
    pub fn take_hold(&mut self, view: &View, slot: Option<Slot>) -> Result<There> {
        let is_needed = self.is_stored();
        if self.held.is_some() || (slot.is_none() && !is_needed && matches!(view, View::Owned(..))) {
            return Ok(There::Yes);
        }
        match view.open(&self.session, &self.placed) {
            Ok(Opened::File(file)) => {
                checkpoint::load(&self.placed.entries, &self.session, &file)?;
                self.held = slot.map(|slot| Arc::new(Held { file, slot: Some(slot) }));
                Ok(There::Yes)
            }
            Ok(Opened::Moved) => Ok(There::Moved),
            Ok(Opened::Removed) => report_removed(view, &self.placed).map(|()| There::No),
            // There may be room for it when it is reached.
            Err(Error::Exhausted { .. }) if !is_needed => Ok(There::Yes),
            Err(error) => Err(error),
        }
    }

    /// Whether a file is this one, by what stands where its last event is, or its first one.
    pub fn is_in(&self, file: &File, which: End) -> Result<bool> {
        let entry = {
            let list = &read(&self.placed.entries).list;
            match which {
                End::Last => list.last().copied(),
                End::First => list.first().copied(),
            }
        };
        let Some(entry) = entry else { return Ok(false) };
        let mut line = vec![0; entry.length as usize];
        files::read_at(file, &mut line, entry.offset).map_err(|cause| self.reading(&cause))?;
        let found = record::read_line(&line);
        Ok(found.is_some_and(|line| line.seq == entry.seq && *line.session_id == *self.session.id))
    }

    /// What keeps it from being read.
    pub fn reading(&self, cause: &std::io::Error) -> Error {
        Error::io(format!("reading {}", self.placed.path.display()), cause)
    }
}

/// An end of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Last,
    First,
}

/// Takes note of a file of this process's log that is not there: nobody of ours has moved it, unless the log is no longer
/// ours. It costs itself, like a damaged line. Where all are gone with their directory, that may be on a disk which is not there just now.
pub(super) fn report_removed(view: &View, placed: &Placed) -> Result<()> {
    view.is_removed(placed)?;
    if write(&placed.entries).note_damage(0..placed.bytes) {
        let file = placed.path.display();
        tracing::error!(target: "smalltalk::event_log", %file, "skipped a file that somebody else has removed");
    }
    Ok(())
}
