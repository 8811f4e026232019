//! Cleanups in slices, which are of two files each here.

use std::path::Path;

use crossbeam_channel::Receiver;

use super::*;
use crate::event_log::erase::erase;

/// A log of sessions with one event each, which is old.
pub(super) fn many(directory: &Path, count: usize) -> Owned {
    let mut owned = open(directory);
    for number in 0..count {
        append_to(&mut owned, &format!("s{number}"));
    }
    owned.sync_dirty().unwrap();
    owned
}

pub(super) fn append_to(owned: &mut Owned, session: &str) -> u64 {
    let (reply, answer) = Reply::channel();
    // 2025-11-23
    let body = r#"{"topic":"t","priority":"normal","timestamp":1763899200000}"#.into();
    let durability = Some(Durability::Process);
    owned.append(vec![Append { session: session.into(), body, id: None, durability, reply }.into()]);
    answer.recv().unwrap().unwrap().seq
}

pub(super) fn ask(owned: &mut Owned) -> Receiver<Result<CleanupReport>> {
    let (reply, answer) = Reply::channel();
    owned.cleanup(Duration::from_secs(3600), reply);
    answer
}

fn archived(directory: &Path) -> usize {
    files::names(&directory.join("archive/2025-11-23")).unwrap().len()
}

#[test]
fn files_that_are_moved_in_one_slice_share_one_sync_of_each_directory() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 6);
    synced();
    assert_eq!(clean(&mut owned, Duration::from_secs(3600)).unwrap().archived, 6);
    let (active, day) = (directory.path().join("active"), directory.path().join("archive/2025-11-23"));
    let synced = synced();
    let of = |directory: &Path| synced.iter().filter(|one| *one == directory).count();
    // A slice of two files is over sooner where they take long.
    assert!((3..=6).contains(&of(&day)), "{synced:?}");
    assert!((6..=12).contains(&of(&active)), "{synced:?}");
    let last = |directory: &Path| synced.iter().rposition(|one| one == directory);
    assert!(last(&day) < last(&active), "first the new names, then those that are gone");
    owned.close().unwrap();
}

#[test]
fn whoever_asks_for_a_cleanup_hears_of_a_lock_that_is_lost_before_the_next_slice() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 6);
    let (first, second) = (ask(&mut owned), ask(&mut owned));
    std::fs::remove_file(directory.path().join("lock")).unwrap();
    let before = archived(directory.path());
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    for answer in [first, second] {
        let error = answer.recv().unwrap().unwrap_err();
        assert!(error.code() == "ERR_IO" && error.to_string().contains("lock"), "{error}");
    }
    assert_eq!(archived(directory.path()), before, "another one may own it by now");
    let third = ask(&mut owned);
    owned.cleanups.push_back(crate::event_log::retention::Cleanup::new(None, Reply::new(drop)));
    assert_eq!(third.recv().unwrap().unwrap_err().code(), "ERR_IO");
    drop(owned.abandon());
    assert_eq!(archived(directory.path()), before);
}

#[test]
fn whoever_takes_the_log_over_between_two_slices_finds_everything() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut slices = 0;
    loop {
        let place = directory.path().join(slices.to_string());
        let mut owned = many(&place, 4);
        let answer = ask(&mut owned);
        for _ in 0..slices {
            owned.clean_some();
        }
        let is_over = owned.cleanups.is_empty();
        // Without a close it has left as if it had been killed.
        drop(owned);
        assert_eq!(answer.recv().unwrap().is_ok(), is_over);
        let mut owned = open(&place);
        let left = usize::try_from(owned.report.events).unwrap();
        assert_eq!(left + archived(&place), 4, "after {slices} slices");
        assert!(owned.report.damaged.is_empty() && owned.report.torn.is_empty());
        assert_eq!(clean(&mut owned, Duration::from_secs(3600)).unwrap().archived, left as u64);
        owned.close().unwrap();
        if is_over {
            assert!(slices > 1);
            return;
        }
        slices += 1;
    }
}

