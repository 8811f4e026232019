//! The clock of a monitor, which wraps.

/// Where there is nothing to see, looks come as seldom as the wrapping clock allows.
pub(super) const SELDOM: u32 = u32::MAX / 4;

/// Whether the wrapping clock has come to `moment`.
pub(super) fn reached(now: u32, moment: u32) -> bool {
    now.wrapping_sub(moment) < u32::MAX / 2
}
