//! Keeps the indexes of closed files beside the thread that writes: they are megabytes, and no event needs to wait for one.

use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
};

use super::{
    checkpoint,
    directory::Layout,
    index::{Entries, Session},
};
use crate::{
    reply::Reply,
    worker::{Handler, Worker},
};

const THREAD: &str = "smalltalk-log-index";

/// A file whose index is to be kept. Nothing is written to it any more.
pub struct Closed {
    pub layout: Layout,
    pub path: PathBuf,
    pub session: Arc<Session>,
    pub entries: Arc<RwLock<Entries>>,
}

impl Closed {
    fn keep(&self) {
        checkpoint::keep(&self.layout, &self.path, &self.session, &self.entries);
    }
}

/// The thread, which starts with the first file.
#[derive(Default)]
pub struct Keeper(Option<Worker<Closed>>);

impl Keeper {
    /// Has the index of a file kept; right here where the system gives no thread.
    pub fn keep(&mut self, closed: Closed) {
        if self.0.is_none() {
            self.0 = Worker::start(THREAD, usize::MAX, Keeping).ok();
        }
        let refused = match &self.0 {
            Some(worker) => worker.submit(closed, 0).err().map(|(_, closed)| closed),
            None => Some(closed),
        };
        if let Some(closed) = refused {
            closed.keep();
        }
    }

    /// Waits until no index is being written: from then on one that is removed stays away.
    pub fn settle(&self) {
        if let Some(worker) = &self.0 {
            let (reply, settled) = Reply::channel();
            worker.barrier(reply);
            // A thread that has panicked writes nothing either.
            let _ = settled.recv();
        }
    }
}

/// Whoever owns the directory next finds nobody at work in it.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.settle();
    }
}

struct Keeping;

impl Handler<Closed> for Keeping {
    fn handle(&mut self, batch: Vec<Closed>) {
        batch.iter().for_each(Closed::keep);
    }
}

#[cfg(test)]
mod tests;
