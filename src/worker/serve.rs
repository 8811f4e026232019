//! What a worker's thread does: batches in their order, and in between what time asks for.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};

use super::{
    Handler, Shared,
    gate::{Gate, Message},
};
use crate::{alertness::Alertness, fault};

/// As many jobs as share one batch at the most: it bounds the time until the first of them is answered.
const BATCH: usize = 1024;

/// The thread's life: until it is told to close, the last handle is gone, or the handler panics.
pub(super) fn run<J>(mut handler: impl Handler<J>, receiver: &Receiver<Message<J>>, shared: &Shared, gate: &Gate<J>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| serve(&mut handler, receiver, shared, gate)));
    if let Err(panic) = outcome {
        shared.poisoned.store(true, Ordering::Release);
        tracing::error!(target: "smalltalk::worker", thread = shared.name, message = panic_text(panic.as_ref()), "panicked");
        // Whatever is still queued is dropped, and each reply in it answers by itself.
        while receiver.try_recv().is_ok() {}
    }
    gate.end();
}

fn serve<J>(handler: &mut impl Handler<J>, receiver: &Receiver<Message<J>>, shared: &Shared, gate: &Gate<J>) {
    let mut alertness = Alertness::default();
    let mut returned = VecDeque::new();
    let mut prepared = false;
    let is_punctual = handler.is_punctual();
    loop {
        let begun = Instant::now();
        let looked = returned.pop_front().or_else(|| if is_punctual { None } else { alertness.look(receiver) });
        let next = match (looked, handler.wake_at()) {
            (Some(message), _) => Ok(message),
            (None, moment) if is_punctual => sleep(receiver, moment),
            (None, None) => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (None, Some(moment)) => receiver.recv_deadline(moment),
        };
        alertness.note(begun.elapsed());
        let first = match next {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => {
                gate.away(&mut returned, || handler.tick());
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let unprepared = matches!(&first, Message::Job { job, .. } if !prepared && handler.is_unprepared(job));
        if unprepared {
            returned.push_front(first);
            gate.away(&mut returned, || handler.prepare());
            // Where everything was withdrawn, whoever comes next asks for it anew.
            prepared = !returned.is_empty();
            continue;
        }
        prepared = false;
        let mut batch = Vec::new();
        let mut size = 0;
        let mut next = Some(first);
        let mut last = None;
        while let Some(message) = next.take() {
            match message {
                Message::Job { job, bytes } => {
                    size += bytes;
                    batch.push(job);
                }
                other => {
                    last = Some(other);
                    break;
                }
            }
            if batch.len() < BATCH {
                next = returned.pop_front().or_else(|| receiver.try_recv().ok());
            }
        }
        if !batch.is_empty() {
            fault::point(shared.name);
            gate.away(&mut returned, || handler.handle(batch));
            // Only now: what is being written still takes its memory.
            shared.queued.fetch_sub(size, Ordering::AcqRel);
        }
        if last.is_none() && handler.has_spare_work() && returned.is_empty() && receiver.is_empty() {
            gate.away(&mut returned, || handler.spare());
        }
        if handler.wake_at().is_some_and(|moment| moment <= Instant::now()) {
            gate.away(&mut returned, || handler.tick());
        }
        match last {
            Some(Message::Close(reply)) => {
                reply.send(handler.finish());
                return;
            }
            Some(Message::Barrier(reply)) => reply.send(Ok(())),
            Some(Message::Job { .. }) | None => {}
        }
    }
    // Every handle was dropped without a close.
    if let Err(error) = handler.finish() {
        tracing::warn!(target: "smalltalk::worker", thread = shared.name, %error, "did not close cleanly");
    }
}

/// Waits for the next message, until then at the most. Whoever sends one wakes this thread.
fn sleep<J>(receiver: &Receiver<Message<J>>, until: Option<Instant>) -> Result<Message<J>, RecvTimeoutError> {
    loop {
        match receiver.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {}
        }
        match until.map(|moment| moment.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return Err(RecvTimeoutError::Timeout),
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// The text of a panic, where it has one.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panicked without a text")
}
