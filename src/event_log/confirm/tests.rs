use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proptest::prelude::*;

use super::*;
use crate::{
    durability::Durability,
    event_log::{append::Append, directory::Layout, index::read, options::LogOptions, time::now_ms},
    reply::Reply,
};

const SESSIONS: [&str; 4] = ["a", "b", "c", "d"];

fn open(directory: &Path, max_file_bytes: u64) -> Owned {
    let options = LogOptions { cleanup_interval: Duration::ZERO, max_file_bytes, ..LogOptions::new(directory) };
    Owned::open(Layout::new(directory), &options, &Arc::default(), &Arc::default()).unwrap()
}

/// Appends a batch, and gives the numbers of what was acknowledged.
fn append(owned: &mut Owned, events: &[(usize, Durability)], size: usize) -> Vec<Option<u64>> {
    let (parcels, answers): (Vec<Parcel>, Vec<_>) = events
        .iter()
        .map(|(session, durability)| {
            let (reply, answer) = Reply::channel();
            let body = format!(
                r#"{{"topic":"t","priority":"normal","timestamp":{},"payload":"{}"}}"#,
                now_ms(),
                "x".repeat(size)
            );
            let session = SESSIONS[*session].to_owned();
            (Append { session, body, id: None, durability: Some(*durability), reply }.into(), answer)
        })
        .unzip();
    owned.append(parcels);
    answers.into_iter().map(|answer| answer.recv().unwrap().ok().map(|receipt| receipt.seq)).collect()
}

/// The power goes, and the disk has kept nothing that it was not told to keep.
fn cut_power(mut owned: Owned) {
    let _ = owned.syncer.wait();
    for lane in owned.lanes.values() {
        let path = owned.around.layout.active.join(lane.file_name());
        if !path.exists() {
            continue;
        }
        if lane.name_on_disk() {
            fs::File::options().write(true).open(&path).unwrap().set_len(lane.bytes_on_disk()).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
}

fn seqs(owned: &Owned) -> BTreeMap<String, Vec<u64>> {
    let all = owned.around.catalog.all();
    let of = |session: &crate::event_log::index::Session| {
        let files = session.files();
        files
            .iter()
            .flat_map(|file| read(&file.entries).list.iter().map(|entry| entry.seq).collect::<Vec<_>>())
            .collect()
    };
    all.iter().map(|session| (session.id.to_string(), of(session))).collect()
}

fn journal_of(directory: &Path) -> Vec<u8> {
    fs::read(directory.join("journal")).unwrap_or_default()
}

#[test]
fn one_sync_serves_a_batch_and_what_it_wrote_survives_the_power() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let everywhere = [0, 1, 2, 3].map(|session| (session, Durability::Power));
    for round in 1..=3 {
        assert_eq!(append(&mut owned, &everywhere, 10), vec![Some(round); 4]);
    }
    assert!(owned.lanes.values().all(|lane| lane.bytes_on_disk() == 0), "files have been synced as well");
    cut_power(owned);
    assert!(!directory.path().join("active/a.jsonl").exists(), "the cut has taken nothing");
    let owned = open(directory.path(), u64::MAX);
    let wanted = SESSIONS.map(|session| (session.to_owned(), vec![1, 2, 3]));
    assert_eq!(seqs(&owned), BTreeMap::from(wanted));
    assert!(owned.report.damaged.is_empty() && owned.report.torn.is_empty());
    assert_eq!(journal_of(directory.path()), b"", "it is done with");
    owned.close().unwrap();
}

#[test]
fn a_session_alone_has_a_journal_once_it_is_worth_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    for _ in 0..15 {
        append(&mut owned, &[(0, Durability::Power)], 10);
    }
    assert!(!directory.path().join("journal").exists());
    let before = owned.lanes["a"].bytes_on_disk();
    append(&mut owned, &[(0, Durability::Power)], 10);
    assert!(directory.path().join("journal").exists());
    assert_eq!(owned.lanes["a"].bytes_on_disk(), before);
    owned.close().unwrap();
    assert!(!directory.path().join("journal").exists(), "a log that was closed needs none");
}

#[test]
fn what_came_before_without_a_sync_keeps_a_file_out_of_the_journal() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Process)], 10);
    append(&mut owned, &[0, 1, 2].map(|session| (session, Durability::Power)), 10);
    assert_eq!(owned.lanes["a"].bytes_on_disk(), fs::metadata(directory.path().join("active/a.jsonl")).unwrap().len());
    assert_eq!(owned.lanes["b"].bytes_on_disk(), 0);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1, 2]);
    assert_eq!(seqs(&owned)["b"], [1]);
}

