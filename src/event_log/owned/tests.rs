mod broken;
mod cleaning;
#[cfg(target_os = "linux")]
mod exhausted;
mod heeding;
mod holding;
mod meddling;
mod moving;
mod overtaken;
mod positions;
#[cfg(unix)]
mod put_back;
mod refused;
mod stuck;
mod syncing;

use std::time::Duration;

use super::*;
use crate::{
    durability::Durability,
    event_log::{CleanupReport, append::Append, files, index::read, time::now_micros},
    reply::Reply,
};

fn append(owned: &mut Owned, durability: Durability) -> Result<u64> {
    let (reply, answer) = Reply::channel();
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
    owned.append(vec![Append { session: "s".into(), body, id: None, durability: Some(durability), reply }.into()]);
    answer.recv().unwrap().map(|receipt| receipt.seq)
}

fn open(directory: &std::path::Path) -> Owned {
    let options = LogOptions { cleanup_interval: Duration::ZERO, ..LogOptions::new(directory) };
    Owned::open(Layout::new(directory), &options, &Arc::default(), &Arc::default(), &Arc::default(), None).unwrap()
}

fn events(owned: &Owned) -> Vec<u64> {
    let session = owned.around.catalog.find("s").unwrap();
    let files = session.files();
    files.iter().flat_map(|file| read(&file.entries).list.iter().map(|entry| entry.seq).collect::<Vec<_>>()).collect()
}

/// A whole cleanup, with nothing in between.
fn clean(owned: &mut Owned, retention: Duration) -> Result<CleanupReport> {
    let (reply, answer) = Reply::channel();
    owned.cleanup(retention, reply);
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    answer.recv().unwrap()
}

fn flush(owned: &mut Owned) -> Result<()> {
    owned.sync_dirty().and(owned.around.doubts.tell(0))
}

fn fail_a_sync(owned: &mut Owned) {
    owned.note(vec![("s".into(), Err(std::io::Error::other("a disk that lies")))]);
}

#[test]
fn a_file_in_doubt_is_read_again_before_the_next_write_and_numbers_leap() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert_eq!(append(&mut owned, Durability::Process).unwrap(), 1);
    fail_a_sync(&mut owned);
    let before = now_micros();
    let leapt = append(&mut owned, Durability::Power).unwrap();
    assert!(leapt >= before);
    assert_eq!(append(&mut owned, Durability::Power).unwrap(), leapt + 1);
    assert_eq!(events(&owned), [1, leapt, leapt + 1]);
    assert_eq!(owned.report.events, 0, "the report is that of the opening");
    owned.close().unwrap();
}

/// The directories, and the files of an earlier owner, that were synced since the last time somebody asked.
fn synced() -> Vec<std::path::PathBuf> {
    files::SYNCED.take()
}

#[test]
fn the_names_that_lead_to_the_files_are_synced_by_whoever_opens_the_log() {
    let directory = tempfile::TempDir::new().unwrap();
    let root = directory.path().join("above/events");
    // As an owner left it that was killed before it had synced a name.
    std::fs::create_dir_all(root.join("active")).unwrap();
    std::fs::create_dir_all(root.join("archive/2025-11-23")).unwrap();
    std::fs::write(root.join("active/s.jsonl"), "").unwrap();
    synced();
    let owned = open(&root);
    let names = synced();
    for expected in [&root.join("active"), &root.join("archive"), &root, &directory.path().join("above")] {
        assert!(names.contains(expected), "{} is missing in {names:?}", expected.display());
    }
    assert!(!owned.report.clean);
}

