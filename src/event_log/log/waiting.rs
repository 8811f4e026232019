//! Waits for the next event of a session, which a handle can call off.

use std::sync::Arc;

use super::EventLog;
use crate::{
    error::{Error, Result},
    event_log::{NAME, bell::Waiting, reader::Ask, side::Side, writer::Job},
    reply::Reply,
};

impl EventLog {
    /// Answers with the number of a session's newest event, as soon as there is one above `after`. `ticket` is by which the
    /// wait is called off.
    pub fn wait(&self, session: String, after: u64, ticket: u32, reply: Reply<u64>) {
        let waiting = Waiting { ticket: self.ticket(ticket), after, reply };
        self.side.bell().announce(waiting.ticket);
        let view = self.side.view();
        let newest = move |session: &str| Ok(view.session(session)?.map_or(0, |found| found.last_seq()));
        match &self.side {
            Side::Owner(core) => {
                let (bell, wanted) = (Arc::clone(&core.bell), Some(session.clone()));
                let answer = move |opened: Result<()>| match opened {
                    Ok(()) => bell.wait(&session, waiting, || newest(&session)),
                    Err(error) => bell.refuse(waiting, error),
                };
                self.submit(Job::Open { session: wanted, reply: Reply::new(answer) });
            }
            Side::Visitor { reader, bell, .. } => {
                if let Err(error) = self.check() {
                    return bell.refuse(waiting, error);
                }
                bell.wait(&session, waiting, || Ok(0));
                if let Err((error, _)) = reader.submit(Ask::Look, 1) {
                    bell.call_off(|_| true, &error);
                }
            }
        }
    }

    /// Calls a wait off: it answers that it has been.
    pub fn end_wait(&self, ticket: u32) {
        let over = self.ticket(ticket);
        self.side.bell().call_off(|ticket| ticket == over, &Error::Closed("the wait"));
    }

    /// Calls all waits of this handle off.
    pub(super) fn end_waits(&self) {
        let ours = |ticket: u64| ticket >> 32 == u64::from(self.number);
        self.side.bell().call_off(ours, &Error::Closed(NAME));
    }

    fn ticket(&self, ticket: u32) -> u64 {
        (u64::from(self.number) << 32) | u64::from(ticket)
    }
}