#[test]
fn a_full_journal_begins_anew_when_everything_is_in_its_place() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    for _ in 0..36 {
        let batch = [(0, Durability::Power), (1, Durability::Power)];
        assert!(append(&mut owned, &batch, 100_000).iter().all(Option::is_some));
    }
    assert!(owned.lanes["a"].bytes_on_disk() >= 18 * 100_000);
    let journal = journal_of(directory.path());
    assert!(journal.len() <= 4 << 20, "it has grown to {}", journal.len());
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], (1..=36).collect::<Vec<_>>());
    assert_eq!(seqs(&owned)["b"], (1..=36).collect::<Vec<_>>());
}

#[test]
fn what_is_large_is_not_written_twice() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    let journal = journal_of(directory.path());
    append(&mut owned, &both, 200_000);
    assert_eq!(journal_of(directory.path()), journal);
    assert!(owned.lanes["a"].bytes_on_disk() > 200_000);
}

/// A copy of a log that was made while it was written to may have the journal of one moment and the files of another.
#[test]
fn what_the_journal_says_of_an_earlier_file_of_the_name_is_not_written_over_a_later_one() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), 1_000);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 300);
    append(&mut owned, &both, 300);
    let journal = journal_of(directory.path());
    append(&mut owned, &both, 300);
    append(&mut owned, &both, 300);
    owned.close().unwrap();
    fs::remove_file(directory.path().join("closed.json")).unwrap();
    fs::write(directory.path().join("journal"), journal).unwrap();
    let before = fs::read(directory.path().join("active/a.jsonl")).unwrap();
    let owned = open(directory.path(), 1_000);
    assert_eq!(fs::read(directory.path().join("active/a.jsonl")).unwrap(), before);
    assert_eq!(seqs(&owned)["a"], [1, 2, 3, 4]);
}

#[test]
fn what_is_erased_is_not_in_the_journal_either() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    assert!(!journal_of(directory.path()).is_empty());
    assert!(crate::event_log::erase::erase(&mut owned, "a").unwrap());
    assert_eq!(journal_of(directory.path()), b"");
    append(&mut owned, &[(1, Durability::Power), (2, Durability::Power)], 10);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned).keys().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(seqs(&owned)["b"], [1, 2]);
}

#[test]
fn a_file_that_somebody_has_removed_does_not_come_back() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    owned.settle().unwrap();
    append(&mut owned, &both, 10);
    fs::remove_file(directory.path().join("active/a.jsonl")).unwrap();
    drop(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned).keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(seqs(&owned)["b"], [1, 2]);
}

#[test]
fn damage_where_the_journal_knows_better_is_mended_and_kept_aside() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    drop(owned);
    let path = directory.path().join("active/a.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1]);
    assert_eq!(fs::read(directory.path().join("quarantine/a.journal.0.damaged")).unwrap(), bytes);
}

#[test]
fn a_journal_that_takes_nothing_is_replaced() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    fs::remove_file(directory.path().join("journal")).unwrap();
    for seq in 2..=4 {
        assert_eq!(append(&mut owned, &both, 10), [Some(seq), Some(seq)]);
        assert!(owned.lanes.values().all(Lane::is_safe));
    }
    assert!(!journal_of(directory.path()).is_empty());
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1, 2, 3, 4]);
}

#[test]
fn after_a_write_that_failed_another_journal_is_begun() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    owned.around.journal.break_it();
    append(&mut owned, &both, 10);
    let entries = journal_of(directory.path());
    let entries = crate::event_log::journal::entry::read(&entries);
    assert_eq!(entries.len(), 1, "nobody knows what the first one holds");
    assert!(owned.lanes["a"].bytes_on_disk() > 0, "what it held is in its place");
}

#[test]
fn what_an_earlier_round_has_left_behind_the_last_entry_is_none() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    owned.settle().unwrap();
    // The offsets have three digits from here on, so that all entries are equally long.
    (0..3).for_each(|_| assert_eq!(append(&mut owned, &both, 10).len(), 2));
    let before = journal_of(directory.path()).len();
    owned.settle().unwrap();
    append(&mut owned, &both, 10);
    let bytes = journal_of(directory.path());
    assert_eq!(bytes.len(), before, "it is written over, not cut");
    assert_eq!(crate::event_log::journal::entry::read(&bytes).len(), 1);
}

