//! Which files this copy of the package has open. On POSIX systems the locks of a file belong to the process: what another copy, or
//! another SQLite, opens and closes takes them along, and neither sees the other's. So a copy asks the others before it opens a
//! file, and tells them of its own.

use std::{
    ops::Deref,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::Connection;

use super::{failure::failure, own_log::OwnLog};
use crate::{
    error::{Error, Result},
    found::Identity,
};

/// Two copies of the package in one process, by the paths of their binaries.
#[derive(Debug, Clone)]
pub struct Copies {
    /// The one that has a file open.
    pub holder: String,
    pub own: String,
}

/// Which other copy has a file open, by the file's device and number.
pub type AskOthers = fn(u64, u64) -> Option<Copies>;

static OTHERS: OnceLock<AskOthers> = OnceLock::new();
static HELD: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

struct Entry {
    id: u64,
    file: Identity,
    log: Option<Arc<OwnLog>>,
}

/// From now on the other copies in the process are asked. Whoever says so first is heard.
pub fn ask_others(ask: AskOthers) {
    OTHERS.get_or_init(|| ask);
}

/// Whether this copy has the file with that device and number open, or is about to open it.
#[must_use]
pub fn holds_file(device: u64, number: u64) -> bool {
    entries().iter().any(|entry| entry.file.numbers() == (device, number))
}

/// As long as this lives other copies leave the file alone.
#[derive(Debug)]
pub struct Held {
    id: u64,
    file: Identity,
}

impl Held {
    /// Before the file at `path` is opened, whose identity that is.
    ///
    /// # Errors
    /// [`Error::HeldByCopy`] where another copy has it open; [`Error::Io`] where this one has, with a log that is gone: all
    /// connections of a process share the memory that tells what is in the log.
    pub fn of(path: &Path, file: Identity) -> Result<Self> {
        // First: of two that come at once each finds the other, and none comes through unseen.
        let held = Self::noted(file);
        let of_entry = |entry: &Entry| entry.log.as_ref().map(|log| (entry.id, Arc::clone(log)));
        let logs: Vec<_> = entries().iter().filter(|entry| entry.file == file).filter_map(of_entry).collect();
        for (id, log) in logs {
            // Whoever has been asked may be closing the file as the last one, and takes the log away in order: he has said so
            // before.
            if let Err(gone) = log.still_there("opening the database")
                && entries().iter().any(|entry| entry.id == id && entry.log.is_some())
            {
                return Err(gone);
            }
        }
        let (device, number) = file.numbers();
        match OTHERS.get().and_then(|ask| ask(device, number)) {
            Some(Copies { holder, own }) => Err(Error::HeldByCopy { path: path.to_owned(), holder, own }),
            None => Ok(held),
        }
    }

    /// Another one for those who open the file beside whoever holds it.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::noted(self.file)
    }

    /// The log that was opened with it, and has to be there for as long as what this gives lives.
    #[must_use]
    pub fn has_log(&self, log: &Arc<OwnLog>) -> HeldLog {
        if let Some(entry) = entries().iter_mut().find(|entry| entry.id == self.id) {
            entry.log = Some(Arc::clone(log));
        }
        HeldLog(self.id)
    }

    fn noted(file: Identity) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        entries().push(Entry { id, file, log: None });
        Self { id, file }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        entries().retain(|entry| entry.id != self.id);
    }
}

/// A log that whoever opens the file beside looks for. It ends before the connection that has the log open: closing that may
/// take the log away.
#[derive(Debug)]
pub struct HeldLog(u64);

impl Drop for HeldLog {
    fn drop(&mut self) {
        let log = entries().iter_mut().find(|entry| entry.id == self.0).and_then(|entry| entry.log.take());
        // It closes a file, for which nobody else has to wait.
        drop(log);
    }
}

/// So many of the engine's instructions, or pages that it checks: a fraction of a millisecond where nothing waits for the disk.
const STEPS: i32 = 1_000;

/// A connection that only reads, and what holds its file meanwhile.
pub struct HeldConnection {
    connection: Connection,
    // Behind the connection, which is closed first.
    _held: Option<Arc<Held>>,
}

impl HeldConnection {
    /// The two together.
    #[must_use]
    pub fn new(connection: Connection, held: Option<Arc<Held>>) -> Self {
        Self { connection, _held: held }
    }

    /// From now on each of its statements asks now and then whether it is to be interrupted.
    ///
    /// # Errors
    /// [`Error::Io`] where the engine does not take that.
    pub fn interrupt_when(&mut self, ask: impl Fn() -> bool + Send + 'static) -> Result<()> {
        let taken = self.connection.progress_handler(STEPS, Some(ask));
        taken.map_err(|error| failure("watching a reader", &error))
    }
}

impl Deref for HeldConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Whoever panicked has left nothing half done in here.
fn entries() -> MutexGuard<'static, Vec<Entry>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::storage::sqlite::{birth, write_connection::WriteConnection};

    /// Says of those that were marked that another copy has them open.
    fn of_marked(device: u64, number: u64) -> Option<Copies> {
        assert!(holds_file(device, number), "it is noted before anybody is asked");
        let marked = MARKED.lock().unwrap().contains(&(device, number));
        marked.then(|| Copies { holder: "/other.node".into(), own: "/own.node".into() })
    }

    static MARKED: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

    #[test]
    fn a_file_that_another_copy_has_open_is_not_opened_and_others_are() {
        ask_others(of_marked);
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["s.db", "other.db"].map(|name| directory.path().join(name));
        drop(WriteConnection::open(&path, Duration::ZERO, None).unwrap());
        let (device, number) = Identity::of(&path).unwrap().numbers();
        assert!(!holds_file(device, number), "it was closed");
        MARKED.lock().unwrap().push((device, number));
        let refused = WriteConnection::open(&path, Duration::ZERO, None).err().unwrap();
        assert_eq!((refused.code(), refused.retryable()), ("ERR_LOCKED", true));
        for named in ["s.db", "/other.node", "/own.node"] {
            assert!(refused.to_string().contains(named), "{refused}");
        }
        assert!(!holds_file(device, number), "nor is it held");
        WriteConnection::open(&other, Duration::ZERO, None).unwrap().close().unwrap();
        // A file of another test may get the number of this one.
        MARKED.lock().unwrap().clear();
    }

    #[test]
    fn beside_a_store_whose_log_is_gone_no_other_is_opened_before_it_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let first = WriteConnection::open(&path, Duration::ZERO, None).unwrap();
        drop(WriteConnection::open(&path, Duration::ZERO, None).unwrap());
        fs::remove_file(birth::with_ending(&path, "-wal")).unwrap();
        let refused = WriteConnection::open(&path, Duration::ZERO, None).err().unwrap();
        assert_eq!(refused.code(), "ERR_IO");
        first.close().unwrap();
        WriteConnection::open(&path, Duration::ZERO, None).unwrap().close().unwrap();
    }

    #[test]
    fn whoever_closes_a_file_last_takes_its_log_away_and_nobody_who_opens_it_meanwhile_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open_and_close = || {
            for _ in 0..100 {
                WriteConnection::open(&path, Duration::from_secs(30), None).unwrap().close().unwrap();
                drop(WriteConnection::open(&path, Duration::from_secs(30), None).unwrap());
            }
        };
        std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(open_and_close))));
    }
}
