//! The directory of a log: where things are, who owns it, and whether its last owner left it in order.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{files, record};
use crate::{
    error::{Error, Result},
    found::Identity,
};

/// Where things are.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The directory itself.
    pub root: PathBuf,
    /// The files being written, and closed ones within the retention.
    pub active: PathBuf,
    /// Older ones, a directory for each day.
    pub archive: PathBuf,
    /// Copies of damaged bytes.
    pub quarantine: PathBuf,
    /// What is known of large files.
    pub index: PathBuf,
    /// What the disk holds of files whose own sync is still to come.
    pub journal: PathBuf,
}

const LOCK: &str = "lock";
const CLOSED: &str = "closed.json";

/// As often the lock is asked for anew when somebody removes its file meanwhile.
const TRIES: usize = 100;

/// Present only while nobody has the log open and its last owner closed it in order: then numbers go on where they
/// ended. Where it is missing, events may have been acknowledged that the disk never got, and their numbers stay used.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClosedMark {
    /// No number above this was ever given, but to sessions that have come to those of another program: one that has no event
    /// in `active` goes on above it.
    highest_seq: u64,
    /// Nor of any other session, whose events in `active` may have had successors that were lost.
    #[serde(default)]
    everywhere: bool,
    #[serde(flatten)]
    trace: Trace,
}

/// What tells the state in which a log was closed from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Where its sessions end; `None` where an earlier version has closed it.
    pub ends: Option<u64>,
    /// The state of its archive; `None` where nothing tells.
    pub archive: Option<u64>,
}

/// How the last owner left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// There was none.
    New,
    /// In order; sessions without an event in `active`, or all of them, go on above this number. Where there is no trace, or the
    /// log has another one, an earlier state of its files may have been put back since.
    Closed { highest_seq: u64, everywhere: bool, trace: Trace },
    /// It was killed, or the machine went down.
    Unclean,
}

/// The right to write. It ends with the value, or with the process, however that ends; and it is worth nothing any more when
/// somebody has removed the file that is locked, or put another one in its place: whoever locks that one owns the log as well.
#[derive(Debug)]
pub struct Ownership {
    /// Holds the lock of the operating system.
    lock: File,
    /// Which file that is.
    identity: Identity,
    /// Another one had its name, or none.
    is_lost: bool,
    layout: Layout,
}

