//! Which numbers may have been given, where the last owner could not write that down, because it was killed or the power went,
//! or what it wrote down is not what there is any more.

use std::collections::HashMap;

use crate::event_log::{
    archive, consumers,
    directory::{Layout, Past, Trace},
    index::Session,
    names,
    opening::Loaded,
    record,
    time::now_micros,
};

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
pub(super) fn last_of_all(layout: &Layout, loaded: &[Loaded], archived: &Archived) -> u64 {
    let known = loaded.iter().map(|session| session.last_seq).fold(0, record::higher);
    [consumers::furthest(layout), archived.furthest()].into_iter().fold(known, record::higher)
}

/// The last number of each session in the archive, where that may be above those in `active`.
pub(super) struct Archived(HashMap<String, u64>);

impl Archived {
    /// A log that was closed in order has nothing of that kind, unless an earlier state of its files was put back beside the archive
    /// since. An archive may be large: it is looked at only where something has changed.
    /// With it comes the past as it has to be taken then.
    pub(super) fn look(layout: &Layout, past: Past, loaded: &[Loaded]) -> (Past, Self) {
        let past = as_found(past, loaded);
        let is_as_closed = match past {
            Past::New => true,
            Past::Unclean | Past::Closed { trace: Trace { archive: None, .. }, .. } => false,
            Past::Closed { trace, .. } => trace.archive == archive::trace(&layout.archive),
        };
        (past, Self(if is_as_closed { HashMap::new() } else { archive::last_of_each(&layout.archive) }))
    }

    /// That of a session; 0 where there is none.
    pub(super) fn of(&self, session: &Session) -> u64 {
        // To make a name costs more than to see that there is none.
        if self.0.is_empty() { 0 } else { self.0.get(&names::stem_of(&session.id)).copied().unwrap_or(0) }
    }

    /// The greatest one.
    pub(super) fn furthest(&self) -> u64 {
        self.0.values().copied().fold(0, record::higher)
    }
}

/// Where sessions do not end as they did when the log was closed in order, an earlier state of `active` may have been put back, nobody
/// knows of which of them: all go on above what was given, and the archive may have more.
fn as_found(past: Past, loaded: &[Loaded]) -> Past {
    match past {
        Past::Closed { highest_seq, trace: Trace { ends: Some(then), .. }, .. }
            if then != ends(loaded.iter().map(|loaded| &*loaded.session)) =>
        {
            Past::Closed { highest_seq, everywhere: true, trace: Trace { ends: None, archive: None } }
        }
        past => past,
    }
}

/// What tells the state of a log that is closed from others.
pub(super) fn trace<'a>(layout: &Layout, sessions: impl Iterator<Item = &'a Session>) -> Trace {
    Trace { ends: Some(ends(sessions)), archive: archive::trace(&layout.archive) }
}

fn ends<'a>(sessions: impl Iterator<Item = &'a Session>) -> u64 {
    let end = |session: &Session| {
        let last = Some(session.last_seq()).filter(|last| *last > 0)?;
        Some(u64::from(crc32c::crc32c(format!("{last} {}", session.id).as_bytes())))
    };
    // In whatever order they come.
    sessions.filter_map(end).fold(0, u64::wrapping_add)
}
