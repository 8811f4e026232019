//! Sessions and keys in one SQLite file: one thread writes, a few read.

mod append;
mod backup;
mod batches;
mod birth;
mod caller_clock;
mod changes;
mod checkpoints;
mod coming;
mod conditions;
mod content;
mod counters;
mod direct;
mod doubt;
mod ending;
mod expiry;
mod failure;
mod full_disk;
mod growth;
mod hardening;
mod heads;
mod held;
mod job;
mod keys;
mod lifted;
mod log_index;
mod lone_mount;
mod maintenance;
mod mending;
mod message_count;
mod message_rows;
mod messages;
mod migrate;
mod named_file;
mod naming;
mod network;
mod opening;
mod orphans;
mod owed;
mod own_log;
mod pages;
mod parts;
mod prune;
mod reader;
mod reading;
mod reads;
mod reclaim;
mod reserve;
mod restored;
mod room;
mod save;
pub mod schema;
mod sessions;
mod shared_file;
mod small;
mod snapshot;
mod still_there;
mod transaction;
mod turns;
mod unopened;
mod upkeep;
mod verify;
mod view;
mod write_connection;
mod writer;
mod writes;

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::Connection;

pub use coming::ComingMessages;
pub use direct::Glance;
pub use held::{AskOthers, Copies, ask_others, holds_file};
pub use job::{Read, Write};
pub use keys::KeyEnd;
pub use orphans::Orphans;
pub use pages::{KeyFilter, LastSession, SessionPage};
pub use parts::{Part, SessionInfo};
pub use prune::Pruned;
pub use reading::{Piece, SessionHead, SessionReading};
pub use small::SmallSession;
pub use verify::{Damage, Kind, Verification};
pub use view::{CommitMark, ReadMark};

use self::{
    caller_clock::CallerClock,
    direct::Direct,
    ending::Ending,
    job::{Job, Step},
    reader::Reader,
    shared_file::SharedFile,
    upkeep::Upkeep,
    writer::Writer,
};
use crate::{
    durability::Durability,
    engine_text::EngineText,
    error::{Error, Result},
    reply::{Reply, Tag},
    storage::session::Encoded,
    worker::Worker,
};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; its directory is made where it is missing.
    pub path: PathBuf,
    /// How many threads read.
    pub readers: usize,
    /// How long to wait for another connection's write.
    pub busy_timeout: Duration,
    /// How many bytes of changes may wait.
    pub max_queue_bytes: usize,
    /// Whether small reads may happen on the thread that asks.
    pub direct: bool,
    /// How such reads find out whether anything was committed, and whoever writes whether its log is whole; without it each of the
    /// former takes the engine's lock, and nobody looks at the latter.
    pub read_mark: Option<ReadMark>,
}

/// The handle to an open file. Dropping it lets what is queued land and closes the file, without waiting.
pub struct SqliteStore {
    // First, so that it goes first: whoever closes the file last folds its log into it, and only the writer can.
    direct: Arc<Direct>,
    clock: CallerClock,
    writer: Worker<Job>,
    readers: Vec<Worker<Read>>,
    upkeep: Upkeep,
}

impl SqliteStore {
    /// Starts the threads; `reply` tells when the file is open.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread.
    pub fn open(options: &SqliteOptions, reply: Reply<()>) -> Result<Self> {
        let SqliteOptions { path, readers, busy_timeout, max_queue_bytes, direct, read_mark } = options;
        let file = Arc::new(SharedFile::default());
        let direct = Arc::new(Direct::new(path.clone(), Arc::clone(&file), *direct, *read_mark));
        let writer = Writer::new(path.clone(), *busy_timeout, Arc::clone(&file), Arc::downgrade(&direct), *read_mark);
        let clock = writer.clock();
        let writer = Worker::start("smalltalk-sqlite", *max_queue_bytes, writer)?;
        let readers = (0..*readers)
            .map(|_| Reader::new(path.clone(), *busy_timeout, Arc::clone(&file)))
            .map(|reader| Worker::start("smalltalk-reader", READ_QUEUE, reader))
            .collect::<Result<Vec<_>>>()?;
        let upkeep = Upkeep::start(path.clone(), *busy_timeout, file)?;
        let store = Self { direct, clock, writer, readers, upkeep };
        store.enqueue(Job::Open(reply), 0);
        Ok(store)
    }

    /// Whoever asks says what time it is to them, in milliseconds since the epoch: keys end by their clock.
    pub fn clock_says(&self, now: i64) {
        self.clock.says(now);
    }

    /// Queues a change. Never waits: a full queue is answered with [`Error::Backpressure`].
    pub fn write(&self, write: Write, durability: Durability) {
        let size = write.size();
        self.enqueue(Job::Step(Step::Write(write, durability)), size);
    }

