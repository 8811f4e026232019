//! Long work that only reads, on a thread of its own; it can be stopped, and a close ends it early.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::Connection;

use super::{
    READ_QUEUE, READ_SIZE,
    ending::{Ending, Endings, UnderWay},
    job::{Job, Read},
    of_store,
    reader::Reader,
    shared_file::SharedFile,
};
use crate::{
    error::Result,
    reply::{Reply, Tag},
    worker::Worker,
};

/// The thread, and how to end what it does.
#[derive(Clone)]
pub struct Upkeep {
    worker: Worker<Read>,
    endings: Endings,
    under_way: UnderWay,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) where the system gives none.
    pub fn start(path: PathBuf, busy_timeout: Duration, file: Arc<SharedFile>) -> Result<Self> {
        let under_way = UnderWay::default();
        let reader = Reader::new(path, busy_timeout, file).interrupted_by(under_way.clone());
        let worker = Worker::start("smalltalk-upkeep", READ_QUEUE, reader)?;
        Ok(Self { worker, endings: Endings::default(), under_way })
    }

    /// Has work done that sees what the writer has queued before it, and looks at its [`Ending`] now and then.
    pub fn run<T: Send + 'static>(
        &self,
        writer: &Worker<Job>,
        reply: Reply<T>,
        work: impl FnOnce(&Connection, &Ending) -> Result<T> + Send + 'static,
    ) {
        let (ending, reply) = self.endings.take_on(reply);
        let (worker, under_way) = (self.worker.clone(), self.under_way.clone());
        writer.barrier(Reply::new(move |landed: Result<()>| match landed {
            Ok(()) => {
                let job = Read::once(reply, move |connection| {
                    under_way.during(&ending, connection, |ending| work(connection, ending))
                });
                if let Err((error, job)) = worker.submit(job, READ_SIZE) {
                    job.refuse(of_store(error));
                }
            }
            Err(error) => reply.send(Err(of_store(error))),
        }));
    }

    /// Takes on work that is done elsewhere, and can be stopped here.
    pub fn elsewhere<T: Send + 'static>(&self, reply: Reply<T>) -> (Arc<Ending>, Reply<T>) {
        self.endings.take_on(reply)
    }

    /// Stops what is known by these tags; each is answered with [`Error::Stopped`](crate::error::Error::Stopped), unless it is
    /// done by then.
    pub fn stop(&self, tags: &HashSet<Tag>) {
        self.endings.stop(tags);
    }

    /// Ends what is being done, and the thread.
    pub fn close(&self, reply: Reply<()>) {
        self.endings.close();
        self.worker.close(reply);
    }
}
