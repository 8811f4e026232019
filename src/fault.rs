//! Panics on request, so that tests can show what a panic anywhere does. Armed by an environment variable that is read
//! once; disarmed, a point costs one load and one branch.

use std::sync::OnceLock;

/// Names the one point that shall panic, for example `storageSave` or `thread:smalltalk-sqlite`.
pub const VARIABLE: &str = "SMALLTALK_FAULT_PANIC";

static ARMED: OnceLock<Option<String>> = OnceLock::new();

/// Panics when the environment asked for a panic at `point`.
///
/// # Panics
/// On request only.
pub fn point(point: &str) {
    let armed = ARMED.get_or_init(|| std::env::var(VARIABLE).ok());
    if let Some(name) = armed {
        assert!(name != point, "injected at {point}");
    }
}
