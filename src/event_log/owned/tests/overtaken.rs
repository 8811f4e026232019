//! Files that are closed, archived, read again or erased when somebody is about to open them.

use std::{sync::mpsc, thread};

use super::{
    cleaning::append_to,
    moving::{LONG, archive, close_file, replayed, three, view},
    *,
};
use crate::event_log::{erase::erase, verify::verify, view::View};

/// What somebody finds whose first file is about to be opened while `work` is done. Whoever does that waits for nobody.
fn overtaken<T: Send + 'static>(
    owned: &mut Owned,
    look: impl FnOnce(&View) -> T + Send + 'static,
    work: impl FnOnce(&mut Owned),
) -> T {
    let view = view(owned);
    let (tell, told) = mpsc::channel();
    let (go_on, going_on) = mpsc::channel();
    let (said, heard) = mpsc::channel();
    let reading = thread::spawn(move || {
        files::OPENING.set(Some(Box::new(move || {
            tell.send(()).unwrap();
            said.send(going_on.recv_timeout(LONG)).unwrap();
        })));
        look(&view)
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
    let found = overtaken(
        &mut owned,
        |view| replayed(view, false),
        |owned| {
            append_to(owned, "s");
            close_file(owned);
            append_to(owned, "s");
        },
    );
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
        let found = overtaken(
            &mut owned,
            move |view| replayed(view, archived),
            |owned| {
                archive(owned);
                if goes_on {
                    append_to(owned, "s");
                }
            },
        );
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
        let found = overtaken(
            &mut owned,
            |view| replayed(view, false),
            |owned| {
                owned.note(vec![("s".into(), Err(fault))]);
                // Old enough to be closed, and not to be archived.
                let age = Duration::from_micros(now_micros()).abs_diff(Duration::from_secs(1_763_899_200));
                assert_eq!(clean(owned, 2 * age).unwrap().archived, 0);
                assert!(owned.lanes["s"].begins_a_file());
                if goes_on {
                    append_to(owned, "s");
                }
            },
        );
        assert_eq!(found.len(), if goes_on { 4 } else { 3 });
        assert_eq!(found[..3], [1, 2, 3]);
        assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
        owned.close().unwrap();
    }
}

#[test]
fn what_goes_to_the_archive_behind_a_verification_that_has_read_it_is_counted_once() {
    for is_read_again in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = three(directory.path());
        owned.around.options.max_retention = Duration::from_secs(50 * 365 * 86_400);
        close_file(&mut owned);
        archive(&mut owned);
        append_to(&mut owned, "s");
        if is_read_again {
            close_file(&mut owned);
        }
        let view = view(&owned);
        let (tell, told) = mpsc::channel();
        let (go_on, going_on) = mpsc::channel();
        let reading = thread::spawn(move || {
            let pause = move || {
                tell.send(()).unwrap();
                going_on.recv_timeout(LONG).unwrap();
            };
            // When it is about to open the file that is not archived, and when it has, and then listed the days of the archive.
            files::OPENING.set(Some(Box::new(move || {
                pause();
                files::MEANWHILE.set(Some(Box::new(pause)));
            })));
            verify(&view, Some("s")).unwrap()
        });
        told.recv().unwrap();
        if is_read_again {
            fail_a_sync(&mut owned);
            owned.reread("s").unwrap();
        }
        go_on.send(()).unwrap();
        told.recv().unwrap();
        archive(&mut owned);
        go_on.send(()).unwrap();
        let report = reading.join().unwrap();
        assert_eq!((report.files, report.events, report.damaged.len()), (2, 4, 0), "{is_read_again}");
        assert_eq!(flush(&mut owned).is_err(), is_read_again);
        owned.close().unwrap();
    }
}

/// Its session is another one by then, or none any more: of what becomes of its files the one that was found hears nothing.
#[test]
fn a_verification_whose_session_is_read_again_or_erased_reads_once_what_there_is_of_it() {
    let afterwards: [(fn(&mut Owned), _); 3] =
        [(|_| {}, (1, 3, 0)), (archive, (1, 3, 0)), (|owned| assert!(erase(owned, "s").unwrap()), (0, 0, 0))];
    for (then, expected) in afterwards {
        let directory = tempfile::TempDir::new().unwrap();
        let mut owned = three(directory.path());
        close_file(&mut owned);
        let report = overtaken(
            &mut owned,
            |view| verify(view, Some("s")).unwrap(),
            |owned| {
                fail_a_sync(owned);
                owned.reread("s").unwrap();
                then(owned);
            },
        );
        assert_eq!((report.files, report.events, report.damaged.len()), expected);
        flush(&mut owned).unwrap_err();
        owned.close().unwrap();
    }
}
