//! No more files may be open: the log lets go of its own, and owes no sync for good.

use std::path::Path;

use super::{
    syncing::{is_whole, rest},
    *,
};

/// So many files of the log may be open as long as this is there.
struct Room;

impl Room {
    fn of(root: &Path, most: usize) -> Self {
        files::ROOM.set(Some((root.join("active"), most)));
        Self
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        files::ROOM.take();
    }
}

/// Appends an event to each session at once, and gives what each append came to.
fn append_each(
    owned: &mut Owned,
    sessions: std::ops::Range<usize>,
    durability: Durability,
    size: usize,
) -> Vec<Result<u64>> {
    let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":"{}"}}"#, "x".repeat(size));
    let (parcels, answers): (Vec<_>, Vec<_>) = sessions
        .map(|number| {
            let (reply, answer) = Reply::channel();
            let (session, body) = (format!("s{number}"), body.clone());
            (Append { session, body, id: None, durability: Some(durability), reply }.into(), answer)
        })
        .unzip();
    owned.append(parcels);
    answers.into_iter().map(|answer| answer.recv().unwrap().map(|receipt| receipt.seq)).collect()
}

#[test]
fn files_are_closed_for_those_that_come_after_them_and_all_get_to_the_disk() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        let room = Room::of(directory.path(), 8);
        for seq in 1..=2 {
            let given = append_each(&mut owned, 0..50, durability, 1);
            assert!(given.iter().all(|given| matches!(given, Ok(got) if *got == seq)), "{given:?}");
        }
        rest(&mut owned);
        assert!(is_whole(&owned), "{durability:?}");
        assert_eq!(owned.lanes.values().filter(|lane| lane.holds_a_handle()).count(), 0);
        owned.close().unwrap();
        drop(room);
        let reopened = open(directory.path());
        assert!(reopened.report.clean && reopened.report.damaged.is_empty());
        assert_eq!((reopened.lanes.len(), reopened.report.events), (50, 100));
    }
}

#[test]
fn what_a_killed_owner_left_gets_to_the_disk_a_few_files_at_a_time_and_nothing_is_in_doubt() {
    let directory = tempfile::TempDir::new().unwrap();
    assert!(append_each(&mut open(directory.path()), 0..50, Durability::Process, 1).iter().all(Result::is_ok));
    let room = Room::of(directory.path(), 8);
    let mut owned = open(directory.path());
    rest(&mut owned);
    assert!(is_whole(&owned) && owned.lanes.len() == 50);
    drop(room);
    owned.close().unwrap();
    assert!(open(directory.path()).report.clean);
}

/// Nothing is left to open their directory.
#[test]
fn a_sync_that_needs_one_more_file_gets_one_of_those_that_the_log_has_open() {
    for is_flushed in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        assert!(append_each(&mut owned, 0..40, Durability::Process, 1).iter().all(Result::is_ok));
        let room = Room::of(directory.path(), 40);
        if is_flushed {
            flush(&mut owned).unwrap();
        } else {
            owned.begin_syncs();
            assert_eq!(owned.lanes.values().filter(|lane| lane.holds_a_handle()).count(), 0, "they are others' by now");
            rest(&mut owned);
        }
        assert!(is_whole(&owned), "{is_flushed}");
        drop(room);
        owned.close().unwrap();
    }
}

#[test]
fn a_name_that_somebody_waits_for_gets_to_the_disk_where_the_log_has_all_files_open_that_may_be() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    // More than the journal takes.
    let _room = Room::of(directory.path(), 3);
    let given = append_each(&mut owned, 0..3, Durability::Power, 200_000);
    assert!(given.iter().all(Result::is_ok), "{given:?}");
    assert!(is_whole(&owned));
    flush(&mut owned).unwrap();
}

/// Where others have so many open that there is room for one file and the directory.
#[test]
fn all_that_waits_is_synced_as_long_as_one_file_at_a_time_can_be() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert!(append_each(&mut owned, 0..20, Durability::Process, 1).iter().all(Result::is_ok));
    let room = Room::of(directory.path(), 2);
    flush(&mut owned).unwrap();
    assert!(is_whole(&owned));
    let given = append_each(&mut owned, 20..40, Durability::Power, 200_000);
    assert!(given.iter().all(Result::is_ok) && is_whole(&owned), "{given:?}");
    drop(room);
    owned.close().unwrap();
}

