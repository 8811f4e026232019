//! How many files replays hold open: few of what they have still to read, for a process may have only so many.

#[cfg(test)]
use std::cell::Cell;
#[cfg(all(unix, not(test)))]
use std::sync::LazyLock;
use std::{
    fs::File,
    sync::atomic::{AtomicUsize, Ordering},
};

/// As many files all replays of the process hold open together, and no more than this part of those that it may have open. The
/// others are opened when they are reached.
const MOST: usize = 128;
#[cfg(all(unix, not(test)))]
const PART: u64 = 8;

static LENT: AtomicUsize = AtomicUsize::new(0);

#[cfg(test)]
thread_local! {
    /// The same for the replays of this thread.
    pub static MOST_LENT: Cell<usize> = const { Cell::new(MOST) };
}

fn most() -> usize {
    #[cfg(test)]
    return MOST_LENT.get();
    #[cfg(all(unix, not(test)))]
    return *ALLOWED;
    #[cfg(not(any(unix, test)))]
    MOST
}

#[cfg(all(unix, not(test)))]
static ALLOWED: LazyLock<usize> = LazyLock::new(|| {
    let all = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    all.and_then(|all| usize::try_from(all / PART).ok()).map_or(MOST, |part| part.min(MOST))
});

/// The right to hold a file open between two pieces.
#[derive(Debug)]
pub(super) struct Slot(());

impl Slot {
    /// One that is free.
    pub fn take() -> Option<Self> {
        let take = |lent: usize| (lent < most()).then_some(lent + 1);
        LENT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| Self(()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        LENT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Held {
    pub file: File,
    /// Without one it is closed again after the piece that it was opened for.
    pub slot: Option<Slot>,
}
