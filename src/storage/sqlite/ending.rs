//! How long work is ended early: by whoever has asked for it, or by the close of the store.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::Connection;

use super::view::run;
use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
};

/// Whether some work is to end.
#[derive(Default)]
pub struct Ending {
    /// One for all work of a store.
    closing: Arc<AtomicBool>,
    stage: Mutex<Stage>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Waiting,
    Begun,
    Stopped,
}

impl Ending {
    /// To be asked between two steps.
    ///
    /// # Errors
    /// [`Error::Stopped`] or [`Error::Closed`] where it is time to end.
    pub fn check(&self) -> Result<()> {
        if *lock(&self.stage) == Stage::Stopped {
            Err(Error::Stopped)
        } else if self.closing.load(Ordering::Acquire) {
            Err(Error::Closed("the store"))
        } else {
            Ok(())
        }
    }

    /// To be asked before the first step, and before each of what a close does not end.
    ///
    /// # Errors
    /// [`Error::Stopped`] where nobody wants it any more.
    pub fn begin(&self) -> Result<()> {
        let mut stage = lock(&self.stage);
        if *stage == Stage::Stopped {
            return Err(Error::Stopped);
        }
        *stage = Stage::Begun;
        Ok(())
    }

    /// Whether it has not been begun, and now never will be.
    fn stop(&self) -> bool {
        let before = std::mem::replace(&mut *lock(&self.stage), Stage::Stopped);
        before == Stage::Waiting
    }
}

/// All work of a store that can be ended early.
#[derive(Clone, Default)]
pub struct Endings {
    closing: Arc<AtomicBool>,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    next: u64,
    works: BTreeMap<u64, Work>,
}

struct Work {
    tag: Option<Tag>,
    ending: Arc<Ending>,
    /// Answers whoever has asked for it; whatever is answered later goes nowhere.
    refuse: Box<dyn FnOnce(Error) + Send>,
}

impl Endings {
    /// Takes on work that is known by the tag of its reply: how it is ended, and the reply that whoever does it owes.
    pub fn take_on<T: Send + 'static>(&self, reply: Reply<T>) -> (Arc<Ending>, Reply<T>) {
        let tag = reply.tag();
        let ending = Arc::new(Ending { closing: Arc::clone(&self.closing), ..Ending::default() });
        let asked = Arc::new(Mutex::new(Some(reply)));
        let answer = move |outcome| {
            let reply = lock(&asked).take();
            if let Some(reply) = reply {
                reply.send(outcome);
            }
        };
        let refuse = {
            let answer = answer.clone();
            Box::new(move |error| answer(Err(error)))
        };
        let number = lock(&self.open).add(Work { tag, ending: Arc::clone(&ending), refuse });
        let endings = self.clone();
        let reply = Reply::new(move |outcome| {
            drop(endings.forget(number));
            answer(outcome);
        });
        (ending, reply)
    }

    /// Stops what is known by these tags: at once where it has not been begun, else soon.
    pub fn stop(&self, tags: &HashSet<Tag>) {
        let is_known = |work: &Work| work.tag.is_some_and(|tag| tags.contains(&tag));
        let mut unbegun = Vec::new();
        for (number, work) in &lock(&self.open).works {
            if is_known(work) && work.ending.stop() {
                unbegun.push(*number);
            }
        }
        for work in unbegun.into_iter().filter_map(|number| self.forget(number)) {
            (work.refuse)(Error::Stopped);
        }
    }

    /// Ends everything: the store is closed.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn forget(&self, number: u64) -> Option<Work> {
        lock(&self.open).works.remove(&number)
    }
}

impl Open {
    fn add(&mut self, work: Work) -> u64 {
        let number = self.next;
        self.next += 1;
        self.works.insert(number, work);
        number
    }
}

/// What a connection is used for at this moment. Its statements ask for that themselves: an interrupt from outside is lost
/// between two of them, and might meet one of the next work.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<Option<Arc<Ending>>>>);

impl UnderWay {
    /// Whether a statement is to be interrupted.
    #[must_use]
    pub fn is_to_end(&self) -> bool {
        lock(&self.0).as_ref().is_some_and(|ending| ending.check().is_err())
    }

    /// Does work whose statements are interrupted when it is to end.
    ///
    /// # Errors
    /// Those of the work; where it has ended early, why.
    pub fn during<T>(
        &self,
        ending: &Arc<Ending>,
        connection: &Connection,
        work: impl FnOnce(&Ending) -> Result<T>,
    ) -> Result<T> {
        ending.begin()?;
        *lock(&self.0) = Some(Arc::clone(ending));
        let outcome = ending.check().and_then(|()| work(ending));
        *lock(&self.0) = None;
        // What was interrupted may have been the end of its view. Whoever comes next is to have one of their own.
        let left = if connection.is_autocommit() { Ok(()) } else { run(connection, "ROLLBACK") };
        // An interrupted statement tells only that it was interrupted.
        let outcome = outcome.or_else(|error| ending.check().and(Err(error)));
        outcome.and_then(|value| left.map(|()| value))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
