//! Panics on request, so that tests can show what a panic anywhere does. Armed by an environment variable that is read
//! once; disarmed, a point costs one load and one branch.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Names the one point that shall panic, for example `storageSave` or `smalltalk-sqlite`.
pub const VARIABLE: &str = "SMALLTALK_FAULT_PANIC";

/// How often it shall; without it, each time.
pub const TIMES: &str = "SMALLTALK_FAULT_TIMES";

struct Armed {
    point: String,
    left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

fn armed() -> Option<Armed> {
    let times = std::env::var(TIMES).ok().and_then(|times| times.parse().ok());
    let point = std::env::var(VARIABLE).ok()?;
    Some(Armed { point, left: AtomicU64::new(times.unwrap_or(u64::MAX)) })
}

/// Panics when the environment asked for a panic at `point`.
///
/// # Panics
/// On request only.
pub fn point(point: &str) {
    let Some(armed) = ARMED.get_or_init(armed) else { return };
    if armed.point == point {
        let left = armed.left.try_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        assert!(left.is_err(), "injected at {point}");
    }
}
