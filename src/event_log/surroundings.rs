//! What the lanes of a log have in common.

use std::{
    cell::{Cell, OnceCell},
    fs::File,
    sync::Arc,
};

use super::{
    bell::Bell, catalog::Catalog, directory::Layout, doubts::Doubts, files, journal::Journal, keeper::Keeper,
    options::LogOptions, stamp::Stamp,
};
use crate::error::Result;

/// What all lanes share.
pub struct Surroundings {
    /// Where the files are.
    pub layout: Layout,
    /// The limits.
    pub options: LogOptions,
    /// What readers see.
    pub catalog: Arc<Catalog>,
    /// Who waits for more.
    pub bell: Arc<Bell>,
    /// Syncs that failed, and who has heard of it.
    pub doubts: Arc<Doubts>,
    /// What is on the disk of files whose own sync is still to come.
    pub journal: Journal,
    /// Keeps the indexes of what is closed.
    pub keeper: Keeper,
    /// The state of the files' names before this batch, where one look at that saves many.
    pub names: Option<Stamp>,
    /// Their directory, open for as long as syncs are taken together. Where it could not be opened, it is none.
    pub directory: OnceCell<Option<Directory>>,
    /// Whether something could not be opened because no more files may be open: those of lanes are closed then.
    pub exhausted: Cell<bool>,
}

/// An open directory, where it can be synced.
type Directory = Option<Arc<File>>;

impl Surroundings {
    /// The directory of the files, to put their names on the disk.
    pub fn directory(&self) -> Option<Directory> {
        let open = || match files::open_directory(&self.layout.active) {
            Ok(directory) => Some(directory.map(Arc::new)),
            Err(cause) => {
                self.exhausted.set(self.exhausted.get() || files::is_exhausted(&cause));
                tracing::error!(target: "smalltalk::event_log", %cause, "names of files cannot be synced yet");
                None
            }
        };
        self.directory.get_or_init(open).clone()
    }

    /// Puts the names in it on the disk, where it was opened before they changed, and lets go of it.
    pub fn sync_names(&mut self) -> Result<()> {
        let directory = self.directory.take().flatten().flatten();
        directory.map_or(Ok(()), |directory| files::sync_opened(&self.layout.active, &directory))
    }
}