#[test]
fn what_no_file_could_be_opened_for_is_not_said_to_survive_the_power_and_is_synced_when_one_can_be() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    // Its name is on the disk.
    append(&mut owned, Durability::Power).unwrap();
    append(&mut owned, Durability::Process).unwrap();
    owned.unsynced.clear();
    owned.lanes.get_mut("s").unwrap().due = false;
    owned.close_handles();
    let room = Room::of(directory.path(), 0);
    let (reply, answer) = Reply::channel();
    let event = Append { session: "s".into(), body: "{}".into(), id: None, durability: Some(Durability::Power), reply };
    let mut parcel = crate::event_log::append::Parcel::from(event);
    let items = parcel.items(0).into_iter().map(|(_, item)| item).collect();
    let mut waiting = [Some(parcel)];
    owned.confirm(vec![("s".into(), items)], &mut waiting);
    waiting.into_iter().flatten().for_each(crate::event_log::append::Parcel::answer);
    assert_eq!(answer.recv().unwrap().unwrap_err().code(), "ERR_INDETERMINATE");
    assert!(owned.lanes["s"].dirty && !owned.lanes["s"].broken, "it is still to come, and nothing is in doubt");
    drop(room);
    rest(&mut owned);
    assert!(is_whole(&owned));
    flush(&mut owned).unwrap();
    owned.close().unwrap();
    assert!(open(directory.path()).report.clean);
}

#[test]
fn what_cannot_be_written_at_all_is_refused_uses_no_number_and_keeps_nobody_awake() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let room = Room::of(directory.path(), 0);
    for _ in 0..2 {
        let refused = append_each(&mut owned, 0..2, Durability::Process, 1);
        assert!(refused.iter().all(|refused| refused.as_ref().unwrap_err().code() == "ERR_IO"), "{refused:?}");
    }
    drop(room);
    assert_eq!(owned.wake_at(), None);
    assert_eq!(append_each(&mut owned, 0..2, Durability::Process, 1).iter().flatten().collect::<Vec<_>>(), [&1, &1]);
    owned.close().unwrap();
}

/// Whoever closes a file of its own accord looks at what has its name before the next write.
#[test]
fn a_file_that_was_let_go_of_and_removed_meanwhile_is_noticed_by_the_next_write() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert!(append_each(&mut owned, 0..2, Durability::Power, 1).iter().all(Result::is_ok));
    let room = Room::of(directory.path(), 2);
    assert!(append_each(&mut owned, 2..3, Durability::Process, 1).iter().all(Result::is_ok));
    assert!(!owned.lanes["s0"].holds_a_handle());
    std::fs::remove_file(directory.path().join("active/s0.jsonl")).unwrap();
    assert_eq!(append_each(&mut owned, 0..1, Durability::Process, 1)[0].as_ref().unwrap_err().code(), "ERR_IO");
    assert!(owned.lanes["s0"].broken);
    drop(room);
}

/// A sync of a file that was let go of is another one's: it says nothing of what an earlier one has lost.
#[test]
fn a_lane_that_has_lost_something_stays_so_when_its_file_is_let_go_of() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert!(append_each(&mut owned, 0..1, Durability::Process, 1).iter().all(Result::is_ok));
    let lane = owned.lanes.get_mut("s0").unwrap();
    let mut task = lane.take_sync(&owned.around, true).unwrap();
    task.file = Arc::new(std::fs::File::open("/dev/null").unwrap());
    let outcome = owned.syncer.sync_now(vec![task]);
    assert!(outcome[0].1.is_err(), "nobody can sync that");
    // Its outcome is taken note of later, as that of a sync beside the thread that writes.
    let room = Room::of(directory.path(), 1);
    let given = append_each(&mut owned, 0..2, Durability::Power, 200_000);
    assert_eq!(given[0].as_ref().unwrap_err().code(), "ERR_INDETERMINATE");
    drop(room);
    owned.note(outcome);
    assert!(owned.lanes["s0"].broken && !owned.lanes["s0"].is_safe());
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
}
