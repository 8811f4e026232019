//! Replays of more files than are held open: what is not held is found wherever it has gone.

use std::{path::Path, sync::Arc};

use super::{
    cleaning::{append_to, ask},
    *,
};
use crate::{
    error::Result,
    event_log::{
        cursor::{Cursor, MOST_LENT, ReplayFilter},
        erase::erase,
        view::View,
        visitor::Visitor,
    },
};

/// A session of so many closed files, with an event each.
fn closed(directory: &Path, count: usize) -> Owned {
    let mut owned = open(directory);
    // What is archived once is there still after the next cleanup.
    owned.around.options.max_retention = Duration::from_secs(50 * 365 * 86_400);
    for _ in 0..count {
        add_closed(&mut owned);
    }
    owned
}

fn add_closed(owned: &mut Owned) {
    append_to(owned, "s");
    assert!(owned.lanes.get_mut("s").unwrap().close_unsynced(&mut owned.around));
}

/// What the owner sees, and what another process would.
fn views(owned: &Owned) -> [View; 2] {
    let layout = &owned.around.layout;
    [
        View::Owned(Arc::clone(&owned.around.catalog), Arc::new(layout.clone())),
        View::Visited(Arc::new(Visitor::new(layout.clone()))),
    ]
}

fn replay(view: &View, filter: ReplayFilter) -> Cursor {
    Cursor::new(view.clone(), "s".into(), filter)
}

fn with_archived() -> ReplayFilter {
    ReplayFilter { archived: true, ..ReplayFilter::default() }
}

/// The numbers of the next piece; none at the end.
fn pull(cursor: &mut Cursor) -> Result<Vec<u64>> {
    let piece = cursor.pull()?.unwrap_or_else(|| "[]".into());
    let events: Vec<serde_json::Value> = serde_json::from_str(&piece).unwrap();
    Ok(events.iter().map(|event| event["seq"].as_u64().unwrap()).collect())
}

fn rest(cursor: &mut Cursor) -> Vec<u64> {
    let mut found = Vec::new();
    loop {
        match pull(cursor).unwrap() {
            more if more.is_empty() => return found,
            more => found.extend(more),
        }
    }
}

fn archive(owned: &mut Owned) {
    let answer = ask(owned);
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    assert!(answer.recv().unwrap().unwrap().archived > 0);
}

