//! Small reads on the thread that asks: cheaper than the way to another thread and back, as long as nothing in them can
//! take long. Whatever could, or goes wrong, is left to the threads that may take their time and have errors to tell.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, limits::Limit};

use super::{
    failure::failure,
    held::HeldConnection,
    opening,
    shared_file::SharedFile,
    small,
    view::{KEPT, ReadMark, View},
};
use crate::error::Result;

/// What a look at something small gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance<T> {
    /// It is there.
    Found(T),
    /// It is not there.
    Nothing,
    /// It cannot be told here and now: ask a reader.
    AskReader,
}

/// A connection of its own, which never waits.
pub struct Direct {
    path: PathBuf,
    file: Arc<SharedFile>,
    read_mark: Option<ReadMark>,
    stage: Mutex<Stage>,
    /// Whether a view is kept.
    keeps_view: AtomicBool,
    /// Whether somebody will give it back when it is not used any more.
    watched: AtomicBool,
    /// Whether none may be kept for now.
    paused: AtomicBool,
}

/// As long as this lives each read has a view of its own: somebody is at work who may wait for readers, or whom others wait
/// for while they do.
pub struct Paused(Arc<Direct>);

impl Paused {
    /// Also gives back the view that is there.
    pub fn of(direct: Arc<Direct>) -> Self {
        {
            let mut stage = direct.lock();
            // Under the lock: a read that comes now sees it, and one that came before has its view taken.
            direct.paused.store(true, Ordering::Release);
            if let Stage::Open(open) = &mut *stage {
                direct.give_back(open);
            }
        }
        Self(direct)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.paused.store(false, Ordering::Release);
    }
}

enum Stage {
    /// The writer has not opened the file yet.
    Waiting,
    /// The next question opens the connection.
    Ready,
    Open(Box<Open>),
    /// No such reads, or no more.
    Closed,
}

struct Open {
    connection: HeldConnection,
    /// When the file's name was last looked at.
    looked: Instant,
    view: View,
}

/// To look at the file's name costs as much as a read: a deleted or replaced file is noticed after so long.
const TRUSTED: Duration = Duration::from_millis(10);

impl Direct {
    /// Reads of the database at `path`, where they are `allowed`; one after another share a view where marks can be read.
    pub fn new(path: PathBuf, file: Arc<SharedFile>, allowed: bool, read_mark: Option<ReadMark>) -> Self {
        let stage = Mutex::new(if allowed { Stage::Waiting } else { Stage::Closed });
        let [keeps_view, watched, paused] = [false; 3].map(AtomicBool::new);
        Self { path, file, read_mark, stage, keeps_view, watched, paused }
    }

    /// The file is open, and can be written to: from now on there is something to read.
    pub fn begin(&self) {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Waiting) {
            *stage = Stage::Ready;
        }
    }

    /// Closes the connection for good.
    pub fn end(&self) {
        *self.lock() = Stage::Closed;
    }

    /// Looks, unless that could take long.
    pub fn look<T>(&self, look: impl FnOnce(&Connection) -> Result<Glance<T>>) -> Glance<T> {
        // A lock that is poisoned as well: the panic left who knows what half done.
        let Ok(mut stage) = self.stage.try_lock() else { return Glance::AskReader };
        let now = Instant::now();
        if matches!(*stage, Stage::Ready) {
            let Ok(connection) = self.open() else { return Glance::AskReader };
            *stage = Stage::Open(Box::new(Open { connection, looked: now, view: View::new(self.read_mark) }));
        }
        let Stage::Open(open) = &mut *stage else { return Glance::AskReader };
        let Open { connection, looked, view } = &mut **open;
        let may_keep = !self.paused.load(Ordering::Acquire);
        let ready = self.trust(looked, now).and_then(|()| view.refresh(connection, now, may_keep));
        self.keeps_view.store(view.due().is_some(), Ordering::Release);
        if let Ok(found) = ready.and_then(|()| look(connection)) {
            view.has_read();
            return found;
        }
        // Whoever is asked instead has an error to tell. The next look begins anew.
        self.give_back(open);
        Glance::AskReader
    }

    /// Whether there is a view of which nobody knows that it has to be given back: from now on somebody does.
    pub fn wants_a_watch(&self) -> bool {
        self.keeps_view.load(Ordering::Acquire)
            && !self.watched.load(Ordering::Acquire)
            && !self.watched.swap(true, Ordering::AcqRel)
    }

    /// When [`Direct::watch`] shall run.
    pub fn wake_at(&self) -> Option<Instant> {
        if !self.watched.load(Ordering::Acquire) {
            return None;
        }
        match &*self.lock() {
            Stage::Open(open) => open.view.due().or_else(|| Instant::now().checked_add(KEPT)),
            _ => None,
        }
    }

    /// Gives back a view whose time has come: no read has done so. Without one nobody has to watch any more.
    pub fn watch(&self) {
        let mut stage = self.lock();
        let Stage::Open(open) = &mut *stage else { return };
        match open.view.due() {
            Some(due) if due > Instant::now() => {}
            Some(_) => {
                self.give_back(open);
                self.watched.store(open.view.due().is_some(), Ordering::Release);
            }
            None => self.watched.store(false, Ordering::Release),
        }
    }

    fn give_back(&self, open: &mut Open) {
        // Where that fails the view is still there, for the next look or the next watch to give back.
        drop(open.view.end(&open.connection));
        self.keeps_view.store(open.view.due().is_some(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Looks at the file's name, unless somebody just did.
    fn trust(&self, looked: &mut Instant, now: Instant) -> Result<()> {
        if now.duration_since(*looked) > TRUSTED {
            self.file.still_there(&self.path, "reading")?;
            *looked = now;
        }
        Ok(())
    }

    /// A connection that waits for nobody, and on which a text that would take long is an error before it is read.
    fn open(&self) -> Result<HeldConnection> {
        let connection = opening::open_reader(&self.path, &self.file, Duration::ZERO)?;
        connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, small::BYTES)
            .map_err(|error| failure("opening the database", &error))?;
        Ok(connection)
    }
}