#[test]
fn what_a_killed_owner_left_with_the_kernel_is_synced_and_its_numbers_are_not_given_again() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    assert_eq!(append(&mut owned, Durability::Process).unwrap(), 1);
    // Without a close it has left as if it had been killed.
    drop(owned);
    let before = now_micros();
    let mut owned = open(directory.path());
    assert!(owned.lanes["s"].dirty && owned.wake_at().unwrap() <= Instant::now(), "nobody has to ask for it");
    flush(&mut owned).unwrap();
    let length = std::fs::metadata(directory.path().join("active/s.jsonl")).unwrap().len();
    assert_eq!(owned.lanes["s"].bytes_on_disk(), length);
    assert!(append(&mut owned, Durability::Process).unwrap() >= before, "a lost event may have had the next number");
    owned.close().unwrap();
    let owned = open(directory.path());
    assert!(!owned.lanes["s"].dirty, "what was closed in order is on the disk");
    owned.close().unwrap();
}

#[test]
fn the_sync_of_a_file_that_is_closed_by_then_says_nothing_about_the_name_of_the_next_one() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    owned.around.options.max_file_bytes = 1;
    append(&mut owned, Durability::Process).unwrap();
    owned.begin_syncs();
    append(&mut owned, Durability::Process).unwrap();
    while owned.syncer.under_way() > 0 {
        owned.collect();
    }
    owned.around.options.max_file_bytes = u64::MAX;
    synced();
    append(&mut owned, Durability::Power).unwrap();
    assert_eq!(synced(), [directory.path().join("active")]);
    append(&mut owned, Durability::Power).unwrap();
    assert_eq!(synced(), [""; 0].map(std::path::PathBuf::from), "a name is synced once");
}

#[test]
fn the_name_of_a_file_that_was_read_again_is_synced() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    fail_a_sync(&mut owned);
    synced();
    append(&mut owned, Durability::Power).unwrap();
    assert!(synced().contains(&directory.path().join("active")));
}

#[test]
fn handles_are_spared_when_many_files_are_open_and_opened_again_when_needed() {
    for durability in [Durability::Power, Durability::Process] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        let round = |owned: &mut Owned, sessions: std::ops::Range<usize>| {
            let count = sessions.len();
            let mut answers = Vec::new();
            let appends = sessions.map(|number| {
                let (reply, answer) = Reply::channel();
                answers.push(answer);
                let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
                let durability = Some(durability);
                Append { session: format!("s{number}"), body, id: None, durability, reply }.into()
            });
            owned.append(appends.collect());
            let acknowledged = answers.iter().filter(|answer| answer.recv().unwrap().is_ok()).count();
            assert_eq!(acknowledged, count);
            owned.lanes.values().filter(|lane| lane.holds_a_handle()).count()
        };
        assert_eq!(round(&mut owned, 0..MOST_HANDLES), MOST_HANDLES);
        assert_eq!(round(&mut owned, 0..1), MOST_HANDLES, "it is open already");
        assert_eq!(round(&mut owned, MOST_HANDLES..MOST_HANDLES + 1), 0, "one more than may stay open");
        assert_eq!(round(&mut owned, 0..3), 3);
        assert!(round(&mut owned, 0..3 * MOST_HANDLES) <= MOST_HANDLES);
        assert_eq!(usize::try_from(owned.statistics().events), Ok(4 * MOST_HANDLES + 5));
        while owned.lanes.values().any(|lane| lane.dirty) {
            owned.settle_in_time();
            owned.begin_syncs();
            assert!(owned.syncer.under_way() <= MOST_HANDLES);
            owned.collect();
        }
        assert!(owned.lanes.values().all(|lane| !lane.broken));
        owned.close().unwrap();
        assert!(open(directory.path()).report.clean);
    }
}

#[test]
fn a_log_with_a_file_in_doubt_is_not_marked_as_closed_in_order() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned, Durability::Process).unwrap();
    fail_a_sync(&mut owned);
    owned.close().unwrap();
    assert!(!open(directory.path()).report.clean);
}

