//! The end of a handle: closed, dropped, or on the way out of the process.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::EventLog;
use crate::{
    event_log::{registry, side::Side},
    reply::Reply,
};

impl EventLog {
    /// Does what is queued, and closes the handle; the last one closes the log. A second close answers at once.
    pub fn close(&self, reply: Reply<()>) {
        self.leave(true, reply);
    }

    fn leave(&self, listens: bool, reply: Reply<()>) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return reply.send(Ok(()));
        }
        self.end_waits();
        let reply = self.side.positions().then_sync(reply);
        match &self.side {
            Side::Owner(core) => registry::leave(core, self.number, listens, reply),
            Side::Visitor { visitor, reader, .. } => {
                let (visitor, positions) = (Arc::clone(visitor), Arc::clone(self.side.positions()));
                let tag = reply.tag();
                // Once what is queued is done, which looks still.
                let answer = move |closed| {
                    visitor.close();
                    positions.close();
                    reply.send(closed);
                };
                reader.close(Reply::new(answer).tagged(tag));
            }
        }
    }

    /// Closes and waits, `limit` at the most, also for a close that is under way; for the way out of the process. `false`: not
    /// in time, or not in order. What consumers have acknowledged has the time that events leave: it stands behind what is read,
    /// and whoever gets an event once more has lost none.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        let closed = self.close_within(limit);
        // What is only read nobody hears any more.
        let positions = self.side.positions();
        let left = || limit.saturating_sub(begun.elapsed());
        let noted = !positions.are_asked() || self.side.reader().drain(left());
        let (reply, synced) = Reply::channel();
        positions.sync(reply);
        matches!(synced.recv_timeout(left()), Ok(Ok(()))) && closed && noted
    }

    fn close_within(&self, limit: Duration) -> bool {
        if self.check().is_err() {
            return match &self.side {
                Side::Owner(core) => core.writer.drain(limit),
                Side::Visitor { .. } => true,
            };
        }
        let (reply, closed) = Reply::channel();
        self.close(reply);
        matches!(closed.recv_timeout(limit), Ok(Ok(())))
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        self.leave(false, Reply::new(drop));
    }
}
