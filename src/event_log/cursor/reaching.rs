//! Opening a file of a replay when the replay reaches it, wherever it has gone since.

use std::{fs::File, io, path::PathBuf, sync::Arc};

use super::{
    lending::{Held, Slot},
    part::{End, Part, report_removed},
};
use crate::{
    error::Result,
    event_log::{archive, files, index::read, moving::Opened, names, view::View},
};

impl Part {
    /// The file, open; `None` where somebody else has removed it, which has been noted.
    pub(super) fn reach(&self, view: &View) -> Result<Option<Arc<Held>>> {
        if let Some(held) = &self.held {
            return Ok(Some(Arc::clone(held)));
        }
        let slot = Slot::take();
        Ok(self.find(view)?.map(|file| Arc::new(Held { file, slot })))
    }

    /// A file goes from the name of the one being written to that of a closed one, and from there to the archive, never back: so
    /// whoever looks in this order misses none.
    fn find(&self, view: &View) -> Result<Option<File>> {
        if let Some(file) = files::open_found(&self.placed.path)?
            // No other one ever gets the name of a closed one.
            && (self.placed.closed || self.is_in(&file, End::Last)? || self.is_in(&file, End::First)?)
        {
            return Ok(Some(file));
        }
        if let Some(file) = self.find_in(&self.closed(view)?)? {
            return Ok(Some(file));
        }
        let stem = names::stem_of(&self.session.id);
        if let Some(file) = self.find_in(&self.of_its_number(archive::files_of(view.archive(), &stem, None)?))? {
            return Ok(Some(file));
        }
        match view.open(&self.session, &self.placed)? {
            Opened::File(file) => Ok(Some(file)),
            Opened::Removed => report_removed(view, &self.placed).map(|()| None),
            Opened::Moved => {
                // Whoever begins anew finds what there is now.
                view.forget(&self.session.id);
                let cause = io::Error::other("it was deleted while a replay was under way that had not reached it");
                Err(self.reading(&cause))
            }
        }
    }

    /// Where it may be closed.
    fn closed(&self, view: &View) -> Result<Vec<PathBuf>> {
        let (active, stem) = (&view.layout().active, names::stem_of(&self.session.id));
        let names = files::file_names(active)?.into_iter();
        let ours = names.filter(|name| names::parse(name).is_some_and(|parsed| parsed.stem == stem));
        Ok(self.of_its_number(ours.map(|name| active.join(name)).collect()))
    }

    /// Those that say that they begin with its first event.
    fn of_its_number(&self, mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let first = read(&self.placed.entries).summary.first_seq;
        paths.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            names::parse(&name).is_some_and(|parsed| parsed.first_seq == Some(first))
        });
        paths
    }

    /// An earlier state that was put back begins with the same event. Its end tells them apart, unless that is damaged.
    fn find_in(&self, paths: &[PathBuf]) -> Result<Option<File>> {
        for end in [End::Last, End::First] {
            for path in paths {
                if let Some(file) = files::open_found(path)?
                    && self.is_in(&file, end)?
                {
                    return Ok(Some(file));
                }
            }
        }
        Ok(None)
    }
}
