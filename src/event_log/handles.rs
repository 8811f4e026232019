//! What a log hands out: replays and consumers, whose work is done where the reader is.

use std::sync::{
    Arc, PoisonError, TryLockError,
    atomic::{AtomicBool, Ordering},
};

use super::{
    consumers::Position,
    directory::Layout,
    positions::{Asked, Positions},
    reader::{Ask, SharedCursor, SharedPosition},
    registry::Core,
    writer::Job,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
    worker::Worker,
};

/// A replay under way. Dropping it lets go of its files.
pub struct Replay {
    pub(super) core: Option<Arc<Core>>,
    pub(super) reader: Worker<Ask>,
    pub(super) session: String,
    pub(super) cursor: SharedCursor,
    /// Whether its first piece has been asked for.
    pub(super) begun: AtomicBool,
}

/// A named consumer of a session, whose position is on the disk. Dropping it lets go of the position.
pub struct Consumer {
    pub(super) core: Option<Arc<Core>>,
    pub(super) reader: Worker<Ask>,
    pub(super) layout: Layout,
    pub(super) session: String,
    pub(super) name: String,
    pub(super) durability: Durability,
    pub(super) position: SharedPosition,
    pub(super) positions: Arc<Positions>,
    /// Nobody wants the position any more, opened or not.
    pub(super) left: Arc<AtomicBool>,
}

impl Replay {
    /// The next piece: a JSON array of some hundred events without their checksums; `None` at the end.
    pub fn pull(&self, reply: Reply<Option<String>>) {
        let mut ask = Ask::Pull { cursor: Arc::clone(&self.cursor), reader: self.reader.clone(), reply };
        if let Some(core) = &self.core
            && !self.begun.swap(true, Ordering::Relaxed)
        {
            ask = unless_lost(core, &self.session, ask);
        }
        read_once_opened(self.core.as_ref(), &self.reader, Some(&self.session), ask);
    }

    /// Ends it, and lets go of its files.
    pub fn release(&self) {
        match self.cursor.try_lock() {
            Ok(mut cursor) => cursor.release(),
            Err(TryLockError::Poisoned(cursor)) => PoisonError::into_inner(cursor).release(),
            // A pull that is reading right now ends first. Where nothing is read any more, the cursor goes with this handle.
            Err(TryLockError::WouldBlock) => {
                let cursor = Arc::clone(&self.cursor);
                let releasing = move |ready: Result<()>| {
                    if ready.is_ok() {
                        cursor.lock().unwrap_or_else(PoisonError::into_inner).release();
                    }
                };
                read(&self.reader, Ask::task(None, releasing));
            }
        }
    }
}

impl Consumer {
    /// Takes the position into possession, alone among all processes; answers with it: everything up to this number has
    /// been seen to.
    pub fn open(&self, reply: Reply<u64>) {
        let (layout, durability) = (self.layout.clone(), self.durability);
        let (session, name, position) = (self.session.clone(), self.name.clone(), Arc::clone(&self.position));
        let (tag, left, positions) = (reply.tag(), Arc::clone(&self.left), Arc::clone(&self.positions));
        let opening = move |ready: Result<()>| {
            let opened = ready.and_then(|()| Position::open(&layout, &session, &name, durability));
            reply.send(opened.and_then(|opened| {
                let mut position = position.lock().unwrap_or_else(PoisonError::into_inner);
                // It may have been held up until nobody waited for it.
                if left.load(Ordering::Acquire) {
                    return Err(Error::Closed("the consumer"));
                }
                let opened = position.insert(opened);
                // Whoever wrote it may have been killed before its sync.
                if let Some(written) = opened.unsynced().filter(|_| opened.seq() > 0) {
                    positions.note(written);
                }
                Ok(opened.seq())
            }));
        };
        read_once_opened(self.core.as_ref(), &self.reader, None, Ask::task(tag, opening));
    }

    /// Takes note that everything up to `seq` has been seen to.
    pub fn acknowledge(&self, seq: u64, reply: Reply<()>) {
        let position = Arc::clone(&self.position);
        read(&self.reader, Ask::Advance { position, seq, asked: Asked::of(&self.positions), reply });
    }

    /// Lets go of the position, once everything that was acknowledged has been taken note of; answers when that is on the disk.
    pub fn close(&self, reply: Reply<()>) {
        self.left.store(true, Ordering::Release);
        let (position, positions) = (Arc::clone(&self.position), Arc::clone(&self.positions));
        let closing = move |_: Result<()>| {
            drop(position.lock().unwrap_or_else(PoisonError::into_inner).take());
            positions.sync(reply);
        };
        read(&self.reader, Ask::task(None, closing));
    }
}

/// Asks the reader when the files are open, which takes that no other process has them, and those of the session can be
/// read. Whoever only reads has no `core`.
fn read_once_opened(core: Option<&Arc<Core>>, reader: &Worker<Ask>, session: Option<&str>, ask: Ask) {
    let is_ready = |core: &&Arc<Core>| {
        core.opened.load(Ordering::Acquire) && !session.is_some_and(|id| core.view.is_unreadable(id))
    };
    match core.filter(|core| !is_ready(core)) {
        Some(core) => open_first(core, reader, session, ask),
        None => read(reader, ask),
    }
}

/// Reads where no other process can own the log by now; otherwise the writer is asked first, who notices that as well.
fn unless_lost(core: &Arc<Core>, session: &str, ask: Ask) -> Ask {
    let (core, session) = (Arc::clone(core), session.to_owned());
    Ask::task(ask.tag(), move |ready| match ready {
        Ok(()) if core.view.is_lost() => open_first(&core, &core.reader, Some(&session), ask),
        Ok(()) => ask.answer(),
        Err(error) => ask.refuse(error),
    })
}

/// Asks the reader when the writer has the files open.
fn open_first(core: &Core, reader: &Worker<Ask>, session: Option<&str>, ask: Ask) {
    let (reader, tag) = (reader.clone(), ask.tag());
    let answer = move |opened: Result<()>| match opened {
        Ok(()) => read(&reader, ask),
        Err(error) => ask.refuse(error),
    };
    let session = session.map(str::to_owned);
    let job = Job::Open { session, reply: Reply::new(answer).tagged(tag) };
    if let Err((error, job)) = core.writer.submit_with_room(job) {
        job.refuse(error);
    }
}

/// Asks the reader. Where it takes nothing any more, the one who asks hears of it.
fn read(reader: &Worker<Ask>, ask: Ask) {
    if let Err((error, ask)) = reader.submit(ask, 1) {
        ask.refuse(error);
    }
}
