//! Options that change while a log is open.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn told(directory: &std::path::Path, fsync_interval: Duration, cleanup_interval: Duration) -> LogOptions {
    LogOptions { fsync_interval, cleanup_interval, ..LogOptions::new(directory) }
}

fn open_with(options: &LogOptions) -> Owned {
    let layout = Layout::new(&options.directory);
    Owned::open(layout, options, &Arc::default(), &Arc::default(), &Arc::default(), None).unwrap()
}

#[test]
fn what_waits_for_its_sync_waits_no_longer_than_the_shorter_interval_says() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open_with(&told(directory.path(), HOUR, Duration::ZERO));
    append(&mut owned, Durability::Process).unwrap();
    assert!(owned.wake_at().unwrap() > Instant::now() + MINUTE);
    owned.heed(&told(directory.path(), MINUTE, Duration::ZERO));
    assert!(owned.wake_at().unwrap() <= Instant::now() + MINUTE);
    let at = owned.wake_at();
    owned.heed(&told(directory.path(), HOUR, Duration::ZERO));
    assert_eq!(owned.wake_at(), at, "what was promised stays");
    owned.close().unwrap();
}

#[test]
fn a_cleanup_that_is_planned_is_not_put_off_by_handles_that_come_and_go() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open_with(&told(directory.path(), HOUR, HOUR));
    let first = owned.wake_at();
    assert!(first.is_some());
    for _ in 0..2 {
        owned.heed(&told(directory.path(), HOUR, HOUR * 9));
        assert_eq!(owned.wake_at(), first);
        owned.heed(&told(directory.path(), HOUR, Duration::ZERO));
        assert_eq!(owned.wake_at(), None, "one wants none");
        owned.heed(&told(directory.path(), HOUR, HOUR));
        assert_eq!(owned.wake_at(), first);
    }
    let second = Duration::from_secs(1);
    owned.heed(&told(directory.path(), HOUR, second));
    assert!(owned.wake_at().unwrap() <= Instant::now() + second);
    owned.close().unwrap();
}

#[test]
fn where_none_was_wanted_the_first_cleanup_comes_as_soon_as_after_an_opening() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open_with(&told(directory.path(), HOUR, Duration::ZERO));
    assert_eq!(owned.wake_at(), None);
    owned.heed(&told(directory.path(), HOUR, HOUR));
    assert!(owned.wake_at().unwrap() <= Instant::now() + MINUTE);
    owned.close().unwrap();
}
