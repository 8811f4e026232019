//! When files and their names get to the disk, and what is tried again.

use super::{cleaning::append_to, *};

/// Does what time asks for until it asks for nothing.
pub(super) fn rest(owned: &mut Owned) {
    let begun = Instant::now();
    while let Some(at) = owned.wake_at() {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        owned.tick();
        assert!(owned.syncer.under_way() <= MOST_HANDLES);
        assert!(begun.elapsed() < Duration::from_secs(20), "it never sleeps");
    }
}

pub(super) fn is_whole(owned: &Owned) -> bool {
    owned.lanes.values().all(|lane| lane.is_safe() && lane.name_on_disk() && !lane.dirty && !lane.broken)
}

/// An owner that was killed left with the kernel what it has written to `s` and to many others.
fn killed(directory: &std::path::Path) {
    let mut owned = open(directory);
    append(&mut owned, Durability::Process).unwrap();
    for number in 0..MOST_HANDLES + 10 {
        append_to(&mut owned, &format!("s{number}"));
    }
}

#[test]
fn no_opening_waits_for_the_files_of_a_killed_owner_which_are_synced_many_at_once_beside_the_work() {
    let directory = tempfile::TempDir::new().unwrap();
    killed(directory.path());
    synced();
    let mut owned = open(directory.path());
    assert_eq!(synced().iter().filter(|one| one.extension().is_some()).count(), 0, "no file by itself");
    assert!(owned.lanes.values().all(|lane| !lane.is_safe()));
    // Whoever waits for the disk waits for what is in front of it in its file as well.
    append(&mut owned, Durability::Power).unwrap();
    let length = std::fs::metadata(directory.path().join("active/s.jsonl")).unwrap().len();
    assert_eq!(owned.lanes["s"].bytes_on_disk(), length);
    rest(&mut owned);
    assert!(is_whole(&owned));
    owned.close().unwrap();
    assert!(open(directory.path()).report.clean);
}

#[test]
fn a_flush_right_after_the_opening_waits_for_what_a_killed_owner_left() {
    let directory = tempfile::TempDir::new().unwrap();
    killed(directory.path());
    let mut owned = open(directory.path());
    flush(&mut owned).unwrap();
    assert!(is_whole(&owned));
}

fn safe(owned: &Owned) -> usize {
    owned.lanes.values().filter(|lane| lane.is_safe()).count()
}

/// Also where it goes to one of them. The rest is synced after it, although nobody asks.
#[test]
fn a_new_line_waits_for_few_of_the_files_of_a_killed_owner() {
    let directory = tempfile::TempDir::new().unwrap();
    killed(directory.path());
    let mut owned = open(directory.path());
    let last = owned.found.back().cloned().unwrap();
    append_to(&mut owned, "new");
    append_to(&mut owned, &last);
    owned.begin_syncs();
    assert!(owned.wake_at().is_some_and(|at| at <= Instant::now() + Duration::from_millis(5)), "there are more");
    let done = owned.syncer.wait();
    owned.note(done);
    assert!(owned.lanes["new"].is_safe() && owned.lanes[&last].is_safe());
    assert_eq!(safe(&owned), 2 + MOST_HANDLES / 8, "and a few others");
    rest(&mut owned);
    assert!(is_whole(&owned));
    owned.close().unwrap();
    assert!(open(directory.path()).report.clean);
}

#[test]
fn the_files_of_a_killed_owner_get_to_the_disk_also_where_new_lines_never_cease() {
    let directory = tempfile::TempDir::new().unwrap();
    killed(directory.path());
    let mut owned = open(directory.path());
    for number in 0..MOST_HANDLES {
        append_to(&mut owned, &format!("new{number}"));
    }
    let found = owned.found.len();
    owned.begin_syncs();
    assert_eq!((found - owned.found.len(), owned.syncer.under_way()), (MOST_HANDLES / 8, MOST_HANDLES));
    owned.begin_syncs();
    assert_eq!(owned.syncer.under_way(), MOST_HANDLES);
    let done = owned.syncer.wait();
    owned.note(done);
    assert_eq!((safe(&owned), owned.found_under_way.len()), (MOST_HANDLES, 0));
    rest(&mut owned);
    assert!(is_whole(&owned));
}

#[test]
fn a_file_of_a_killed_owner_that_could_not_be_opened_for_its_sync_is_synced_when_it_can_be() {
    let directory = tempfile::TempDir::new().unwrap();
    killed(directory.path());
    let mut owned = open(directory.path());
    let [file, aside] = ["active/s.jsonl", "aside"].map(|name| directory.path().join(name));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    while !owned.found.is_empty() {
        owned.begin_syncs();
        let done = owned.syncer.wait();
        owned.note(done);
    }
    assert!(!owned.lanes["s"].is_safe() && owned.found_under_way.is_empty());
    assert_eq!(safe(&owned), owned.lanes.len() - 1);
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    rest(&mut owned);
    assert!(owned.lanes["s"].is_safe());
}

