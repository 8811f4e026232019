//! The wall clock, in the units of the log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since the epoch, as events carry them.
pub fn now_ms() -> f64 {
    millis(since_epoch()).floor()
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Microseconds since the epoch: where numbers go on after an unclean close.
pub fn now_micros() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

const DAY_MS: f64 = 86_400_000.0;
/// 9999-12-31; what claims to be later is filed there.
const LAST_DAY: i64 = 2_932_896;

/// The UTC day of a moment, counted from the epoch; the years 1970 to 9999.
pub fn day_of(timestamp_ms: f64) -> i64 {
    let day = (timestamp_ms / DAY_MS).floor();
    // A cast from a floating number saturates, and takes no number for zero: the clamp below does the rest.
    #[allow(clippy::cast_possible_truncation)]
    let day = day as i64;
    day.clamp(0, LAST_DAY)
}

/// When a day is over, in milliseconds since the epoch.
pub fn end_of_day(day: i64) -> f64 {
    i32::try_from(day + 1).map_or(f64::INFINITY, |next| f64::from(next) * DAY_MS)
}

/// A day as `2025-11-23`.
pub fn date_text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A moment as `2025-11-23T12:00:00Z`.
pub fn date_time_text(timestamp_ms: f64) -> String {
    let day = day_of(timestamp_ms);
    let into_day = (timestamp_ms - (end_of_day(day) - DAY_MS)).clamp(0.0, DAY_MS - 1.0);
    let part = |unit_ms: f64, count: f64| (into_day / unit_ms).floor() % count;
    let (hour, minute, second) = (part(3_600_000.0, 24.0), part(60_000.0, 60.0), part(1000.0, 60.0));
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date_text(day))
}

/// The day that a text such as `2025-11-23` names.
pub fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let found = days(year, month, day);
    (date_text(found) == text).then_some(found)
}

/// Days from the epoch to a date of the proleptic Gregorian calendar; years start in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn civil(day: i64) -> (i64, i64, i64) {
    // Leap days make the estimate a few years too late at most.
    let mut year = 1970 + day.div_euclid(365);
    while days(year, 1, 1) > day {
        year -= 1;
    }
    let month = (1..=12).rev().find(|&month| days(year, month, 1) <= day).unwrap_or(1);
    (year, month, day - days(year, month, 1) + 1)
}

/// How long this thread has run so far, whatever else the machine had to do.
#[cfg(all(test, target_os = "linux"))]
pub fn thread_time() -> std::time::Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    std::time::Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, text) in [
            (0.0, "1970-01-01"),
            (951_782_400_000.0, "2000-02-29"),
            (951_868_800_000.0, "2000-03-01"),
            (1_763_855_999_999.0, "2025-11-22"),
            (1_763_856_000_000.0, "2025-11-23"),
            (1_798_675_200_000.0, "2026-12-31"),
            (-1.0, "1970-01-01"),
            (f64::MAX, "9999-12-31"),
            (f64::NAN, "1970-01-01"),
        ] {
            assert_eq!(date_text(day_of(millis)), text, "{millis}");
        }
    }

    #[test]
    fn moments_are_readable() {
        assert_eq!(date_time_text(1_763_942_399_000.0), "2025-11-23T23:59:59Z");
        assert_eq!(date_time_text(0.0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn every_date_is_read_back() {
        for day in (0..LAST_DAY).step_by(13) {
            assert_eq!(parse_date(&date_text(day)), Some(day));
        }
        for wrong in ["2025-02-30", "2025-1-1", "x", "2025-13-01", "2025-11-23-1"] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }
}
