//! Small reads on the thread that asks: cheaper than the way to another thread and back, as long as nothing in them can
//! take long. Whatever could, or goes wrong, is left to the threads that may take their time and have errors to tell.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, limits::Limit};

use super::{
    failure::failure,
    identity::still_there,
    opening::{self, Opened},
    small,
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
    stage: Mutex<Stage>,
}

enum Stage {
    /// The writer has not opened the file yet.
    Waiting,
    /// The next question opens the connection.
    Ready,
    Open {
        opened: Opened,
        looked: Instant,
    },
    /// No such reads, or no more.
    Closed,
}

/// To look at the file's name costs as much as a read: a deleted or replaced file is noticed after so long.
const TRUSTED: Duration = Duration::from_millis(10);

impl Direct {
    /// Reads of the database at `path`, where they are `allowed`.
    pub fn new(path: PathBuf, allowed: bool) -> Self {
        Self { path, stage: Mutex::new(if allowed { Stage::Waiting } else { Stage::Closed }) }
    }

    /// The file is open: from now on there is something to read.
    pub fn begin(&self) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Waiting) {
            *stage = Stage::Ready;
        }
    }

    /// Closes the connection for good.
    pub fn end(&self) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Closed;
    }

    /// Looks, unless that could take long.
    pub fn look<T>(&self, look: impl FnOnce(&Connection) -> Result<Glance<T>>) -> Glance<T> {
        // A lock that is poisoned as well: the panic left who knows what half done.
        let Ok(mut stage) = self.stage.try_lock() else { return Glance::AskReader };
        if matches!(*stage, Stage::Ready) {
            let Ok(opened) = open(&self.path) else { return Glance::AskReader };
            *stage = Stage::Open { opened, looked: Instant::now() };
        }
        let Stage::Open { opened, looked } = &mut *stage else { return Glance::AskReader };
        if looked.elapsed() > TRUSTED {
            if still_there(&self.path, opened.identity, "reading").is_err() {
                return Glance::AskReader;
            }
            *looked = Instant::now();
        }
        look(&opened.connection).unwrap_or(Glance::AskReader)
    }
}

/// A connection that waits for nobody, and on which a text that would take long is an error before it is read.
fn open(path: &Path) -> Result<Opened> {
    let opened = opening::open_reader(path, Duration::ZERO)?;
    opened
        .connection
        .set_limit(Limit::SQLITE_LIMIT_LENGTH, small::BYTES)
        .map_err(|error| failure("opening the database", &error))?;
    Ok(opened)
}
