//! Messages of a large save that arrive while the first of them are being written: to make the text takes as long as to
//! write it. Who makes it may be held up; the transaction does not wait for that, and the save is done again later.

use std::{
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    storage::session::Lines,
    worker::Room,
};

/// How long the transaction waits for more. Pieces come every few milliseconds as long as the loop turns.
const PATIENCE: Duration = Duration::from_millis(20);

/// The messages, in pieces that follow one another.
#[derive(Default)]
pub struct ComingMessages {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Kept to the end: a batch may be done a second time.
    pieces: Vec<Arc<Lines>>,
    complete: bool,
    given_up: bool,
    /// What they take in the queue, with the save that they belong to.
    room: Option<Room>,
    /// Nobody will ask for them any more.
    ended: bool,
}

impl ComingMessages {
    /// Adds some behind the others.
    ///
    /// # Errors
    /// [`Error::Backpressure`] where the queue has no room for them.
    pub fn add(&self, lines: Lines) -> Result<()> {
        let mut state = self.lock();
        if state.ended {
            return Ok(());
        }
        if let Some(room) = &mut state.room {
            room.grow(lines.size())?;
        }
        state.pieces.push(Arc::new(lines));
        self.changed.notify_all();
        Ok(())
    }

    /// About as many bytes as those have that are there.
    #[must_use]
    pub fn size(&self) -> usize {
        self.lock().pieces.iter().map(|piece| piece.size()).sum()
    }

    /// Has room in the queue, and takes more for what is added, until the end.
    pub fn hold(&self, room: Room) {
        self.lock().room = Some(room);
    }

    /// Whether it has room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.lock().room.is_some()
    }

    /// Hands over those that are there, for a save that takes them along.
    #[must_use]
    pub fn take(&self) -> Vec<Lines> {
        let pieces = mem::take(&mut self.lock().pieces);
        pieces.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The save has its answer: it needs neither what has come nor the room for it.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.pieces.clear();
        state.room = None;
    }

    /// All are there. `false`: whoever wanted them has given up, and has to be asked again.
    #[must_use]
    pub fn complete(&self) -> bool {
        let mut state = self.lock();
        state.complete = true;
        self.changed.notify_all();
        !state.given_up
    }

    /// No more will come: nobody wants them to be stored.
    pub fn abandon(&self) {
        self.lock().given_up = true;
        self.end();
        self.changed.notify_all();
    }

    /// Whether somebody has given up, on either side, before all were there.
    #[must_use]
    pub fn given_up(&self) -> bool {
        self.lock().given_up
    }

    /// Takes one after another to the last. Once complete, they are all there, whoever gave up before; before, this gives
    /// up where the next one does not come in time.
    ///
    /// # Errors
    /// What `take` fails with, or a text that says that this has been given up.
    pub fn each(&self, only_complete: bool, mut take: impl FnMut(&Lines) -> Result<()>) -> Result<()> {
        let mut at = 0;
        while let Some(piece) = self.piece(at, only_complete)? {
            take(&piece)?;
            at += 1;
        }
        Ok(())
    }

    fn piece(&self, at: usize, only_complete: bool) -> Result<Option<Arc<Lines>>> {
        let state = self.lock();
        let waits = |state: &mut State| state.pieces.len() == at && !state.complete && !state.given_up;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, PATIENCE, waits).unwrap_or_else(PoisonError::into_inner);
        if state.pieces.len() == at && !state.complete {
            state.given_up = true;
        }
        // What was asked for before they were complete does not come after what was asked for since. And those that are
        // gone must not pass for all that there were.
        if state.ended || (state.given_up && !only_complete) {
            return Err(Error::Closed("the text of a session"));
        }
        Ok(state.pieces.get(at).cloned())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn lines(text: &str) -> Lines {
        Lines { texts: text.into(), types: String::new() }
    }

    fn taken(coming: &ComingMessages, only_complete: bool) -> Result<Vec<String>> {
        let mut all = Vec::new();
        coming.each(only_complete, |piece| {
            all.push(piece.texts.clone());
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn pieces_are_taken_in_their_order_while_they_come() {
        let coming = Arc::new(ComingMessages::default());
        let source = Arc::clone(&coming);
        let adding = thread::spawn(move || {
            (0..100).for_each(|n| source.add(lines(&n.to_string())).unwrap());
            assert!(source.complete());
        });
        // However slowly this machine runs the thread, what was taken is a beginning, and all of it unless given up.
        let outcome = taken(&coming, false);
        adding.join().ok();
        let all = (0..100).map(|n| n.to_string()).collect::<Vec<_>>();
        assert!(coming.given_up() || outcome.unwrap() == all);
        assert_eq!(taken(&coming, true).unwrap(), all, "a second time, too");
    }

    #[test]
    fn whoever_is_not_served_in_time_gives_up_for_good_and_says_so_at_the_end() {
        let coming = ComingMessages::default();
        coming.add(lines("1")).unwrap();
        assert!(taken(&coming, false).is_err());
        coming.add(lines("2")).unwrap();
        assert!(!coming.complete());
        assert!(taken(&coming, false).is_err(), "somebody else may have come before");
        assert_eq!(taken(&coming, true).unwrap(), ["1", "2"]);
    }

    #[test]
    fn what_is_abandoned_is_waited_for_no_more() {
        let coming = ComingMessages::default();
        coming.abandon();
        assert!(taken(&coming, false).is_err());
        assert!(coming.given_up());
    }

    #[test]
    fn what_is_abandoned_does_not_pass_for_complete() {
        let coming = ComingMessages::default();
        coming.add(lines("1")).unwrap();
        coming.abandon();
        assert!(!coming.complete());
        assert!(taken(&coming, true).is_err());
    }
}
