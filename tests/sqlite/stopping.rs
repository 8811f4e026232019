//! Upkeep that is stopped by whoever has asked for it.

use std::{
    collections::HashSet,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    reply::{Reply, Tag},
    storage::sqlite::{SqliteStore, Verification, Write},
};

use crate::support::{close, image, list, open, save};

/// The questions of one store, each with a number of its own.
struct Asked<'a> {
    store: &'a SqliteStore,
    last: Tag,
}

impl Asked<'_> {
    fn ask<T: Send + 'static>(&mut self, ask: impl FnOnce(&SqliteStore, Reply<T>)) -> Receiver<Result<T>> {
        self.last += 1;
        let (reply, answer) = Reply::channel();
        ask(self.store, reply.tagged(Some(self.last)));
        answer
    }

    fn stop(&self, tag: Tag) {
        self.store.stop(&HashSet::from([tag]));
    }

    /// Whether it was stopped, a little later; what comes behind it goes on.
    fn stopped_after<T: Send + 'static>(&mut self, moments: u32, ask: impl FnOnce(&SqliteStore, Reply<T>)) -> bool {
        let answer = self.ask(ask);
        let tag = self.last;
        let next = self.ask(|store, reply| store.preview_prune(100, reply));
        for _ in 0..50 * moments {
            thread::yield_now();
        }
        self.stop(tag);
        assert_eq!(next.recv().unwrap().unwrap().sessions, 100);
        match answer.recv().unwrap() {
            Ok(_) => false,
            Err(Error::Stopped) => true,
            Err(other) => panic!("{other}"),
        }
    }

    fn verified(&mut self) -> Verification {
        self.ask(SqliteStore::verify).recv().unwrap().unwrap()
    }
}

fn filled(path: &Path, sessions: usize, messages: usize) -> SqliteStore {
    let store = open(path).unwrap();
    let messages = vec!["1"; messages];
    for index in 0..sessions {
        save(&store, &image(&index.to_string(), &messages), Durability::Process).unwrap();
    }
    store
}

/// A store with three sessions, and the other connection that keeps its writer waiting.
fn locked_by_another(directory: &Path) -> (SqliteStore, Connection) {
    let path = directory.join("s.db");
    let store = filled(&path, 3, 2);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (store, other)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_waits_behind_a_writer_that_is_held_up_is_answered_at_once_and_never_done() {
    let directory = tempfile::tempdir().unwrap();
    let (store, other) = locked_by_another(directory.path());
    let held_up = {
        let (reply, saved) = Reply::channel();
        store.write(Write::delete_session("0".into(), reply), Durability::Process);
        saved
    };
    let mut asked = Asked { store: &store, last: 0 };
    // Until the writer waits, it may take on whatever comes.
    let deadline = Instant::now() + Duration::from_secs(4);
    let pruned = loop {
        let pruned = asked.ask(|store, reply| store.write(Write::prune(100, 10, reply), Durability::Process));
        asked.stop(asked.last);
        if let Ok(outcome) = pruned.try_recv() {
            break outcome;
        }
        assert!(Instant::now() < deadline, "the writer is not held up");
        thread::yield_now();
    };
    assert!(matches!(pruned, Err(Error::Stopped)));
    let target = directory.path().join("copy.db");
    let (verified, backed_up) =
        (asked.ask(SqliteStore::verify), asked.ask(|store, reply| store.backup(target.clone(), reply)));
    let reclaimed = asked.ask(SqliteStore::reclaim);
    for back in 0..3 {
        asked.stop(asked.last - back);
    }
    assert!(matches!(verified.try_recv().unwrap(), Err(Error::Stopped)));
    assert!(matches!(backed_up.try_recv().unwrap(), Err(Error::Stopped)));
    assert!(matches!(reclaimed.try_recv().unwrap(), Err(Error::Stopped)));
    other.execute_batch("ROLLBACK").unwrap();
    held_up.recv().unwrap().unwrap();
    assert!(asked.verified().damaged.is_empty());
    assert!(!target.exists());
}

#[test]
fn a_prune_that_waits_for_another_process_is_never_begun() {
    let directory = tempfile::tempdir().unwrap();
    let (store, other) = locked_by_another(directory.path());
    let mut asked = Asked { store: &store, last: 0 };
    let prune = |store: &SqliteStore, reply| {
        store.write_stoppable(reply, Durability::Process, |reply| Write::prune(100, 10, reply));
    };
    // In the queue, or with the writer, which waits for the lock.
    for moments in [0, 1_000, 100_000] {
        let pruned = asked.ask(prune);
        for _ in 0..moments {
            thread::yield_now();
        }
        asked.stop(asked.last);
        assert!(matches!(pruned.try_recv().unwrap(), Err(Error::Stopped)));
    }
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(asked.verified().sessions, 3);
    // What nobody stops is done.
    assert_eq!(asked.ask(prune).recv().unwrap().unwrap().sessions, 3);
}

#[test]
fn one_that_is_under_way_ends_and_leaves_nothing_and_the_next_ones_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(&directory.path().join("s.db"), 100, 2_000);
    let before = names(directory.path());
    let mut asked = Asked { store: &store, last: 0 };
    let target = directory.path().join("copy.db");
    let mut stopped = 0;
    for round in 0..30 {
        let was_stopped = match round % 3 {
            0 => asked.stopped_after(round, SqliteStore::verify),
            1 => asked.stopped_after(round, |store, reply| store.backup(target.clone(), reply)),
            _ => asked.stopped_after(round, |store, reply| store.preview_prune(100, reply)),
        };
        if round % 3 == 1 && !was_stopped {
            std::fs::remove_file(&target).unwrap();
        }
        stopped += u32::from(was_stopped);
        assert_eq!(names(directory.path()), before, "round {round}, stopped: {was_stopped}");
    }
    assert!(stopped > 0, "a verification takes longer than it takes to stop one");
    assert!(asked.verified().damaged.is_empty());
    assert_eq!(list(&store, Default::default()).len(), 100);
    close(&store);
}
