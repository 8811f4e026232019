//! Ways to lose, to block or to bring back what the journal speaks of.

use super::*;
use crate::event_log::record;

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