#[test]
fn what_is_damaged_is_counted_once_however_often_it_is_read() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    for _ in 0..3 {
        append(&mut owned, Durability::Process).unwrap();
    }
    owned.close().unwrap();
    let file = directory.path().join("active/s.jsonl");
    let damaged = std::fs::read_to_string(&file).unwrap().replacen("\"topic\"", "\"tOpic\"", 2);
    std::fs::write(&file, damaged).unwrap();
    let mut owned = open(directory.path());
    let found: Vec<_> = owned.report.damaged.iter().map(|damage| (damage.offset, damage.copy.clone())).collect();
    assert!(!found.is_empty());
    for _ in 0..3 {
        fail_a_sync(&mut owned);
        append(&mut owned, Durability::Process).unwrap();
        let again: Vec<_> = owned.report.damaged.iter().map(|damage| (damage.offset, damage.copy.clone())).collect();
        assert_eq!(again, found);
    }
}

#[test]
fn after_a_fault_of_the_disk_many_sessions_are_read_again_with_one_look_and_synced_together() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path());
        let append_to_all = |owned: &mut Owned| {
            let (parcels, answers): (Vec<_>, Vec<_>) = (0..MOST_HANDLES + 10)
                .map(|number| {
                    let (reply, answer) = Reply::channel();
                    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
                    let durability = Some(durability);
                    (Append { session: format!("s{number}"), body, id: None, durability, reply }.into(), answer)
                })
                .unzip();
            owned.append(parcels);
            assert!(answers.iter().all(|answer| answer.recv().unwrap().is_ok()));
        };
        append_to_all(&mut owned);
        flush(&mut owned).unwrap();
        let fault = || Err(std::io::Error::other("a disk that lies"));
        owned.note(owned.lanes.keys().map(|id| (Arc::clone(id), fault())).collect());
        owned.end_journal().unwrap();
        synced();
        append_to_all(&mut owned);
        assert_eq!(synced(), [directory.path().join("active")], "the names, once; no file by itself");
        assert!(owned.lanes.values().all(|lane| lane.is_safe() && !lane.broken && !lane.dirty), "{durability:?}");
    }
}

/// As after a kill and a clock that is put back: the file was begun before the numbers leapt.
#[test]
fn numbers_go_on_above_those_that_leapt_within_an_archived_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let day = directory.path().join("archive/2025-11-23");
    std::fs::create_dir_all(&day).unwrap();
    drop(open(directory.path()));
    let later = now_micros() + 3_600_000_000;
    let large = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":"{}"}}"#, "x".repeat(100_000));
    let mut lines = Vec::new();
    for seq in [1, later] {
        crate::event_log::record::push_line(&mut lines, seq, b"\"id\"", "\"s\"", &large);
        // What is damaged tells nothing.
        lines.extend_from_slice(b"{\"seq\":9\n");
    }
    std::fs::write(day.join("s.1.jsonl"), lines).unwrap();
    let mut owned = open(directory.path());
    assert!(!owned.report.clean);
    assert!(append(&mut owned, Durability::Process).unwrap() > later);
}

#[test]
fn what_was_damaged_in_a_file_that_somebody_removes_is_counted_once() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    for _ in 0..3 {
        append(&mut owned, Durability::Process).unwrap();
    }
    owned.close().unwrap();
    let file = directory.path().join("active/s.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    let middle = lines.split_inclusive('\n').nth(1).unwrap();
    std::fs::write(&file, lines.replace(middle, &middle.replace("\"topic\"", "\"tOpic\""))).unwrap();
    let mut owned = open(directory.path());
    let copy = owned.report.damaged[0].copy.clone().unwrap();
    std::fs::remove_file(&file).unwrap();
    append(&mut owned, Durability::Process).unwrap_err();
    append(&mut owned, Durability::Process).unwrap();
    let damaged = owned.statistics().recovery.damaged;
    assert_eq!(damaged.iter().map(|damage| damage.bytes).sum::<u64>(), lines.len() as u64, "{damaged:?}");
    assert_eq!(damaged.iter().filter(|damage| damage.copy.as_deref() == Some(copy.as_str())).count(), 1);
}
