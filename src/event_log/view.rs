//! Where readers look: into what the writer of this process keeps, or into the files of another one's.

use std::{path::Path, sync::Arc};

use super::{
    catalog::Catalog,
    directory::Layout,
    files,
    index::{Placed, Session},
    moving::{self, Opened},
    visitor::{self, Visitor},
};
use crate::error::{Error, Result};

/// What readers see.
#[derive(Debug, Clone)]
pub enum View {
    /// What this process writes, and where.
    Owned(Arc<Catalog>, Arc<Layout>),
    /// What another process writes.
    Visited(Arc<Visitor>),
}

impl View {
    /// A session as it is now.
    pub fn session(&self, id: &str) -> Result<Option<Arc<Session>>> {
        match self {
            Self::Owned(catalog, _) => catalog.session(id),
            Self::Visited(visitor) => visitor.session(id),
        }
    }

    /// All sessions, by id.
    pub fn sessions(&self) -> Result<Vec<Arc<Session>>> {
        match self {
            Self::Owned(catalog, _) => catalog.all(),
            Self::Visited(visitor) => visitor.all(),
        }
    }

    /// The ids of all sessions with events, in order.
    pub fn ids(&self) -> Result<Vec<String>> {
        match self {
            Self::Owned(catalog, _) => Ok(catalog.ids()),
            Self::Visited(visitor) => visitor.ids(),
        }
    }

    /// Whether the files of a session have been found to be such as cannot be read.
    pub fn is_unreadable(&self, id: &str) -> bool {
        match self {
            Self::Owned(catalog, _) => catalog.why_unreadable(id).is_some(),
            Self::Visited(_) => false,
        }
    }

    /// Opens a file of a session, which may be moved meanwhile.
    pub fn open(&self, session: &Session, placed: &Placed) -> Result<Opened> {
        match self {
            Self::Owned(catalog, _) => {
                let opened = moving::open(session, placed)?;
                // One that was read again since is another one: of what becomes of its files the first hears nothing more.
                let is_known =
                    catalog.find(&session.id).is_some_and(|now| Arc::as_ptr(&now) == std::ptr::from_ref(session));
                Ok(if is_known { opened } else { Opened::Moved })
            }
            Self::Visited(_) => match files::open_found(&placed.path)? {
                Some(file) if placed.closed || visitor::is_growing(session, &file)? => Ok(Opened::File(file)),
                _ => Ok(Opened::Moved),
            },
        }
    }

    /// Whether this process has written the log and somebody else may do so by now. Where that cannot be told, whoever reads
    /// is not kept from it.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Owned(catalog, layout) => {
                catalog.lock().is_some_and(|ours| layout.named_lock().is_ok_and(|named| named != Some(ours)))
            }
            Self::Visited(_) => false,
        }
    }

    /// A file of this process's log is not where it is known to be, and nobody of ours has moved it: somebody else has removed it.
    ///
    /// # Errors
    /// Where that cannot be told: the log is no longer ours, or all files are gone with their directory, which may be on a disk
    /// that is not there just now.
    pub fn is_removed(&self, placed: &Placed) -> Result<()> {
        if self.is_lost() {
            return Err(self.layout().lost());
        }
        if !self.layout().active.is_dir() {
            let cause = std::io::Error::other("somebody else has removed its directory");
            return Err(Error::io(format!("opening {}", placed.path.display()), &cause));
        }
        Ok(())
    }

    /// A file of a session is no longer where it was.
    pub fn forget(&self, id: &str) {
        if let Self::Visited(visitor) = self {
            visitor.forget(id);
        }
    }

    /// Somebody is done who may have looked for longer than the log was open.
    pub fn is_done(&self) {
        if let Self::Visited(visitor) = self {
            visitor.close_again();
        }
    }

    /// Where the files are.
    pub fn layout(&self) -> &Layout {
        match self {
            Self::Owned(_, layout) => layout,
            Self::Visited(visitor) => &visitor.layout,
        }
    }

    /// Where old files are.
    pub fn archive(&self) -> &Path {
        &self.layout().archive
    }
}