/// As many files of events are open below a directory.
#[cfg(target_os = "linux")]
fn opened(directory: &Path) -> usize {
    let opened = std::fs::read_dir("/proc/self/fd").unwrap();
    let opened = opened.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
    opened.filter(|file| file.starts_with(directory) && file.extension().is_some_and(|is| is == "jsonl")).count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_replay_of_many_files_holds_few_of_them_open_and_brings_all() {
    for archived in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = closed(directory.path(), 200);
        if archived {
            archive(&mut owned);
        }
        for view in views(&owned) {
            let mut cursor = replay(&view, ReplayFilter { archived, ..ReplayFilter::default() });
            let mut other = replay(&view, ReplayFilter { archived, ..ReplayFilter::default() });
            assert_eq!((pull(&mut cursor).unwrap(), pull(&mut other).unwrap()), (vec![1], vec![1]));
            let held = opened(directory.path());
            assert!((1..=MOST_LENT.get()).contains(&held), "{held} files are open");
            for cursor in [&mut cursor, &mut other] {
                assert_eq!(rest(cursor), (2..=200).collect::<Vec<_>>());
            }
            assert_eq!(opened(directory.path()), 0);
        }
        owned.close().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_more_files_are_held_than_bring_what_is_wanted() {
    let directory = tempfile::TempDir::new().unwrap();
    let owned = closed(directory.path(), 10);
    for view in views(&owned) {
        let first = ReplayFilter { limit: Some(2), ..ReplayFilter::default() };
        let last = ReplayFilter { last: Some(2), ..ReplayFilter::default() };
        let later = ReplayFilter { after_seq: Some(8.0), ..ReplayFilter::default() };
        for (filter, expected) in [(first, [1, 2]), (last, [9, 10]), (later, [9, 10])] {
            let mut cursor = replay(&view, filter);
            assert_eq!(pull(&mut cursor).unwrap(), expected[..1]);
            assert!(opened(directory.path()) <= 2);
            assert_eq!(rest(&mut cursor), expected[1..]);
        }
    }
    owned.close().unwrap();
}

#[test]
fn what_is_not_held_is_brought_whatever_is_closed_and_archived_before_it_is_reached() {
    MOST_LENT.set(0);
    for filter in [ReplayFilter::default(), with_archived()] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = closed(directory.path(), 2);
        archive(&mut owned);
        add_closed(&mut owned);
        add_closed(&mut owned);
        append_to(&mut owned, "s");
        let expected: &[u64] = if filter.archived { &[1, 2, 3, 4, 5] } else { &[3, 4, 5] };
        let mut cursors = views(&owned).map(|view| replay(&view, filter.clone()));
        for cursor in &mut cursors {
            assert_eq!(pull(cursor).unwrap(), expected[..1]);
        }
        // The one being written is closed, and another one gets its name.
        assert!(owned.lanes.get_mut("s").unwrap().close_unsynced(&mut owned.around));
        append_to(&mut owned, "s");
        archive(&mut owned);
        for cursor in &mut cursors {
            assert_eq!(rest(cursor), expected[1..]);
        }
        owned.close().unwrap();
    }
}

#[test]
fn a_replay_whose_session_is_read_again_finds_what_it_does_not_hold() {
    MOST_LENT.set(0);
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = closed(directory.path(), 2);
    append_to(&mut owned, "s");
    let mut cursors = views(&owned).map(|view| replay(&view, ReplayFilter::default()));
    for cursor in &mut cursors {
        assert_eq!(pull(cursor).unwrap(), [1]);
    }
    fail_a_sync(&mut owned);
    append_to(&mut owned, "s");
    assert!(owned.lanes.get_mut("s").unwrap().close_unsynced(&mut owned.around));
    archive(&mut owned);
    for cursor in &mut cursors {
        assert_eq!(rest(cursor)[..2], [2, 3]);
    }
    flush(&mut owned).unwrap_err();
    owned.close().unwrap();
}

#[test]
fn what_is_not_held_and_deleted_before_it_is_reached_is_no_silent_gap() {
    MOST_LENT.set(0);
    for archived in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = closed(directory.path(), 3);
        if archived {
            archive(&mut owned);
        }
        let mut cursors = views(&owned).map(|view| replay(&view, ReplayFilter { archived, ..ReplayFilter::default() }));
        for cursor in &mut cursors {
            assert_eq!(pull(cursor).unwrap(), [1]);
        }
        assert!(erase(&mut owned, "s").unwrap());
        for cursor in &mut cursors {
            let error = pull(cursor).unwrap_err();
            assert!(error.code() == "ERR_IO" && error.to_string().contains("deleted"), "{error}");
        }
        for view in views(&owned) {
            assert_eq!(rest(&mut replay(&view, with_archived())), [0; 0]);
        }
        owned.close().unwrap();
    }
}

#[test]
fn what_is_not_held_and_removed_by_somebody_else_costs_its_own_events() {
    MOST_LENT.set(0);
    let directory = tempfile::TempDir::new().unwrap();
    let owned = closed(directory.path(), 3);
    let [view, _] = views(&owned);
    let mut cursor = replay(&view, ReplayFilter::default());
    assert_eq!(pull(&mut cursor).unwrap(), [1]);
    std::fs::remove_file(directory.path().join("active/s.2.jsonl")).unwrap();
    assert_eq!(rest(&mut cursor), [3]);
    drop(owned.abandon());
}

#[test]
fn archived_files_are_read_one_at_a_time_before_the_first_piece() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = closed(directory.path(), 3);
    archive(&mut owned);
    for view in views(&owned) {
        let mut cursor = replay(&view, with_archived());
        let mut parts = 0;
        while !cursor.prepare().unwrap() {
            parts += 1;
        }
        assert!(parts >= 3, "{parts}");
        assert_eq!([pull(&mut cursor).unwrap(), rest(&mut cursor)].concat(), [1, 2, 3]);
    }
    owned.close().unwrap();
}
