//! Options that change while a log is open.

use super::{
    cleaning::{ask, many},
    *,
};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// All events are younger.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 365 * 86_400);

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

#[test]
fn what_somebody_wants_kept_who_comes_while_its_day_is_deleted_is_kept() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 9);
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 9);
    owned.around.options.max_retention = HOUR;
    let answer = ask(&mut owned);
    while owned.totals.deleted == 0 {
        owned.clean_some();
    }
    let deleted = owned.totals.deleted;
    assert!(deleted < 9 && !owned.cleanups.is_empty());
    owned.heed(&LogOptions { max_retention: FIFTY_YEARS, ..told(directory.path(), HOUR, Duration::ZERO) });
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    assert_eq!(answer.recv().unwrap().unwrap().deleted, deleted);
    let left = std::fs::read_dir(directory.path().join("archive/2025-11-23")).unwrap().count();
    assert_eq!(left as u64, 9 - deleted);
    owned.close().unwrap();
}

#[test]
fn what_somebody_wants_kept_who_comes_while_a_cleanup_archives_is_archived_only_where_that_was_asked_for() {
    for asked in [None, Some(HOUR)] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = many(directory.path(), 6);
        owned.around.options.retention = HOUR;
        let (reply, answer) = Reply::channel();
        owned.cleanup(asked, reply);
        while owned.totals.archived == 0 {
            owned.clean_some();
        }
        let archived = owned.totals.archived;
        assert!(archived < 6 && !owned.cleanups.is_empty());
        owned.heed(&LogOptions { retention: FIFTY_YEARS, ..told(directory.path(), HOUR, Duration::ZERO) });
        while !owned.cleanups.is_empty() {
            owned.clean_some();
        }
        assert_eq!(answer.recv().unwrap().unwrap().archived, if asked.is_some() { 6 } else { archived });
        owned.close().unwrap();
    }
}
