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
    times: u64,
    fired: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

fn armed() -> Option<Armed> {
    let times = std::env::var(TIMES).ok().and_then(|times| times.parse().ok());
    let point = std::env::var(VARIABLE).ok()?;
    Some(Armed { point, times: times.unwrap_or(u64::MAX), fired: AtomicU64::new(0) })
}

/// Panics when the environment asked for a panic at `point`.
///
/// # Panics
/// On request only.
pub fn point(point: &str) {
    let Some(armed) = ARMED.get_or_init(armed) else { return };
    if armed.point == point {
        let fired = armed.fired.fetch_add(1, Ordering::AcqRel);
        assert!(fired >= armed.times, "injected at {point}");
    }
}