    /// Queues a change that [`SqliteStore::stop`] keeps from being begun, wherever it waits: `make` is given its reply.
    pub fn write_stoppable<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        durability: Durability,
        make: impl FnOnce(Reply<T>) -> Write,
    ) {
        let tag = reply.tag();
        let (ending, reply) = self.upkeep.elsewhere(reply);
        self.write(make(reply.tagged(tag)).stopped_by(ending), durability);
    }

    /// Asks a question. `in_order` makes it see every change queued before it; otherwise it sees every change answered.
    pub fn read(&self, read: Read, in_order: bool) {
        match self.readers.iter().min_by_key(|reader| reader.queued()) {
            Some(reader) if !in_order => {
                if let Err((error, read)) = reader.submit(read, READ_SIZE) {
                    read.refuse(of_store(error));
                }
            }
            _ => self.enqueue(Job::Step(Step::Read(read)), READ_SIZE),
        }
    }

    /// Reads a small session on this thread; waits for nobody. It sees every change answered.
    #[must_use]
    pub fn small_session(&self, id: &str) -> Glance<SmallSession> {
        self.look(|connection| small::session(connection, id))
    }

    /// Reads a small value that has not expired at `now`, likewise.
    #[must_use]
    pub fn small_key(&self, key: &str, now: i64) -> Glance<Encoded> {
        self.look(|connection| small::key(connection, key, now))
    }

    /// Reads small values that are plain JSON as one array, likewise; null stands for each key that has none. There is a NUL
    /// between two keys.
    #[must_use]
    pub fn small_keys(&self, keys: &str, now: i64) -> Glance<EngineText> {
        self.look(|connection| small::keys(connection, keys, now))
    }

    /// Counts the sessions that [`Write::prune`] would remove.
    pub fn preview_prune(&self, updated_before: i64, reply: Reply<Pruned>) {
        self.upkeep(reply, move |connection, _| prune::preview(connection, updated_before));
    }

    /// Looks for messages whose session is gone.
    pub fn orphans(&self, reply: Reply<Orphans>) {
        self.upkeep(reply, orphans::find);
    }

    /// Copies the store as it is now to a new file.
    pub fn backup(&self, target: PathBuf, reply: Reply<()>) {
        self.upkeep(reply, move |connection, ending| backup::backup(connection, ending, &target));
    }

    /// Reads everything there is, and tells what is damaged.
    pub fn verify(&self, reply: Reply<Verification>) {
        self.upkeep(reply, verify::verify);
    }

    /// Gives pages that nothing uses back to the disk; answers with the bytes.
    pub fn reclaim(&self, reply: Reply<i64>) {
        let (ending, reply) = self.upkeep.elsewhere(reply);
        reclaim::reclaim(&self.writer, ending, 0, reply);
    }

    /// Long work that only reads, and sees what was queued before it.
    fn upkeep<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        work: impl FnOnce(&Connection, &Ending) -> Result<T> + Send + 'static,
    ) {
        self.upkeep.run(&self.writer, reply, work);
    }

    /// Lets what is queued land, and closes the file.
    pub fn close(&self, reply: Reply<()>) {
        // The readers first: whoever closes the file last folds its log into it, and that shall be the writer.
        let last = Reply::new({
            let writer = self.writer.clone();
            move |_| writer.close(reply)
        });
        let closed = self.readers.iter().fold(last, |then, reader| {
            let reader = reader.clone();
            Reply::new(move |_: Result<()>| reader.close(then))
        });
        self.direct.end();
        self.upkeep.close(closed);
    }

    /// Withdraws what has not been begun of what was asked for under these tags; each is answered with [`Error::Timeout`].
    pub fn withdraw(&self, tags: &HashSet<Tag>) {
        let picked = |tag: Option<Tag>| tag.is_some_and(|tag| tags.contains(&tag));
        for job in self.writer.withdraw(|job| picked(job.tag())) {
            job.refuse(Error::Timeout("what was asked of the store"));
        }
        for read in self.readers.iter().flat_map(|reader| reader.withdraw(|read| picked(read.tag()))) {
            read.refuse(Error::Timeout("a question to the store"));
        }
    }

    /// Stops upkeep that was asked for under these tags: what has not been begun never is, what is under way ends soon. Each is
    /// answered with [`Error::Stopped`], but for what is done by then and for a change that has been begun.
    pub fn stop(&self, tags: &HashSet<Tag>) {
        self.upkeep.stop(tags);
        for job in self.writer.withdraw(|job| job.tag().is_some_and(|tag| tags.contains(&tag))) {
            job.refuse(Error::Stopped);
        }
    }

    /// Waits until what is queued has landed, `limit` at the most; for the way out of the process. At the `last`, that is on the
    /// disk as well, as far as nothing keeps it from there: whoever would have synced it later may not live to.
    #[must_use]
    pub fn drain(&self, limit: Duration, last: bool) -> bool {
        if last {
            // One that is closing does so by itself.
            let _ = self.writer.submit_with_room(Job::Sync);
        }
        self.writer.drain(limit)
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> Result<Glance<T>>) -> Glance<T> {
        let found = self.direct.look(look);
        if self.direct.wants_a_watch() {
            // Wakes the writer, which then knows when to wake up again.
            self.writer.barrier(Reply::new(drop));
        }
        found
    }

    fn enqueue(&self, mut job: Job, size: usize) {
        if !job.has_room() {
            match self.writer.room(size) {
                Ok(room) => job.hold(room),
                Err(error) => return job.refuse(of_store(error)),
            }
        }
        if let Err((error, job)) = self.writer.submit_with_room(job) {
            job.refuse(of_store(error));
        }
    }
}

/// A thread that is closed means nothing to a user.
fn of_store(error: Error) -> Error {
    match error {
        Error::Closed(_) => Error::Closed("the store"),
        other => other,
    }
}

/// What a question counts in a queue.
const READ_SIZE: usize = 256;

/// A hundred thousand questions may wait.
const READ_QUEUE: usize = READ_SIZE * 100_000;
