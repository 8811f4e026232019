//! Others who lay hands on the journal, and on the files that it speaks of.

use super::*;

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
