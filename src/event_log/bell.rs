//! Who waits for the next event of a session, and tells them.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    error::{Error, Result},
    reply::Reply,
};

/// Somebody who waits for an event.
pub struct Waiting {
    /// By which it is called off.
    pub ticket: u64,
    /// Events up to this number are known.
    pub after: u64,
    /// Answered with the number of the newest event.
    pub reply: Reply<u64>,
}

/// All who wait.
#[derive(Default)]
pub struct Bell {
    waiting: Mutex<HashMap<Arc<str>, Vec<Waiting>>>,
    count: AtomicUsize,
    /// Who is about to wait, and has not been called off.
    announced: Mutex<HashSet<u64>>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announced(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many are about to wait.
    #[cfg(test)]
    pub fn expected(&self) -> usize {
        self.announced().len()
    }

    /// Somebody will wait, and may call that off from now on.
    pub fn announce(&self, ticket: u64) {
        self.announced().insert(ticket);
    }

    /// Waits for an event of a session, where nobody has called that off; `newest` says which one there is, and is asked once
    /// nobody can be missed. It may wait for nothing: whoever calls a wait off does not.
    pub fn wait(&self, session: &str, waiting: Waiting, newest: impl FnOnce() -> Result<u64>) {
        let mut all = self.lock();
        if !self.announced().remove(&waiting.ticket) {
            return waiting.reply.send(Err(Error::Closed("the wait")));
        }
        // From here on whoever adds an event looks who waits, and waits for us.
        self.count.fetch_add(1, Ordering::SeqCst);
        let newest = newest();
        if newest.as_ref().is_ok_and(|newest| *newest <= waiting.after) {
            all.entry(session.into()).or_default().push(waiting);
            return;
        }
        self.count.fetch_sub(1, Ordering::SeqCst);
        drop(all);
        waiting.reply.send(newest);
    }

    /// Somebody will not wait, for this reason.
    pub fn refuse(&self, waiting: Waiting, error: Error) {
        self.announced().remove(&waiting.ticket);
        waiting.reply.send(Err(error));
    }

    /// There is a new event, and readers see it.
    pub fn ring(&self, session: &str, newest: u64) {
        if !self.is_waited_for() {
            return;
        }
        let told = self.take_of(session, |waiting| waiting.after < newest);
        for waiting in told {
            waiting.reply.send(Ok(newest));
        }
    }

    /// Nobody waits any more for whom `over` holds.
    pub fn call_off(&self, over: impl Fn(u64) -> bool, error: &Error) {
        self.announced().retain(|ticket| !over(*ticket));
        for waiting in self.take(|waiting| over(waiting.ticket)) {
            waiting.reply.send(Err(error.clone()));
        }
    }

    /// Whether anybody waits.
    pub fn is_waited_for(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Tells all who wait why they wait in vain.
    pub fn fail(&self, error: &Error) {
        for waiting in self.take(|_| true) {
            waiting.reply.send(Err(error.clone()));
        }
    }

    /// Asks for every session that somebody waits for whether there is news, and tells them; whether anybody waits still.
    pub fn look(&self, mut newest: impl FnMut(&str) -> Result<u64>) -> bool {
        let sessions: Vec<Arc<str>> = self.lock().keys().map(Arc::clone).collect();
        for session in sessions {
            match newest(&session) {
                Ok(newest) => self.ring(&session, newest),
                Err(error) => {
                    for waiting in self.take_of(&session, |_| true) {
                        waiting.reply.send(Err(error.clone()));
                    }
                }
            }
        }
        self.is_waited_for()
    }

    /// Those of any session.
    fn take(&self, which: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        self.lock().retain(|_, all| {
            taken.extend(all.extract_if(.., |waiting| which(waiting)));
            !all.is_empty()
        });
        self.count.fetch_sub(taken.len(), Ordering::SeqCst);
        taken
    }

    /// Those of one session. Whoever adds an event asks for them: he need not look at all others.
    fn take_of(&self, session: &str, which: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let Some(all) = waiting.get_mut(session) else { return Vec::new() };
        let taken: Vec<_> = all.extract_if(.., |waiting| which(waiting)).collect();
        if all.is_empty() {
            waiting.remove(session);
        }
        self.count.fetch_sub(taken.len(), Ordering::SeqCst);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(bell: &Bell, ticket: u64, after: u64, newest: u64) -> crossbeam_channel::Receiver<Result<u64>> {
        let (reply, answer) = Reply::channel();
        bell.wait("s", Waiting { ticket, after, reply }, || Ok(newest));
        answer
    }

    fn announced(bell: &Bell, ticket: u64, after: u64, newest: u64) -> crossbeam_channel::Receiver<Result<u64>> {
        bell.announce(ticket);
        wait(bell, ticket, after, newest)
    }

    #[test]
    fn it_tells_those_for_whom_there_is_news() {
        let bell = Bell::default();
        assert_eq!(announced(&bell, 1, 4, 5).recv().unwrap().unwrap(), 5, "it is there already");
        let (early, late) = (announced(&bell, 2, 5, 5), announced(&bell, 3, 7, 5));
        bell.ring("t", 9);
        assert!(early.try_recv().is_err());
        bell.ring("s", 6);
        assert_eq!(early.recv().unwrap().unwrap(), 6);
        assert!(late.try_recv().is_err());
        assert!(bell.look(|_| Ok(7)), "somebody waits still");
        assert!(!bell.look(|_| Ok(8)));
        assert_eq!(late.recv().unwrap().unwrap(), 8);
    }

    #[test]
    fn a_wait_is_called_off_also_before_it_has_begun() {
        let bell = Bell::default();
        let waiting = announced(&bell, 1, 0, 0);
        bell.announce(2);
        bell.call_off(|ticket| ticket <= 2, &Error::Closed("x"));
        assert_eq!(waiting.recv().unwrap().unwrap_err().code(), "ERR_CLOSED");
        assert_eq!(wait(&bell, 2, 0, 0).recv().unwrap().unwrap_err().code(), "ERR_CLOSED");
        assert!(!bell.look(|_| Ok(1)));
    }
}
