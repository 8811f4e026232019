//! What is queued for a thread, as others may reach it: while the thread is at work, jobs can be taken out.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crossbeam_channel::Receiver;

use crate::reply::Reply;

pub(super) enum Message<J> {
    Job { job: J, bytes: usize },
    Barrier(Reply<()>),
    Close(Reply<()>),
}

/// What is queued, for whoever takes something out of it while the thread is at work.
pub(super) struct Gate<J> {
    state: Mutex<GateState<J>>,
}

pub(super) struct GateState<J> {
    /// Whether the thread is at work and leaves the queue alone.
    pub at_work: bool,
    /// What stood in the queue before everything that is in it now.
    pub returned: VecDeque<Message<J>>,
    /// Absent when the thread has ended: whatever is sent then has to be dropped, and so answered.
    pub receiver: Option<Receiver<Message<J>>>,
}

impl<J> Gate<J> {
    pub fn new(receiver: Receiver<Message<J>>) -> Self {
        let state = GateState { at_work: false, returned: VecDeque::new(), receiver: Some(receiver) };
        Self { state: Mutex::new(state) }
    }

    pub fn lock(&self) -> MutexGuard<'_, GateState<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread goes to work, and `rest` of what it has not begun comes before everything that is queued.
    fn leave(&self, rest: VecDeque<Message<J>>) {
        let mut state = self.lock();
        state.at_work = true;
        state.returned = rest;
    }

    /// The thread is back: what comes before everything that is queued.
    fn enter(&self) -> VecDeque<Message<J>> {
        let mut state = self.lock();
        state.at_work = false;
        std::mem::take(&mut state.returned)
    }

    /// Does something that may be held up. What `waiting` has can be taken out of it meanwhile.
    pub fn away(&self, waiting: &mut VecDeque<Message<J>>, work: impl FnOnce()) {
        self.leave(std::mem::take(waiting));
        work();
        *waiting = self.enter();
    }

    pub fn end(&self) {
        let mut state = self.lock();
        state.receiver = None;
        state.returned.clear();
    }
}