#[test]
fn what_a_failed_sync_may_have_lost_is_written_again_from_the_journal() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    let path = directory.path().join("active/a.jsonl");
    let bytes = fs::read(&path).unwrap();
    // The kernel takes it for written, and finds nothing when it reads it again.
    drop(owned.lanes.get_mut("a").unwrap().take_sync(&owned.around, true));
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    owned.note(vec![("a".into(), Err(std::io::Error::other("a disk that lies")))]);
    owned.settle().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// As after a sync of the file whose name could not be synced.
#[test]
fn the_journal_vouches_for_a_name_until_the_name_is_on_the_disk() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    let task = owned.lanes.get_mut("a").unwrap().take_sync(&owned.around, false).unwrap();
    assert!(owned.syncer.sync_now(vec![task]).iter().all(|(_, outcome)| outcome.is_ok()));
    owned.settle().unwrap();
    append(&mut owned, &[(1, Durability::Power), (2, Durability::Power)], 10);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1]);
}

/// Its first line is an event, but none of this session: somebody has put it there.
#[test]
fn a_file_that_does_not_begin_with_its_first_event_stays_out_of_the_journal() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    append(&mut owned, &[(1, Durability::Power)], 10);
    owned.close().unwrap();
    let of = |session: &str| directory.path().join(format!("active/{session}.jsonl"));
    let (other, own) = (fs::read_to_string(of("b")).unwrap(), fs::read_to_string(of("a")).unwrap());
    let second = other.split_inclusive('\n').nth(1).unwrap();
    fs::write(of("a"), format!("{second}{own}")).unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let given = append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1, given[0].unwrap()]);
}

#[test]
fn what_somebody_else_has_called_a_journal_is_left_alone() {
    let both = [(0, Durability::Power), (1, Durability::Power)];
    let check = |root: &Path, is_there: &dyn Fn() -> bool| {
        for _ in 0..2 {
            let mut owned = open(root, u64::MAX);
            assert!(is_there(), "opened");
            assert!(append(&mut owned, &both, 10).iter().all(Option::is_some));
            assert!(owned.lanes.values().all(Lane::is_safe));
            assert!(is_there(), "written to");
            owned.close().unwrap();
            assert!(is_there(), "closed");
            fs::remove_file(root.join("closed.json")).unwrap();
        }
    };
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("journal");
    fs::write(&path, "Dear diary\n").unwrap();
    check(directory.path(), &|| fs::read(&path).unwrap() == b"Dear diary\n");
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("journal");
    fs::create_dir(&path).unwrap();
    check(directory.path(), &|| path.is_dir());
}

#[test]
fn what_is_settled_and_removed_by_somebody_does_not_come_back() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    owned.settle().unwrap();
    fs::remove_file(directory.path().join("active/a.jsonl")).unwrap();
    drop(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned).keys().collect::<Vec<_>>(), ["b"]);
}

/// The entry is on the disk although its sync failed.
#[test]
fn what_a_failed_entry_says_is_forgotten_with_its_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), 400);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &[(2, Durability::Power), (3, Durability::Power)], 10);
    owned.around.journal.fail_next();
    assert_eq!(append(&mut owned, &both, 10), [Some(1), Some(1)]);
    owned.lanes.get_mut("a").unwrap().close_file(&mut owned.around);
    assert!(!directory.path().join("active/a.jsonl").exists());
    drop(owned);
    let owned = open(directory.path(), 400);
    assert!(!directory.path().join("active/a.jsonl").exists(), "it is there twice");
    assert!(owned.report.damaged.is_empty(), "{:?}", owned.report);
}

#[test]
fn a_journal_that_somebody_has_removed_keeps_no_session_from_being_written() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    fs::remove_file(directory.path().join("journal")).unwrap();
    owned.note(vec![("a".into(), Err(std::io::Error::other("a disk that lies")))]);
    assert!(append(&mut owned, &[(0, Durability::Process)], 10)[0].is_some());
}

#[test]
fn a_journal_that_somebody_has_removed_keeps_full_files_from_being_closed_for_a_moment_only() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), 1_000);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    owned.settle().unwrap();
    fs::remove_file(directory.path().join("journal")).unwrap();
    for _ in 0..3 {
        assert!(append(&mut owned, &[(0, Durability::Process)], 1_000)[0].is_some());
    }
    assert!(owned.settle_at.is_some());
    owned.settle_in_time();
    assert!(owned.settle_at.is_none());
    assert!(append(&mut owned, &[(0, Durability::Process)], 10)[0].is_some());
    assert!(directory.path().join("active/a.1.jsonl").exists());
}

