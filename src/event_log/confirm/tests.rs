//! What the journal makes survive, and what it leaves alone.

mod any_order;
mod faults;
mod meddling;

use std::{collections::BTreeMap, fs, path::Path};

use super::*;
use crate::{
    durability::Durability,
    event_log::{append::Append, directory::Layout, index::read, options::LogOptions, time::now_ms},
    reply::Reply,
};

const SESSIONS: [&str; 4] = ["a", "b", "c", "d"];

fn open(directory: &Path, max_file_bytes: u64) -> Owned {
    let options = LogOptions { cleanup_interval: Duration::ZERO, max_file_bytes, ..LogOptions::new(directory) };
    Owned::open(Layout::new(directory), &options, &Arc::default(), &Arc::default(), &Arc::default(), None).unwrap()
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
    let all = owned.around.catalog.known();
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
