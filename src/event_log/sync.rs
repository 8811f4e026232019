//! Puts files on the disk: many at once, because a disk syncs a hundred files together nearly as fast as one.

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::runtime::{Builder, Runtime};

#[cfg(test)]
use super::files;
use crate::error::{Error, Result};

/// As many syncs run at the same time. They wait for the disk, not for a core, and those that wait together share one
/// commit of the file system's journal.
const THREADS: usize = 16;
/// How long a thread that has nothing to sync stays.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A file to sync, under the key by which its owner knows it.
pub struct Task<K> {
    /// Comes back with the outcome.
    pub key: K,
    /// What is synced.
    pub file: Arc<File>,
    /// What it has reached when that is done.
    pub reach: Reach,
    /// Where its name is not on the disk yet.
    pub name: Option<Name>,
}

/// So much of a file is on the disk after its sync.
pub struct Reach {
    /// Told then. It belongs to this one file, as does [`Name::on_disk`].
    pub on_disk: Arc<AtomicU64>,
    /// Told where it failed.
    pub lost: Arc<AtomicBool>,
    /// So many bytes.
    pub length: u64,
}

/// The name of a file on its way to the disk.
pub struct Name {
    /// The directory that has it, where it can be synced.
    pub directory: Option<Arc<File>>,
    /// Told when it is there. It belongs to this one file: another may have come after it under the same key by then.
    pub on_disk: Arc<AtomicBool>,
}

/// The outcome of a sync.
pub type Done<K> = (K, io::Result<()>);

/// Runs syncs beside the thread that owns it.
pub struct Syncer<K> {
    runtime: Runtime,
    sender: Sender<Done<K>>,
    finished: Receiver<Done<K>>,
    under_way: usize,
}

impl<K: Send + 'static> Syncer<K> {
    /// Starts with no thread; they come with the work.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no runtime.
    pub fn new() -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(THREADS)
            .thread_name("smalltalk-log-sync")
            .thread_keep_alive(KEEP_ALIVE)
            .build()
            .map_err(|cause| Error::io("starting the threads that sync", &cause))?;
        let (sender, finished) = unbounded();
        Ok(Self { runtime, sender, finished, under_way: 0 })
    }

    /// Begins a sync. [`Syncer::finished`] brings the outcome.
    pub fn start(&mut self, task: Task<K>) {
        self.under_way += 1;
        run(&self.runtime, task, self.sender.clone());
    }

    /// The syncs that were begun and have not brought their outcome.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// The syncs that have ended meanwhile.
    pub fn finished(&mut self) -> Vec<Done<K>> {
        let done: Vec<_> = self.finished.try_iter().collect();
        self.under_way = self.under_way.saturating_sub(done.len());
        done
    }

    /// Waits for every sync under way.
    pub fn wait(&mut self) -> Vec<Done<K>> {
        let done: Vec<_> = self.finished.iter().take(self.under_way).collect();
        self.under_way = 0;
        done
    }

    /// Syncs all of them and waits; the threads share the work.
    pub fn sync_now(&self, tasks: Vec<Task<K>>) -> Vec<Done<K>> {
        #[cfg(test)]
        if !tasks.is_empty() {
            files::syncing();
        }
        // One file alone is synced right here: no thread has to wake up for it.
        if let [_] = tasks.as_slice() {
            return tasks.into_iter().map(sync).collect();
        }
        let count = tasks.len();
        let (sender, waiting) = unbounded();
        for task in tasks {
            // We hold the other end.
            let _ = sender.send(task);
        }
        drop(sender);
        let (outcome, done) = unbounded();
        // Each takes the next one when it is done with one: to wake a thread for every file takes longer than to sync it.
        for _ in 0..count.min(THREADS) {
            let (waiting, outcome) = (waiting.clone(), outcome.clone());
            self.runtime.spawn_blocking(move || {
                while let Ok(task) = waiting.try_recv() {
                    let _ = outcome.send(sync(task));
                }
            });
        }
        drop(outcome);
        done.iter().take(count).collect()
    }
}

fn run<K: Send + 'static>(runtime: &Runtime, task: Task<K>, outcome: Sender<Done<K>>) {
    runtime.spawn_blocking(move || {
        // The owner that stopped listening has ended; the bytes are on the disk all the same.
        let _ = outcome.send(sync(task));
    });
}

fn sync<K>(task: Task<K>) -> Done<K> {
    let synced = task.file.sync_data();
    if synced.is_err() {
        task.reach.lost.store(true, Ordering::Release);
    }
    let outcome = synced.and_then(|()| task.name.as_ref().map_or(Ok(()), sync_name));
    if outcome.is_ok() {
        task.reach.on_disk.fetch_max(task.reach.length, Ordering::AcqRel);
    }
    (task.key, outcome)
}

fn sync_name(name: &Name) -> io::Result<()> {
    name.directory.as_ref().map_or(Ok(()), |directory| directory.sync_all())?;
    name.on_disk.store(true, Ordering::Release);
    Ok(())
}
