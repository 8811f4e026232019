//! What a disk loses, or does not take, of what the journal speaks of.

use super::*;
use crate::event_log::record;

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
fn damage_that_cannot_be_kept_aside_is_mended_all_the_same_but_events_are_not_written_over() {
    let both = [(0, Durability::Power), (1, Durability::Power), (0, Durability::Power)];
    let [directory, another] = [(); 2].map(|()| tempfile::TempDir::new().unwrap());
    let files = [&directory, &another].map(|directory| {
        append(&mut open(directory.path(), u64::MAX), &both, 10);
        directory.path().join("active/a.jsonl")
    });
    let [whole, mut other] = files.each_ref().map(|file| fs::read(file).unwrap());
    let quarantine = directory.path().join("quarantine");
    fs::write(&quarantine, "no directory").unwrap();
    // Its first line does not say that it is another file, its second one is an event.
    other[20] ^= 1;
    fs::write(&files[0], &other).unwrap();
    let options = LogOptions::new(directory.path());
    let opened =
        Owned::open(Layout::new(directory.path()), &options, &Arc::default(), &Arc::default(), &Arc::default(), None);
    assert_eq!(opened.err().unwrap().code(), "ERR_IO");
    assert_eq!(fs::read(&files[0]).unwrap(), other);
    let mut damaged = whole.clone();
    damaged[20] ^= 1;
    fs::write(&files[0], &damaged).unwrap();
    assert_eq!(seqs(&open(directory.path(), u64::MAX))["a"], [1, 2]);
    assert_eq!(fs::read(&files[0]).unwrap(), whole);
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
    owned.sync_dirty().unwrap();
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
        // As long as it is not known what a file has on the disk, nothing of it goes to the journal.
        owned.sync_dirty().unwrap();
    }
    assert!(!aside("-2").exists());
}

#[test]
fn after_a_fault_of_the_disk_the_journal_mends_all_files_at_once_and_forgets_them_together() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let everywhere = [0, 1, 2, 3].map(|session| (session, Durability::Power));
    append(&mut owned, &everywhere, 10);
    for session in SESSIONS {
        let path = directory.path().join(format!("active/{session}.jsonl"));
        let length = fs::read(&path).unwrap().len();
        fs::write(&path, vec![0; length]).unwrap();
        owned.note(vec![(session.into(), Err(std::io::Error::other("a disk that lies")))]);
    }
    files::SYNCED.take();
    let given = append(&mut owned, &everywhere, 10);
    let by_itself = files::SYNCED.take().into_iter().filter(|path| path.extension().is_some()).count();
    assert!(by_itself <= 1, "files are synced one by one");
    let journal = journal_of(directory.path());
    let entries = crate::event_log::journal::entry::read(&journal);
    let gone: Vec<_> = entries.into_iter().map(|entry| entry.gone.len()).filter(|files| *files > 0).collect();
    assert_eq!(gone, [4]);
    cut_power(owned);
    let owned = open(directory.path(), u64::MAX);
    for (session, given) in SESSIONS.iter().zip(given) {
        assert_eq!(seqs(&owned)[*session], [1, given.unwrap()]);
    }
}

/// The same line with another payload.
fn another_event(line: &[u8]) -> Vec<u8> {
    let covered = &line[..line.len() - 1 - record::SEAL];
    let mut other: Vec<u8> = covered.iter().map(|byte| if *byte == b'x' { b'y' } else { *byte }).collect();
    let crc = crc32c::crc32c(&other);
    record::push_seal(&mut other, crc);
    other.push(b'\n');
    other
}

/// Of two of four files nothing may be written over, as long as that could not be kept aside.
#[test]
fn what_cannot_be_mended_from_the_journal_is_tried_twice_a_batch_and_keeps_no_other_session() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path(), u64::MAX);
    let everywhere = [0, 1, 2, 3].map(|session| (session, Durability::Power));
    append(&mut owned, &everywhere, 10);
    fs::write(directory.path().join("quarantine"), "no directory").unwrap();
    for session in SESSIONS {
        let path = directory.path().join(format!("active/{session}.jsonl"));
        let bytes = fs::read(&path).unwrap();
        let other = if session < "c" { another_event(&bytes) } else { vec![0; bytes.len()] };
        fs::write(&path, other).unwrap();
        owned.note(vec![(session.into(), Err(std::io::Error::other("a disk that lies")))]);
    }
    files::REDONE.set(0);
    let given = append(&mut owned, &everywhere, 10);
    assert_eq!(files::REDONE.get(), 2, "the journal is read for each session");
    assert_eq!(given.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true, true]);
}
