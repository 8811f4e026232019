//! Saving what changed: it is applied to the state it belongs to, or not at all.

use rusqlite::Connection;
use smalltalk_native::{
    Error, Result,
    durability::Durability,
    storage::{
        session::{Encoded, Expected, Lines, SessionChanges, SessionImage},
        sqlite::{SqliteStore, Write},
    },
};

use crate::support::{assert_counts_are_true, close, image, open, raw, save, texts, write};

const SPACING: i64 = 1 << 20;

fn lines(texts: &[&str]) -> Lines {
    let mut lines = Lines::default();
    for text in texts {
        lines.push(text, None);
    }
    lines
}

/// Changes from the state 1 of `image` to the state 2 that neither write nor remove a message of the `count` ones.
fn changes(id: &str, count: i64) -> SessionChanges {
    SessionChanges {
        id: id.into(),
        head: Encoded { text: r#"{"messages":[],"title":"changed"}"#.into(), types: None },
        active_agent: None,
        created_at: 1,
        updated_at: 3,
        base_stamp: 1,
        stamp: 2,
        removed: Vec::new(),
        positions: Vec::new(),
        messages: Lines::default(),
        message_count: count,
        expected: Expected::Anything,
    }
}

fn apply(store: &SqliteStore, changes: &SessionChanges) -> Result<Option<i64>> {
    write(store, |reply| Write::save_changes(changes.clone(), reply))
}

#[test]
fn messages_are_written_replaced_and_removed_where_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let first = save(&store, &image("s", &["0", "1", "2", "3"]), Durability::Process).unwrap();
    let wanted = SessionChanges {
        removed: vec![(0, 0), (2 * SPACING, 3 * SPACING)],
        positions: vec![-SPACING, SPACING, SPACING + 1, 4 * SPACING],
        messages: lines(&["-1", "1 anew", "1.5", "4"]),
        ..changes("s", 4)
    };
    assert!(apply(&store, &wanted).unwrap().unwrap() > first);
    assert_eq!(texts(&store, "s"), ["-1", "1 anew", "1.5", "4"]);
    assert_counts_are_true(&path);
}

#[test]
fn changes_to_another_state_than_the_stored_one_write_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("s", &["0"]), Durability::Process).unwrap();
    let wanted = SessionChanges { positions: vec![SPACING], messages: lines(&["1"]), ..changes("s", 2) };
    let stale = SessionChanges { base_stamp: 7, ..wanted.clone() };
    assert_eq!(apply(&store, &stale).unwrap(), None);
    assert_eq!(apply(&store, &SessionChanges { id: "unknown".into(), ..wanted.clone() }).unwrap(), None);
    assert_eq!(texts(&store, "s"), ["0"]);
    // Once applied, they are changes to an earlier state.
    assert!(apply(&store, &wanted).unwrap().is_some());
    assert_eq!(apply(&store, &wanted).unwrap(), None);
    assert_eq!(texts(&store, "s"), ["0", "1"]);
    assert_counts_are_true(&path);
}

#[test]
fn changes_follow_one_another_before_the_first_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    save(&store, &image("s", &[]), Durability::Process).unwrap();
    let answers: Vec<_> = (0..50)
        .map(|round| {
            let (reply, answer) = smalltalk_native::reply::Reply::channel();
            let next = SessionChanges {
                base_stamp: round + 1,
                stamp: round + 2,
                positions: vec![round * SPACING],
                messages: lines(&[&round.to_string()]),
                ..changes("s", round + 1)
            };
            store.write(Write::save_changes(next, reply), Durability::Process);
            answer
        })
        .collect();
    assert!(answers.into_iter().all(|answer| answer.recv().unwrap().unwrap().is_some()));
    assert_eq!(texts(&store, "s").len(), 50);
}

