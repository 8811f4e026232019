//! All handles of a process on one directory share one writer, found by the directory's real path.

use std::{
    collections::HashMap,
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicBool},
};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::{
    bell::Bell,
    catalog::Catalog,
    directory::Layout,
    doubts::Doubts,
    files,
    options::LogOptions,
    positions::Positions,
    reader::{Ask, Reader},
    view::View,
    wishes::Wishes,
    writer::{Before, Job, Shared, Writer},
};
use crate::{
    error::{Error, Result},
    reply::Reply,
    worker::Worker,
};

/// What the handles share.
pub struct Core {
    /// The thread that writes.
    pub writer: Worker<Job>,
    /// The thread that reads.
    pub reader: Worker<Ask>,
    /// How far consumers have come.
    pub positions: Arc<Positions>,
    /// What both see.
    pub view: View,
    /// Who waits for more.
    pub bell: Arc<Bell>,
    /// Who has heard what failed.
    pub doubts: Arc<Doubts>,
    /// Whether the catalog holds what is on the disk.
    pub opened: Arc<AtomicBool>,
    wishes: Mutex<Wishes>,
}

impl Core {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the log do from now on what its handles want.
    fn heed(&self, options: &LogOptions) {
        self.writer.limit_to(options.max_queue_bytes);
        self.positions.wait_for(options.fsync_interval);
        // Whatever is queued: it takes no room. A writer that takes nothing any more does nothing any more either.
        let _ = self.writer.submit_with_room(Job::Heed(options.clone()));
    }
}

struct Entry {
    core: Weak<Core>,
    /// Ends when the writer has let go of the directory.
    released: Receiver<Infallible>,
}

static LOGS: LazyLock<Mutex<HashMap<PathBuf, Entry>>> = LazyLock::new(Mutex::default);

/// Guards what handles come and go as well.
fn logs() -> MutexGuard<'static, HashMap<PathBuf, Entry>> {
    LOGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many bytes of requests may wait for a reader; a request counts one.
pub const READER_QUEUE: usize = 65_536;

/// A handle joins the log of a directory, or starts one.
pub fn join(handle: u32, mut options: LogOptions) -> Result<Arc<Core>> {
    options.check()?;
    let unsynced = files::create_unsynced(&options.directory)?;
    let path = options
        .directory
        .canonicalize()
        .map_err(|cause| Error::io(format!("finding {}", options.directory.display()), &cause))?;
    options.directory.clone_from(&path);
    let mut logs = logs();
    // Whoever has let go of its directory is history, however it ended.
    logs.retain(|_, entry| entry.released.try_recv() == Err(TryRecvError::Empty));
    if let Some(core) = logs.get(&path).and_then(|entry| entry.core.upgrade())
        && let mut wishes = core.wishes()
        && !wishes.are_none()
    {
        if let Some(options) = wishes.add(handle, options) {
            core.heed(options);
        }
        drop(wishes);
        return Ok(core);
    }
    let predecessor = logs.get(&path).map(|entry| entry.released.clone());
    let (hold, released) = bounded(0);
    let catalog = Arc::new(Catalog::default());
    let opened = Arc::new(AtomicBool::new(false));
    let bell = Arc::new(Bell::default());
    let doubts = Arc::new(Doubts::default());
    let (queue, interval) = (options.max_queue_bytes, options.fsync_interval);
    let wishes = Mutex::new(Wishes::new(handle, options.clone()));
    let view = View::Owned(Arc::clone(&catalog), Arc::new(Layout::new(&path)));
    let shared = Shared { catalog, opened: Arc::clone(&opened), bell: Arc::clone(&bell), doubts: Arc::clone(&doubts) };
    let writer = Writer::new(options, shared, Before { predecessor, unsynced }, hold);
    let core = Arc::new(Core {
        writer: Worker::start("smalltalk-log", queue, writer)?,
        reader: Worker::start("smalltalk-log-reader", READER_QUEUE, Reader::default())?,
        positions: Arc::new(Positions::new(interval)),
        view,
        bell,
        doubts,
        opened,
        wishes,
    });
    logs.insert(path, Entry { core: Arc::downgrade(&core), released });
    Ok(core)
}

/// Leaves a log. The last to leave closes it; an earlier one only waits until its events are on the disk. What failed is told
/// only where somebody `listens`.
pub fn leave(core: &Core, handle: u32, listens: bool, reply: Reply<()>) {
    let guard = logs();
    let mut wishes = core.wishes();
    if let Some(options) = wishes.remove(handle) {
        core.heed(options);
    }
    let is_last = wishes.are_none();
    drop((wishes, guard));
    if is_last {
        let positions = Arc::clone(&core.positions);
        // Whoever has read all has taken note of all.
        core.reader.close(Reply::new(move |_| positions.close()));
        core.writer.close(reply);
        return;
    }
    let (tag, doubts) = (reply.tag(), Arc::clone(&core.doubts));
    let answer = move |flushed| {
        doubts.leave(handle);
        reply.send(flushed);
    };
    let job = Job::Flush { handle: listens.then_some(handle), reply: Reply::new(answer).tagged(tag) };
    // More may be queued than those that stay would have let in.
    if let Err((error, job)) = core.writer.submit_with_room(job) {
        job.refuse(error);
    }
}
