//! Long work that only reads, on a thread of its own; a close ends it early.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, InterruptHandle};

use super::{READ_QUEUE, READ_SIZE, job::Read, of_store, reader::Reader, shared_file::SharedFile};
use crate::{
    error::{Error, Result},
    reply::Reply,
    worker::Worker,
};

/// The thread, and how to end what it does.
#[derive(Clone)]
pub struct Upkeep {
    worker: Worker<Read>,
    ending: Arc<Ending>,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives none.
    pub fn start(path: PathBuf, busy_timeout: Duration, file: Arc<SharedFile>) -> Result<Self> {
        let worker = Worker::start("smalltalk-upkeep", READ_QUEUE, Reader::new(path, busy_timeout, file))?;
        Ok(Self { worker, ending: Arc::default() })
    }

    /// Queues work that looks at [`Ending`] now and then.
    pub fn run<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        work: impl FnOnce(&Connection, &Ending) -> Result<T> + Send + 'static,
    ) {
        let ending = Arc::clone(&self.ending);
        let job = Read::once(reply, move |connection| ending.during(connection, |ending| work(connection, ending)));
        if let Err((error, job)) = self.worker.submit(job, READ_SIZE) {
            job.refuse(of_store(error));
        }
    }

    /// Ends what is being done, and the thread.
    pub fn close(&self, reply: Reply<()>) {
        self.ending.ask();
        self.worker.close(reply);
    }
}

/// Whether the store is being closed.
#[derive(Default)]
pub struct Ending {
    asked: AtomicBool,
    running: Mutex<Option<InterruptHandle>>,
}

impl Ending {
    /// To be asked between two steps.
    ///
    /// # Errors
    /// [`Error::Closed`] where it is time to stop.
    pub fn check(&self) -> Result<()> {
        if self.asked.load(Ordering::Acquire) { Err(Error::Closed("the store")) } else { Ok(()) }
    }

    fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(running) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            running.interrupt();
        }
    }

    /// Does work whose statements are interrupted when the store is closed.
    fn during<T>(&self, connection: &Connection, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.get_interrupt_handle());
        let outcome = self.check().and_then(|()| work(self));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // An interrupted statement tells only that it was interrupted.
        outcome.or_else(|error| self.check().and(Err(error)))
    }
}