#[test]
fn a_journal_that_somebody_has_cut_is_not_relied_on() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let both = [(0, Durability::Power), (1, Durability::Power)];
    append(&mut owned, &both, 10);
    fs::write(directory.path().join("journal"), "").unwrap();
    append(&mut owned, &both, 10);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1, 2]);
}

/// Half a line that could neither be written nor taken away again is behind what the journal has.
#[test]
fn what_a_failed_sync_may_have_lost_is_written_again_also_before_half_a_line() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    let path = directory.path().join("active/a.jsonl");
    let bytes = fs::read(&path).unwrap();
    drop(owned.lanes.get_mut("a").unwrap().take_sync(&owned.around, true));
    fs::write(&path, [vec![0; bytes.len()], b"{\"seq\":2,".to_vec()].concat()).unwrap();
    owned.note(vec![("a".into(), Err(std::io::Error::other("a disk that lies")))]);
    owned.settle().unwrap();
    assert_eq!(&fs::read(&path).unwrap()[..bytes.len()], bytes);
}

/// An error of a disk is told to one sync, and not to the next one.
#[cfg(unix)]
#[test]
fn a_later_sync_says_nothing_of_what_an_earlier_one_has_lost() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    let path = directory.path().join("active/a.jsonl");
    let bytes = fs::read(&path).unwrap();
    let mut task = owned.lanes.get_mut("a").unwrap().take_sync(&owned.around, true).unwrap();
    task.file = Arc::new(fs::File::open("/dev/null").unwrap());
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    let outcome = owned.syncer.sync_now(vec![task]);
    assert!(outcome[0].1.is_err(), "nobody can sync that");
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 200_000);
    owned.note(outcome);
    owned.settle().unwrap();
    assert_eq!(&fs::read(&path).unwrap()[..bytes.len()], bytes);
}

#[cfg(unix)]
#[test]
fn a_later_sync_says_nothing_of_what_the_one_before_a_closing_has_lost() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    let path = directory.path().join("active/a.jsonl");
    let bytes = fs::read(&path).unwrap();
    let lane = owned.lanes.get_mut("a").unwrap();
    lane.hold(fs::File::open("/dev/null").unwrap());
    lane.close_file(&mut owned.around);
    assert!(path.exists() && lane.broken, "nobody can sync that");
    lane.let_go();
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    owned.flush().unwrap();
    owned.settle().unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// The same place of a later file, or a copy of which only a part was written.
#[test]
fn what_is_kept_aside_takes_no_place_of_what_was() {
    let directory = tempfile::TempDir::new().unwrap();
    let aside = |number: &str| directory.path().join(format!("quarantine/a.journal.0{number}.damaged"));
    let path = directory.path().join("active/a.jsonl");
    let mut owned = open(directory.path(), u64::MAX);
    for number in ["", "-1"] {
        append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
        let journal = journal_of(directory.path());
        drop(owned);
        let damaged = vec![b'x'; fs::read(&path).unwrap().len() - number.len()];
        for _ in 0..2 {
            fs::write(&path, &damaged).unwrap();
            fs::write(directory.path().join("journal"), &journal).unwrap();
            drop(open(directory.path(), u64::MAX));
        }
        assert_eq!(fs::read(aside(number)).unwrap()[..9], damaged[..9]);
        fs::remove_file(&path).unwrap();
        owned = open(directory.path(), u64::MAX);
    }
    assert!(!aside("-2").exists());
}

#[test]
fn a_file_that_cannot_be_opened_keeps_nobody_awake() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    owned.lanes.values_mut().for_each(Lane::let_go);
    fs::remove_file(directory.path().join("active/a.jsonl")).unwrap();
    for _ in 0..3 {
        owned.settle_in_time();
        let done = owned.syncer.wait();
        owned.note(done);
    }
    assert!(owned.settle_at.is_none());
}

