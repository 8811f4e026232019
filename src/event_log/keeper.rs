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

/// What the thread is asked for.
enum Job {
    Keep(Closed),
    /// The indexes of files that have gone.
    Remove(Layout, Vec<PathBuf>),
}

impl Job {
    fn run(&self) {
        match self {
            Self::Keep(closed) => closed.keep(),
            Self::Remove(layout, files) => files.iter().for_each(|file| checkpoint::remove(layout, file)),
        }
    }
}

/// The thread, which starts with the first file.
#[derive(Default)]
pub struct Keeper(Option<Worker<Job>>);

impl Keeper {
    /// Has the index of a file kept; right here where the system gives no thread.
    pub fn keep(&mut self, closed: Closed) {
        if self.0.is_none() {
            self.0 = Worker::start(THREAD, usize::MAX, Keeping).ok();
        }
        self.ask(Job::Keep(closed));
    }

    /// Has the indexes of files removed that have gone, after those that are still being written.
    pub fn remove(&self, layout: &Layout, files: Vec<PathBuf>) {
        self.ask(Job::Remove(layout.clone(), files));
    }

    fn ask(&self, job: Job) {
        let refused = match &self.0 {
            Some(worker) => worker.submit(job, 0).err().map(|(_, job)| job),
            None => Some(job),
        };
        if let Some(job) = refused {
            job.run();
        }
    }

    /// Does something when everything asked for so far is done; right here where there is no thread.
    pub fn afterwards(&self, then: impl FnOnce() + Send + 'static) {
        match &self.0 {
            // A thread that has panicked does nothing either.
            Some(worker) => worker.barrier(Reply::new(|_| then())),
            None => then(),
        }
    }

    /// Waits until no index is being written: from then on one that is removed stays away.
    pub fn settle(&self) {
        let (reply, settled) = Reply::channel();
        self.afterwards(|| reply.send(Ok(())));
        let _ = settled.recv();
    }
}

/// Whoever owns the directory next finds nobody at work in it.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.settle();
    }
}

struct Keeping;

impl Handler<Job> for Keeping {
    fn handle(&mut self, batch: Vec<Job>) {
        batch.iter().for_each(Job::run);
    }
}

#[cfg(test)]
mod tests;
