//! Which numbers may have been given, where the last owner could not write that down: it was killed, or the power went.

use crate::event_log::{archive, consumers, directory::Layout, opening::Loaded, record, time::now_micros};

/// Where numbers go on where `used` is the last that is known of, and later ones may have been lost. What is lost is above it,
/// and the clock may be behind the one by which it was given.
pub(super) fn beyond(used: u64) -> u64 {
    record::leap(used).max(now_micros())
}

/// The same for sessions of which nothing is known: where others have come to.
pub(super) fn beyond_others(used: u64) -> u64 {
    record::higher(used, beyond(used))
}

/// The last number of a session that is known of. Whoever has acknowledged an event may have told the disk more of it than
/// the log has.
pub(super) fn last_of(layout: &Layout, loaded: &Loaded) -> u64 {
    record::higher(loaded.last_seq, consumers::furthest_of(layout, &loaded.session.id))
}

/// The same of all sessions, those included that have no file any more.
pub(super) fn last_of_all(layout: &Layout, loaded: &[Loaded]) -> u64 {
    let known = loaded.iter().map(|session| session.last_seq).fold(0, record::higher);
    [consumers::furthest(layout), archive::furthest(&layout.archive)].into_iter().fold(known, record::higher)
}
