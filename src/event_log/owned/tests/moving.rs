//! Files that get another name, or go to the archive, while others look: nobody waits for it, and nothing is missed or comes twice.

use std::{cell::RefCell, path::Path, rc::Rc, sync::mpsc, thread};

use super::{
    cleaning::{append_to, ask},
    *,
};
use crate::event_log::{
    cursor::{Cursor, ReplayFilter},
    verify::verify,
    view::View,
};

/// Nobody who does not wait takes that long.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// What a reader finds: the numbers that a replay brings, the same with the archive, how many events a verification finds, and
/// the newest number.
type Seen = (Vec<u64>, Vec<u64>, u64, u64);

pub(super) fn view(owned: &Owned) -> View {
    View::Owned(Arc::clone(&owned.around.catalog), Arc::new(owned.around.layout.clone()))
}

pub(super) fn replayed(view: &View, archived: bool) -> Vec<u64> {
    let mut cursor = Cursor::new(view.clone(), "s".into(), ReplayFilter { archived, ..ReplayFilter::default() });
    let mut found = Vec::new();
    while let Some(piece) = cursor.pull().unwrap() {
        let events: Vec<serde_json::Value> = serde_json::from_str(&piece).unwrap();
        found.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
    }
    found
}

fn look(view: &View) -> Seen {
    let newest = view.session("s").unwrap().map_or(0, |session| session.last_seq());
    (replayed(view, false), replayed(view, true), verify(view, Some("s")).unwrap().events, newest)
}

/// What others find whenever a file is about to be moved, or has been, while `work` is done; nothing where they had to wait.
fn meanwhile(owned: &mut Owned, work: impl FnOnce(&mut Owned)) -> Vec<Option<Seen>> {
    let all = Rc::new(RefCell::new(Vec::new()));
    let (found, view) = (Rc::clone(&all), view(owned));
    files::MOVING.set(Some(Box::new(move || {
        let (tell, told) = mpsc::channel();
        let view = view.clone();
        thread::spawn(move || tell.send(look(&view)));
        found.borrow_mut().push(told.recv_timeout(LONG).ok());
    })));
    work(owned);
    files::MOVING.take();
    all.take()
}

/// A session with three events, which are old, and the last file being written.
pub(super) fn three(directory: &Path) -> Owned {
    let mut owned = open(directory);
    for _ in 0..3 {
        append_to(&mut owned, "s");
    }
    owned
}

pub(super) fn close_file(owned: &mut Owned) {
    assert!(owned.lanes.get_mut("s").unwrap().close_unsynced(&mut owned.around));
}

pub(super) fn archive(owned: &mut Owned) {
    let answer = ask(owned);
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    assert_eq!(answer.recv().unwrap().unwrap().archived, 1);
}

fn all_three() -> Seen {
    (vec![1, 2, 3], vec![1, 2, 3], 3, 3)
}

#[test]
fn while_a_file_is_closed_others_find_all_of_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = three(directory.path());
    assert_eq!(meanwhile(&mut owned, close_file), [Some(all_three()), Some(all_three())]);
    assert_eq!(look(&view(&owned)), all_three());
    owned.close().unwrap();
}

#[test]
fn while_a_file_goes_to_the_archive_others_find_all_of_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = three(directory.path());
    close_file(&mut owned);
    assert_eq!(meanwhile(&mut owned, archive), [Some(all_three()), Some(all_three())]);
    assert_eq!(look(&view(&owned)), (vec![], vec![1, 2, 3], 3, 0));
    owned.close().unwrap();
}

/// Where the memory is no other file system, it is moved as within one.
#[cfg(target_os = "linux")]
#[test]
fn while_a_file_goes_to_an_archive_on_another_disk_others_find_all_of_it() {
    let (directory, elsewhere) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new_in("/dev/shm").unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("archive")).unwrap();
    let mut owned = three(directory.path());
    close_file(&mut owned);
    let all = meanwhile(&mut owned, archive);
    assert!(all.len() >= 2);
    for seen in all {
        let (replayed, with_archived, verified, newest) = seen.unwrap();
        assert_eq!((replayed, with_archived, newest), (vec![1, 2, 3], vec![1, 2, 3], 3));
        // For a moment it is there twice.
        assert!(verified == 3 || verified == 6, "{verified}");
    }
    assert_eq!(look(&view(&owned)), (vec![], vec![1, 2, 3], 3, 0));
    owned.close().unwrap();
}