#[test]
fn a_journal_that_speaks_of_no_file_of_a_log_keeps_it_from_nothing() {
    let directory = tempfile::TempDir::new().unwrap();
    open(directory.path(), u64::MAX).close().unwrap();
    fs::remove_file(directory.path().join("closed.json")).unwrap();
    let part = |file, offset| Part { file, first_seq: 1, offset, bytes: b"{}\n" };
    let mut bytes = Vec::new();
    let names = ["../a.jsonl", "/a.jsonl", "x/a.jsonl", "a:b.jsonl", "Notes.jsonl", "..jsonl", "con\u{0}.jsonl"];
    let parts: Vec<_> = names.map(|name| part(name, 0)).into_iter().collect();
    crate::event_log::journal::entry::push(&mut bytes, 1, &[], &parts);
    for offset in [1 << 63, u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        crate::event_log::journal::entry::push(&mut bytes, 1, &[], &[part("b.jsonl", 0), part("b.jsonl", offset)]);
    }
    fs::write(directory.path().join("journal"), bytes).unwrap();
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(files::names(&directory.path().join("active")).unwrap(), ["b.jsonl"]);
    assert!(!directory.path().join("a.jsonl").exists());
    drop(owned);
}

#[test]
fn a_copy_without_its_lock_has_what_its_journal_has() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    append(&mut owned, &[(0, Durability::Power), (1, Durability::Power)], 10);
    cut_power(owned);
    fs::remove_file(directory.path().join("lock")).unwrap();
    let owned = open(directory.path(), u64::MAX);
    assert_eq!(seqs(&owned)["a"], [1]);
}

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<(usize, bool)>, usize),
    Settle,
    Tick,
    Flush,
    FailSync(usize),
    BreakJournal,
    FailEntry,
    Cleanup,
    Erase(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let events = prop::collection::vec((0..SESSIONS.len(), prop::bool::weighted(0.8)), 1..6);
    let op = prop_oneof![
        12 => (events, 0_usize..200).prop_map(|(events, size)| Op::Append(events, size)),
        1 => Just(Op::Settle),
        2 => Just(Op::Tick),
        1 => Just(Op::Flush),
        2 => (0..SESSIONS.len()).prop_map(Op::FailSync),
        1 => Just(Op::BreakJournal),
        1 => Just(Op::FailEntry),
        1 => Just(Op::Cleanup),
        1 => (0..SESSIONS.len()).prop_map(Op::Erase),
    ];
    prop::collection::vec(op, 1..40)
}

proptest! {
    /// Whatever happens before the power goes, what was promised to survive it is there, once and in order, unless it was
    /// erased; and nothing that is there is damaged.
    #[test]
    fn nothing_that_was_promised_to_survive_the_power_is_lost(ops in ops()) {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = open(directory.path(), 1_500);
        let mut promised: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for op in ops {
            match op {
                Op::Append(events, size) => {
                    let given = |power| if power { Durability::Power } else { Durability::Process };
                    let events: Vec<_> = events.into_iter().map(|(session, power)| (session, given(power))).collect();
                    let seqs = append(&mut owned, &events, size);
                    for ((session, durability), seq) in events.into_iter().zip(seqs) {
                        if let (Durability::Power, Some(seq)) = (durability, seq) {
                            promised.entry(SESSIONS[session].into()).or_default().insert(seq);
                        }
                    }
                }
                Op::Settle => owned.settle().unwrap(),
                Op::Tick => {
                    owned.collect();
                    owned.settle_in_time();
                }
                // It tells of syncs that failed before.
                Op::Flush => drop(owned.flush()),
                Op::FailSync(session) => {
                    owned.note(vec![(SESSIONS[session].into(), Err(std::io::Error::other("a disk that lies")))]);
                }
                Op::BreakJournal => owned.around.journal.break_it(),
                Op::FailEntry => owned.around.journal.fail_next(),
                Op::Cleanup => { owned.cleanup(Duration::from_secs(3600)).unwrap(); }
                Op::Erase(session) => {
                    crate::event_log::erase::erase(&mut owned, SESSIONS[session]).unwrap();
                    promised.remove(SESSIONS[session]);
                }
            }
        }
        cut_power(owned);
        let owned = open(directory.path(), 1_500);
        prop_assert!(owned.report.damaged.is_empty(), "{:?}", owned.report);
        let found = seqs(&owned);
        for (session, seqs) in &promised {
            let found: BTreeSet<u64> = found.get(session).into_iter().flatten().copied().collect();
            prop_assert!(seqs.is_subset(&found), "{session}: {:?} are lost", seqs - &found);
        }
        for seqs in found.values() {
            prop_assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
        }
        owned.close().unwrap();
    }
}