#[test]
fn a_session_that_is_erased_or_written_to_between_two_slices_is_taken_as_it_is_by_then() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 6);
    let answer = ask(&mut owned);
    let mut rounds = 0;
    while !owned.cleanups.is_empty() {
        for number in 0..6 {
            let session = format!("s{number}");
            if number % 2 == 0 {
                erase(&mut owned, &session).unwrap();
            } else {
                append_to(&mut owned, &session);
                // It is read again before the next write, and another one from then on.
                owned.note(vec![(session.as_str().into(), Err(std::io::Error::other("a disk that lies")))]);
            }
        }
        rounds += 1;
        owned.clean_some();
    }
    answer.recv().unwrap().unwrap();
    assert!(rounds > 1);
    for number in 0..6 {
        let session = format!("s{number}");
        let there: usize = owned.around.catalog.find(&session).map_or(0, |session| {
            session.files().iter().map(|file| usize::try_from(read(&file.entries).summary.count).unwrap()).sum()
        });
        let archive = crate::event_log::archive::files_of(&owned.around.layout.archive, &session, None).unwrap();
        let lines: usize = archive.iter().map(|file| std::fs::read_to_string(file).unwrap().lines().count()).sum();
        assert_eq!(there + lines, if number % 2 == 0 { 0 } else { 1 + rounds }, "{session}");
    }
}

#[test]
fn the_regular_cleanup_goes_on_by_itself_until_it_is_done_and_ends_with_the_log() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 6);
    owned.cleanup_at = Some(Instant::now());
    owned.around.options.cleanup_interval = Duration::from_secs(3600);
    owned.around.options.retention = Duration::from_secs(3600);
    owned.tick();
    let mut ticks = 0;
    while !owned.cleanups.is_empty() {
        let wait = owned.wake_at().unwrap().saturating_duration_since(Instant::now());
        assert!(wait < Duration::from_secs(60), "it sleeps in the middle");
        std::thread::sleep(wait);
        owned.tick();
        ticks += 1;
    }
    assert!(ticks > 1 && owned.totals.archived == 6 && archived(directory.path()) == 6);
    assert!(owned.wake_at().is_some_and(|at| at > Instant::now() + Duration::from_secs(60)));
    owned.close().unwrap();
}

#[test]
fn the_first_regular_cleanup_comes_soon_also_where_few_processes_live_for_a_whole_interval() {
    let hour = Duration::from_secs(3600);
    let soon = [(hour, Some(60)), (Duration::from_secs(2), Some(2)), (Duration::ZERO, None), (Duration::MAX, Some(60))];
    for (cleanup_interval, expected) in soon {
        let directory = tempfile::TempDir::new().unwrap();
        let options = LogOptions { cleanup_interval, retention: hour, ..LogOptions::new(directory.path()) };
        let layout = Layout::new(directory.path());
        let before = Instant::now();
        let mut owned = Owned::open(layout, &options, &Arc::default(), &Arc::default(), &Arc::default(), None).unwrap();
        let limit = expected.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        assert!(owned.wake_at() <= limit && owned.wake_at().is_some() == limit.is_some());
        append_to(&mut owned, "s0");
        let first = owned.cleanup_at.unwrap_or(before);
        owned.clean_in_time(first);
        while !owned.cleanups.is_empty() {
            owned.clean_some();
        }
        assert_eq!(owned.totals.last_cleanup.is_some(), expected.is_some());
        // From then on it comes once in an interval.
        assert!(owned.cleanup_at.is_none_or(|next| next >= before + cleanup_interval.min(hour)));
        owned.close().unwrap();
    }
}

#[test]
fn what_an_erase_deletes_between_two_slices_no_cleanup_counts_as_its_own() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 9);
    clean(&mut owned, Duration::from_secs(3600)).unwrap();
    owned.around.options.max_retention = Duration::from_secs(3600);
    let answer = ask(&mut owned);
    while archived(directory.path()) == 9 {
        owned.clean_some();
    }
    let left = archived(directory.path()) as u64;
    for number in 0..9 {
        erase(&mut owned, &format!("s{number}")).unwrap();
    }
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    assert!(left > 0 && owned.totals.deleted == 9 - left);
    assert_eq!(answer.recv().unwrap().unwrap().deleted, 9 - left);
    owned.close().unwrap();
}
