//! A named thread that owns one resource and drains a bounded queue of jobs in batches.

mod gate;
mod handler;
mod room;
mod serve;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use self::{
    gate::{Gate, Message},
    serve::run,
};
pub use self::{handler::Handler, room::Room, serve::panic_text};
use crate::{
    error::{Error, Result},
    reply::Reply,
};

struct Shared {
    name: &'static str,
    queued: AtomicUsize,
    limit: AtomicUsize,
    closed: AtomicBool,
    poisoned: AtomicBool,
    /// Whether somebody whose room has grown has more than there is.
    over: AtomicBool,
}

/// The handle to the thread. Dropping it lets the thread finish what is queued and end; it never waits.
pub struct Worker<J> {
    sender: Sender<Message<J>>,
    shared: Arc<Shared>,
    gate: Arc<Gate<J>>,
    /// Never gives anything: it disconnects when the thread ends.
    ended: Receiver<Infallible>,
    /// Whom to wake for what is sent. Dropped after the sender: then there is nothing more to come.
    sleeper: Option<Sleeper>,
}

/// A thread that sleeps by itself, and not in its queue; awake when a handle is gone.
#[derive(Clone)]
struct Sleeper(thread::Thread);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl<J> Clone for Worker<J> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            shared: Arc::clone(&self.shared),
            gate: Arc::clone(&self.gate),
            ended: self.ended.clone(),
            sleeper: self.sleeper.clone(),
        }
    }
}

impl<J: Send + 'static> Worker<J> {
    /// Starts the thread `name`. Its queue takes `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread.
    pub fn start(name: &'static str, limit: usize, handler: impl Handler<J> + 'static) -> Result<Self> {
        let (sender, receiver) = unbounded();
        let shared = Arc::new(Shared {
            name,
            queued: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let seen = Arc::clone(&shared);
        let gate = Arc::new(Gate::new(receiver.clone()));
        let door = Arc::clone(&gate);
        let (alive, ended) = bounded(0);
        let is_punctual = handler.is_punctual();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                run(handler, &receiver, &seen, &door);
                drop(alive);
            })
            .map_err(|cause| Error::io(format!("starting the thread {name}"), &cause))?;
        let sleeper = is_punctual.then(|| Sleeper(thread.thread().clone()));
        Ok(Self { sender, shared, gate, ended, sleeper })
    }

    /// From now on the queue takes so many bytes. What it has taken stays.
    pub fn limit_to(&self, bytes: usize) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }

    /// Queues a job of `bytes` bytes. Never waits. One job larger than the whole queue is taken when nothing else is queued.
    ///
    /// # Errors
    /// [`Error::Backpressure`] when the queue is full, [`Error::Closed`] after the close, [`Error::Panic`] after a panic;
    /// the job comes back so that its reply can be given.
    pub fn submit(&self, job: J, bytes: usize) -> Result<(), (Error, J)> {
        if let Err(error) = self.take(bytes) {
            return Err((error, job));
        }
        self.enqueue(job, bytes)
    }

    /// Room for a job that gives it back itself, before its answer: whoever has the answer finds it free.
    ///
    /// # Errors
    /// As of [`Worker::submit`].
    pub fn room(&self, bytes: usize) -> Result<Room> {
        self.take(bytes)?;
        Ok(Room::of(Arc::clone(&self.shared), bytes))
    }

    /// Queues a job that has its room. Never waits.
    ///
    /// # Errors
    /// [`Error::Closed`] after the close, [`Error::Panic`] after a panic; the job comes back.
    pub fn submit_with_room(&self, job: J) -> Result<(), (Error, J)> {
        match self.check() {
            Ok(()) => self.enqueue(job, 0),
            Err(error) => Err((error, job)),
        }
    }

    fn take(&self, bytes: usize) -> Result<()> {
        self.check()?;
        let shared = &self.shared;
        let queued = shared.queued.fetch_add(bytes, Ordering::AcqRel);
        let limit = shared.limit.load(Ordering::Relaxed);
        if queued > 0 && queued.saturating_add(bytes) > limit {
            shared.queued.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Error::Backpressure { worker: shared.name, queued, limit });
        }
        Ok(())
    }

    fn enqueue(&self, job: J, bytes: usize) -> Result<(), (Error, J)> {
        self.send(Message::Job { job, bytes }).map_err(|returned| {
            self.shared.queued.fetch_sub(bytes, Ordering::AcqRel);
            match returned {
                Message::Job { job, .. } => (Error::Closed(self.shared.name), job),
                Message::Barrier(_) | Message::Close(_) => unreachable!("a job was sent"),
            }
        })
    }

    /// Takes jobs out of the queue that the thread will not come to soon, because it is held up. What it has begun, or is
    /// about to, stays.
    pub fn withdraw(&self, picked: impl Fn(&J) -> bool) -> Vec<J> {
        let mut state = self.gate.lock();
        if !state.at_work {
            return Vec::new();
        }
        let mut queued = std::mem::take(&mut state.returned);
        queued.extend(state.receiver.iter().flat_map(Receiver::try_iter));
        let mut withdrawn = Vec::new();
        for message in queued {
            match message {
                Message::Job { job, bytes } if picked(&job) => {
                    self.shared.queued.fetch_sub(bytes, Ordering::AcqRel);
                    withdrawn.push(job);
                }
                other => state.returned.push_back(other),
            }
        }
        withdrawn
    }

    fn check(&self) -> Result<()> {
        if self.shared.poisoned.load(Ordering::Acquire) {
            return Err(Error::Panic { room: self.shared.name, message: "it panicked earlier; open it anew".into() });
        }
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::Closed(self.shared.name));
        }
        Ok(())
    }

    /// Bytes that are queued or being worked on.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Acquire)
    }

    /// Answers when everything queued before is done.
    pub fn barrier(&self, reply: Reply<()>) {
        match self.check() {
            Ok(()) => self.post(Message::Barrier(reply)),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Takes no more jobs, does those that are queued, and ends; after a panic nothing is in order. A second close answers at once.
    pub fn close(&self, reply: Reply<()>) {
        let checked = self.check();
        match checked {
            _ if self.shared.closed.swap(true, Ordering::AcqRel) => reply.send(Ok(())),
            Err(error) => reply.send(Err(error)),
            Ok(()) => self.post(Message::Close(reply)),
        }
    }

    /// Waits until everything queued is done, `limit` at the most; for the way out of the process. `false`: not in time.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        if self.check().is_err() {
            // It is closing: what is queued has landed when the thread is gone.
            return self.ended.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected);
        }
        let (reply, done) = Reply::channel();
        self.barrier(reply);
        done.recv_timeout(limit).is_ok()
    }

    fn post(&self, message: Message<J>) {
        // When the thread is gone, the message is dropped here, and its reply answers by itself.
        let _ = self.send(message);
    }

    fn send(&self, message: Message<J>) -> Result<(), Message<J>> {
        self.sender.send(message).map_err(|returned| returned.0)?;
        if let Some(Sleeper(thread)) = &self.sleeper {
            thread.unpark();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