impl Layout {
    /// The layout below `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            active: root.join("active"),
            archive: root.join("archive"),
            quarantine: root.join("quarantine"),
            index: root.join("index"),
            journal: root.join("journal"),
        }
    }

    /// Takes the directory into possession, and says how the last owner left it. From here on the log counts as not
    /// closed in order.
    pub fn own(&self) -> Result<(Ownership, Past)> {
        files::create_directory(&self.root)?;
        let (ownership, created) = self.lock()?;
        let past = self.past(created)?;
        files::create_directory(&self.active)?;
        files::remove(&self.root.join(CLOSED))?;
        if let Err(error) = files::remove_temporaries(&self.root) {
            // One that stays is in nobody's way.
            tracing::warn!(target: "smalltalk::event_log", %error, "could not tidy the directory");
        }
        // The lock's name and the mark's end are on the disk before any number is handed out.
        files::sync_directory(&self.root)?;
        if !matches!(past, Past::Closed { .. }) {
            self.sync_names()?;
        }
        Ok((ownership, past))
    }

    /// Which file has the lock's name.
    pub fn named_lock(&self) -> Result<Option<Identity>> {
        Ok(files::look(&self.root.join(LOCK))?.map(|found| found.identity))
    }

    /// Why somebody who owned it does so no longer.
    pub fn lost(&self) -> Error {
        let cause = std::io::Error::other(
            "somebody else has removed or replaced its lock, so it may have another owner by now; \
             the next call takes possession of it anew, if it has none",
        );
        Error::io(format!("owning {}", self.root.display()), &cause)
    }

    /// Locks the file that has the name; whether it was made for that.
    fn lock(&self) -> Result<(Ownership, bool)> {
        let path = self.root.join(LOCK);
        let failure = |doing: &str, cause: &std::io::Error| Error::io(format!("{doing} {}", path.display()), cause);
        for _ in 0..TRIES {
            let (mut lock, created) = files::open_lock(&path)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(self.locked(&mut lock)),
                Err(TryLockError::Error(cause)) => return Err(failure("locking", &cause)),
            }
            let identity = files::identity(&lock, &path)?;
            let mut ownership = Ownership { lock, identity, is_lost: false, layout: self.clone() };
            // Somebody may have removed it since it was opened: then once more.
            if ownership.holds()? {
                write_pid(&ownership.lock).map_err(|cause| failure("writing", &cause))?;
                return Ok((ownership, created));
            }
        }
        Err(failure("locking", &std::io::Error::other("somebody else removes it again and again")))
    }

    /// Puts the names that an owner may have left with the kernel on the disk.
    fn sync_names(&self) -> Result<()> {
        files::sync_directory(&self.active)?;
        if self.archive.is_dir() {
            files::sync_directory(&self.archive)?;
        }
        files::sync_above(&self.root);
        Ok(())
    }

    fn past(&self, is_new: bool) -> Result<Past> {
        if let Some(bytes) = files::read_all(&self.root.join(CLOSED))?
            && let Ok(mark) = serde_json::from_slice::<ClosedMark>(&bytes)
            && record::higher(0, mark.highest_seq) == mark.highest_seq
        {
            let ClosedMark { highest_seq, everywhere, trace } = mark;
            return Ok(Past::Closed { highest_seq, everywhere, trace });
        }
        // A directory of files without a lock was copied, or tidied by somebody: nobody knows what it once held, or what an
        // archive holds that cannot be listed.
        let is_empty = |directory| files::names(directory).map(|names| names.is_empty());
        let new = is_new && is_empty(&self.active)? && is_empty(&self.archive).unwrap_or(false);
        Ok(if new { Past::New } else { Past::Unclean })
    }

    /// Whether the last owner closed it in order, or there was none; not while somebody owns it.
    pub fn is_in_order(&self) -> bool {
        let is_new = self.named_lock().is_ok_and(|lock| lock.is_none());
        self.past(is_new).is_ok_and(|past| past != Past::Unclean)
    }

    /// Why somebody who only reads cannot write.
    pub fn owned_by_another(&self) -> Error {
        let pid = files::read_all(&self.root.join(LOCK)).ok().flatten().unwrap_or_default();
        let owner = std::str::from_utf8(&pid).ok().and_then(|pid| pid.trim().parse().ok());
        Error::Locked { path: self.root.clone(), owner }
    }

    fn locked(&self, lock: &mut File) -> Error {
        let mut pid = String::new();
        // Where the system guards locked bytes from readers, the owner stays unnamed.
        let _ = lock.read_to_string(&mut pid);
        Error::Locked { path: self.root.clone(), owner: pid.trim().parse().ok() }
    }
}

impl Ownership {
    /// Whether nobody else can own the log.
    pub fn holds(&mut self) -> Result<bool> {
        self.is_lost = self.is_lost || self.layout.named_lock()? != Some(self.identity);
        Ok(!self.is_lost)
    }

    /// The same as far as the locked file itself tells, which takes a third of the time: that somebody has moved it, or its
    /// directory, is told by [`Ownership::holds`] alone. That one decides where the file seems to have no name: not every
    /// file system counts them.
    pub fn seems_to_hold(&mut self) -> Result<bool> {
        if !self.is_lost && files::named(&self.lock).is_some() {
            return Ok(true);
        }
        self.holds()
    }

    /// Whether it was seen to hold no longer.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Which file is locked.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Why it holds no longer.
    pub fn lost(&self) -> Error {
        self.layout.lost()
    }

    /// Marks the log as closed in order. Everything else must be on the disk before.
    pub fn close(self, highest_seq: u64, everywhere: bool, trace: Trace) -> Result<()> {
        let mark = serde_json::to_vec(&ClosedMark { highest_seq, everywhere, trace }).unwrap_or_default();
        files::replace(&self.layout.root, CLOSED, &mark)
    }
}

fn write_pid(mut lock: &File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}