#[test]
fn a_flush_tells_of_a_sync_that_failed_while_nobody_waited_for_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    fail_a_sync(&mut owned);
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
    fail_a_sync(&mut owned);
    append(&mut owned, Durability::Power).unwrap();
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE", "to read it again has brought nothing back");
    flush(&mut owned).unwrap();
    owned.close().unwrap();
}

#[test]
fn a_flush_that_cannot_open_a_file_does_not_say_that_it_is_on_the_disk() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    owned.lanes.values_mut().for_each(Lane::let_go);
    let file = directory.path().join("active/s.jsonl");
    let aside = directory.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    flush(&mut owned).unwrap();
    owned.close().unwrap();
}

#[test]
fn a_file_that_could_not_be_opened_for_its_sync_is_synced_when_it_can_be() {
    for is_flushed in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        append(&mut owned, Durability::Process).unwrap();
        owned.lanes.values_mut().for_each(Lane::let_go);
        let [file, aside] = ["active/s.jsonl", "aside"].map(|name| directory.path().join(name));
        std::fs::rename(&file, &aside).unwrap();
        std::fs::create_dir(&file).unwrap();
        if is_flushed {
            flush(&mut owned).unwrap_err();
        } else {
            owned.begin_syncs();
        }
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        assert!(
            owned.wake_at().is_some_and(|at| at <= Instant::now() + owned.around.options.fsync_interval),
            "it sleeps for ever"
        );
        owned.begin_syncs();
        let done = owned.syncer.wait();
        owned.note(done);
        assert!(owned.lanes["s"].is_safe(), "{is_flushed}");
        owned.begin_syncs();
        assert_eq!(owned.wake_at(), None);
    }
}

#[test]
fn a_file_that_is_gone_keeps_nobody_awake() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    owned.lanes.values_mut().for_each(Lane::let_go);
    std::fs::remove_file(directory.path().join("active/s.jsonl")).unwrap();
    owned.begin_syncs();
    assert_eq!(owned.wake_at(), None);
}

#[test]
fn a_file_that_is_read_again_is_synced_for_what_waited_for_that() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    fail_a_sync(&mut owned);
    append(&mut owned, Durability::Process).unwrap();
    let length = std::fs::metadata(directory.path().join("active/s.jsonl")).unwrap().len();
    assert_eq!(owned.lanes["s"].bytes_on_disk(), length);
    owned.close().unwrap();
}

#[test]
fn it_wakes_for_its_sync_takes_in_the_outcome_and_then_sleeps() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert_eq!(owned.wake_at(), None);
    append(&mut owned, Durability::Process).unwrap();
    assert!(owned.wake_at().unwrap() <= Instant::now() + owned.around.options.fsync_interval);
    let mut ticks = 0;
    while let Some(at) = owned.wake_at() {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        owned.tick();
        ticks += 1;
        assert!(ticks < 100, "it never sleeps");
    }
    let lane = owned.lanes.get("s").unwrap();
    assert!(!lane.dirty && lane.name_on_disk() && !lane.broken);
    append(&mut owned, Durability::Power).unwrap();
    assert_eq!(owned.wake_at(), None, "what is on the disk needs no second sync");
}

/// As when too many files are open.
#[cfg(unix)]
#[test]
fn a_name_whose_directory_cannot_be_opened_is_synced_later_and_is_no_doubt() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    files::UNOPENED.set(true);
    owned.begin_syncs();
    let done = owned.syncer.wait();
    owned.note(done);
    let flushed = flush(&mut owned).unwrap_err();
    files::UNOPENED.set(false);
    assert_eq!(flushed.code(), "ERR_INDETERMINATE");
    assert!(owned.lanes["s"].dirty && !owned.lanes["s"].broken && owned.wake_at().is_some());
    flush(&mut owned).unwrap();
    assert!(owned.lanes["s"].name_on_disk());
    assert_eq!(append(&mut owned, Durability::Process).unwrap(), 2, "nothing was in doubt");
    owned.close().unwrap();
}

/// The same for an event that waits for the disk, and a file that is full.
#[cfg(unix)]
#[test]
fn a_name_that_somebody_waits_for_is_still_to_come_where_its_directory_cannot_be_opened() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    files::UNOPENED.set(true);
    owned.highest_seq = 1;
    let lane = Lane::new("s", 1);
    owned.lanes.insert("s".into(), lane);
    let refused = append(&mut owned, Durability::Power);
    files::UNOPENED.set(false);
    assert_eq!(refused.unwrap_err().code(), "ERR_INDETERMINATE");
    assert!(owned.lanes["s"].dirty && owned.wake_at().is_some());
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE", "what was in doubt");
    assert!(owned.lanes["s"].name_on_disk());
    flush(&mut owned).unwrap();
}
