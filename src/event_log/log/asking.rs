//! How a handle asks: the writer for what changes, the reader for the rest.

use std::sync::atomic::Ordering;

use super::EventLog;
use crate::{
    error::{Error, Result},
    event_log::{NAME, append::Parcel, reader::Ask, side::Side, writer::Job},
    reply::Reply,
};

impl EventLog {
    pub(super) fn check(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed(NAME)) } else { Ok(()) }
    }

    /// Does something on the reader's thread.
    pub(super) fn task<T: 'static>(&self, reply: Reply<T>, work: impl FnOnce() -> Result<T> + Send + 'static) {
        let ask = Ask::task(reply.tag(), move |ready| reply.send(ready.and_then(|()| work())));
        if let Err(error) = self.check() {
            ask.refuse(error);
        } else if let Err((error, ask)) = self.side.reader().submit(ask, 1) {
            ask.refuse(error);
        }
    }

    /// The same once the log is open.
    pub(super) fn opened_task<T: 'static>(&self, reply: Reply<T>, work: impl FnOnce() -> Result<T> + Send + 'static) {
        let tag = reply.tag();
        self.opened(Reply::new(move |opened: Result<()>| reply.send(opened.and_then(|()| work()))).tagged(tag));
    }

    /// Answers once what is on the disk is known.
    pub(super) fn opened(&self, reply: Reply<()>) {
        match &self.side {
            Side::Owner(_) => self.submit(Job::Open { session: None, reply }),
            Side::Visitor { .. } => self.task(reply, || Ok(())),
        }
    }

    pub(super) fn submit_parcel(&self, mut parcel: Parcel, bytes: usize) {
        if let Side::Owner(core) = &self.side {
            match self.check().and_then(|()| core.writer.room(bytes)) {
                Ok(room) => parcel.hold(room),
                Err(error) => return parcel.refuse(error),
            }
        }
        self.submit(Job::Append(parcel));
    }

    pub(super) fn submit(&self, job: Job) {
        let core = match &self.side {
            Side::Owner(core) => core,
            Side::Visitor { visitor, .. } => {
                let error = self.check().err();
                return job.refuse(error.unwrap_or_else(|| visitor.layout.owned_by_another()));
            }
        };
        if let Err(error) = self.check() {
            job.refuse(error);
        } else if let Err((error, job)) = core.writer.submit_with_room(job) {
            job.refuse(error);
        }
    }
}
