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
const LONG: Duration = Duration::from_secs(20);

/// What a reader finds: the numbers that a replay brings, the same with the archive, how many events a verification finds, and
/// the newest number.
type Seen = (Vec<u64>, Vec<u64>, u64, u64);

fn view(owned: &Owned) -> View {
    View::Owned(Arc::clone(&owned.around.catalog), Arc::new(owned.around.layout.clone()))
}

fn replayed(view: &View, archived: bool) -> Vec<u64> {
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
fn three(directory: &Path) -> Owned {
    let mut owned = open(directory);
    for _ in 0..3 {
        append_to(&mut owned, "s");
    }
    owned
}

fn close_file(owned: &mut Owned) {
    assert!(owned.lanes.get_mut("s").unwrap().close_unsynced(&mut owned.around));
}

fn archive(owned: &mut Owned) {
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

/// What a replay brings whose first file is about to be opened while `work` is done. Whoever does that waits for nobody.
fn overtaken(owned: &mut Owned, archived: bool, work: impl FnOnce(&mut Owned)) -> Vec<u64> {
    let view = view(owned);
    let (tell, told) = mpsc::channel();
    let (go_on, going_on) = mpsc::channel();
    let (said, heard) = mpsc::channel();
    let reading = thread::spawn(move || {
        files::OPENING.set(Some(Box::new(move || {
            tell.send(()).unwrap();
            said.send(going_on.recv_timeout(LONG)).unwrap();
        })));
        replayed(&view, archived)
    });
    told.recv().unwrap();
    work(owned);
    // The reader may have given up.
    let _ = go_on.send(());
    assert_eq!(heard.recv().unwrap(), Ok(()), "whoever writes had to wait");
    reading.join().unwrap()
}

#[test]
fn whoever_is_about_to_open_a_file_holds_nobody_up_who_writes_to_its_session() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = three(directory.path());
    let found = overtaken(&mut owned, false, |owned| {
        append_to(owned, "s");
        close_file(owned);
        append_to(owned, "s");
    });
    assert_eq!(found, [1, 2, 3, 4, 5]);
    owned.close().unwrap();
}

#[test]
fn whoever_is_about_to_open_a_file_that_goes_to_the_archive_finds_what_there_is_by_then() {
    let after: [(bool, bool, &[u64]); 4] =
        [(false, false, &[]), (false, true, &[1, 2, 3]), (true, false, &[4]), (true, true, &[1, 2, 3, 4])];
    for (goes_on, archived, expected) in after {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = three(directory.path());
        if !goes_on {
            close_file(&mut owned);
        }
        let found = overtaken(&mut owned, archived, |owned| {
            archive(owned);
            if goes_on {
                append_to(owned, "s");
            }
        });
        assert_eq!(found, expected, "goes on: {goes_on}, archived: {archived}");
        owned.close().unwrap();
    }
}

/// The sync of a file failed, so a cleanup reads its session again, and then closes it: what it is now is another one.
#[test]
fn whoever_is_about_to_open_a_file_that_is_read_again_and_closed_misses_none_of_it() {
    for goes_on in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = three(directory.path());
        let fault = std::io::Error::other("a disk that lies");
        let found = overtaken(&mut owned, false, |owned| {
            owned.note(vec![("s".into(), Err(fault))]);
            // Old enough to be closed, and not to be archived.
            let age = Duration::from_micros(now_micros()).abs_diff(Duration::from_secs(1_763_899_200));
            assert_eq!(clean(owned, 2 * age).unwrap().archived, 0);
            assert!(owned.lanes["s"].begins_a_file());
            if goes_on {
                append_to(owned, "s");
            }
        });
        assert_eq!(found.len(), if goes_on { 4 } else { 3 });
        assert_eq!(found[..3], [1, 2, 3]);
        assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
        owned.close().unwrap();
    }
}

#[test]
fn what_goes_to_the_archive_behind_a_verification_that_has_read_it_is_counted_once() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = three(directory.path());
    owned.around.options.max_retention = Duration::from_secs(50 * 365 * 86_400);
    close_file(&mut owned);
    archive(&mut owned);
    append_to(&mut owned, "s");
    let view = view(&owned);
    let (tell, told) = mpsc::channel();
    let (go_on, going_on) = mpsc::channel();
    let reading = thread::spawn(move || {
        // When it has opened the file that is being written, and then listed the days of the archive.
        files::OPENING.set(Some(Box::new(move || {
            files::MEANWHILE.set(Some(Box::new(move || {
                tell.send(()).unwrap();
                going_on.recv_timeout(LONG).unwrap();
            })));
        })));
        verify(&view, Some("s")).unwrap()
    });
    told.recv().unwrap();
    archive(&mut owned);
    go_on.send(()).unwrap();
    let report = reading.join().unwrap();
    assert_eq!((report.files, report.events, report.damaged.len()), (2, 4, 0));
    owned.close().unwrap();
}
