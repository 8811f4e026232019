//! Sessions and keys in one SQLite file: one thread writes, a few read.

mod append;
mod batches;
mod changes;
mod checkpoints;
mod counters;
mod expiry;
mod failure;
mod heads;
mod job;
mod keys;
mod maintenance;
mod messages;
mod migrate;
mod opening;
mod reader;
mod reads;
mod save;
pub mod schema;
mod sessions;
mod transaction;
mod writer;
mod writes;

use std::{path::PathBuf, time::Duration};

pub use job::{Chore, Read, Write};

use self::{
    job::{Job, Step},
    reader::Reader,
    writer::Writer,
};
use crate::{
    durability::Durability,
    error::{Error, Result},
    reply::Reply,
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
}

/// The handle to an open file. Dropping it lets what is queued land and closes the file, without waiting.
pub struct SqliteStore {
    writer: Worker<Job>,
    readers: Vec<Worker<Read>>,
}

impl SqliteStore {
    /// Starts the threads; `reply` tells when the file is open.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread.
    pub fn open(options: &SqliteOptions, reply: Reply<()>) -> Result<Self> {
        let SqliteOptions { path, readers, busy_timeout, max_queue_bytes } = options;
        let writer = Worker::start("smalltalk-sqlite", *max_queue_bytes, Writer::new(path.clone(), *busy_timeout))?;
        let readers = (0..*readers)
            .map(|_| Worker::start("smalltalk-reader", READ_QUEUE, Reader::new(path.clone(), *busy_timeout)))
            .collect::<Result<Vec<_>>>()?;
        let store = Self { writer, readers };
        store.enqueue(Job::Open(reply), 0);
        Ok(store)
    }

    /// Queues a change. Never waits: a full queue is answered with [`Error::Backpressure`].
    pub fn write(&self, write: Write, durability: Durability) {
        let size = write.size();
        self.enqueue(Job::Step(Step::Write(write, durability)), size);
    }

    /// Asks a question. `in_order` makes it see every change queued before it; otherwise it sees every change answered.
    pub fn read(&self, read: Read, in_order: bool) {
        match self.readers.iter().min_by_key(|reader| reader.queued()) {
            Some(reader) if !in_order => {
                if let Err((error, read)) = reader.submit(read, READ_SIZE) {
                    read.refuse(error);
                }
            }
            _ => self.enqueue(Job::Step(Step::Read(read)), READ_SIZE),
        }
    }

    /// Has the writer do something between two transactions, after every change queued before.
    pub fn chore(&self, chore: Chore) {
        self.enqueue(Job::Chore(chore), READ_SIZE);
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
        closed.send(Ok(()));
    }

    /// Waits until what is queued has landed, `limit` at the most; for the way out of the process.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        self.writer.drain(limit)
    }

    fn enqueue(&self, job: Job, size: usize) {
        if let Err((error, job)) = self.writer.submit(job, size) {
            job.refuse(match error {
                Error::Closed(_) => Error::Closed("the store"),
                other => other,
            });
        }
    }
}

/// What a question counts in a queue.
const READ_SIZE: usize = 256;

/// A hundred thousand questions may wait.
const READ_QUEUE: usize = READ_SIZE * 100_000;