#[test]
fn changes_that_do_not_lead_to_the_announced_count_are_an_error_and_leave_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("s", &["0", "1"]), Durability::Process).unwrap();
    let wrong =
        SessionChanges { removed: vec![(0, 0)], positions: vec![5], messages: lines(&["5"]), ..changes("s", 3) };
    assert!(matches!(apply(&store, &wrong), Err(Error::Corrupt { .. })));
    let uneven = SessionChanges { positions: vec![5, 6], ..wrong };
    assert!(matches!(apply(&store, &uneven), Err(Error::OptionInvalid(_))));
    assert_eq!(texts(&store, "s"), ["0", "1"]);
    assert_counts_are_true(&path);
    assert!(apply(&store, &changes("s", 2)).unwrap().is_some(), "the state is still the first");
}

#[test]
fn a_damaged_row_is_no_state_that_changes_could_belong_to_and_a_full_save_heals_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    save(&store, &image("s", &["0"]), Durability::Process).unwrap();
    close(&store);
    raw(&path).execute("UPDATE sessions SET updated_at = 77", []).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(apply(&store, &changes("s", 1)).unwrap(), None);
    let versioned = SessionImage { expected: Expected::Version(1), ..image("s", &[]) };
    assert!(matches!(save(&store, &versioned, Durability::Process), Err(Error::Corrupt { .. })));
    save(&store, &image("s", &["0"]), Durability::Process).unwrap();
    assert!(apply(&store, &changes("s", 1)).unwrap().is_some());
}

#[test]
fn the_version_that_was_expected_is_there_or_both_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    let if_version = |expected| save(&store, &SessionImage { expected, ..image("s", &["0"]) }, Durability::Process);
    let conflict = |outcome: Result<i64>| match outcome {
        Err(Error::Conflict { expected, actual }) => (expected, actual),
        other => panic!("no conflict: {other:?}"),
    };
    assert_eq!(conflict(if_version(Expected::Version(1))), (Some(1), None));
    let first = if_version(Expected::Nothing).unwrap();
    assert_eq!(conflict(if_version(Expected::Nothing)), (None, Some(first)));
    let second = if_version(Expected::Version(first)).unwrap();
    assert_eq!(conflict(if_version(Expected::Version(first))), (Some(first), Some(second)));
    let late = SessionChanges { expected: Expected::Version(first), ..changes("s", 1) };
    assert!(matches!(apply(&store, &late), Err(Error::Conflict { .. })));
    let error = Error::Conflict { expected: None, actual: Some(2) };
    assert_eq!((error.code(), error.retryable(), error.versions()), ("ERR_CONFLICT", true, (None, Some(2))));
}

#[test]
fn a_first_save_takes_its_messages_in_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let pieces = vec![lines(&["0", "1"]), Lines::default(), lines(&["2"])];
    save(&store, &SessionImage { messages: pieces, ..image("s", &[]) }, Durability::Process).unwrap();
    assert_eq!(texts(&store, "s"), ["0", "1", "2"]);
    let positions: Vec<i64> = raw(&path)
        .prepare("SELECT position FROM messages ORDER BY position")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .unwrap();
    assert_eq!(positions, [0, SPACING, 2 * SPACING]);
}

#[test]
fn one_new_message_of_a_large_session_writes_a_handful_of_pages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let text = format!("\"{}\"", "x".repeat(1_000));
    let pages = |count: i64| {
        let many = vec![text.as_str(); usize::try_from(count).unwrap()];
        save(&store, &image("s", &many), Durability::Process).unwrap();
        let before = wal_frames(&path);
        let one =
            SessionChanges { positions: vec![count * SPACING], messages: lines(&[&text]), ..changes("s", count + 1) };
        assert!(apply(&store, &one).unwrap().is_some());
        wal_frames(&path) - before
    };
    let (small, large) = (pages(10), pages(5_000));
    assert!(large <= small + 2 && large <= 10, "{small} pages of a small session, {large} of a large one");
}

/// How many pages the write-ahead log holds.
fn wal_frames(path: &std::path::Path) -> i64 {
    Connection::open(path).unwrap().query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap()
}
