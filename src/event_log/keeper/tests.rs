use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use super::*;
use crate::{
    durability::Durability,
    event_log::{append::Append, checkpoint::WORTH_IT, erase::erase, index::write, options::LogOptions, owned::Owned},
};

fn open(directory: &Path) -> Owned {
    let options = LogOptions { cleanup_interval: Duration::ZERO, ..LogOptions::new(directory) };
    Owned::open(Layout::new(directory), &options, &Arc::default(), &Arc::default(), &Arc::default(), None).unwrap()
}

/// An event that makes a file large enough for an index.
fn append(owned: &mut Owned) -> u64 {
    let (reply, answer) = Reply::channel();
    let text = "x".repeat(usize::try_from(WORTH_IT).unwrap());
    let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":"{text}"}}"#);
    let durability = Some(Durability::Process);
    owned.append(vec![Append { session: "s".into(), body, id: None, durability, reply }.into()]);
    answer.recv().unwrap().unwrap().seq
}

fn close_file(owned: &mut Owned) {
    owned.lanes.get_mut("s").unwrap().close_file(&mut owned.around);
}

fn indexes(directory: &Path) -> usize {
    fs::read_dir(directory.join("index")).map_or(0, Iterator::count)
}

/// As long as somebody who waits for an index is given, to tell them from somebody who does not.
const WAITS: Duration = Duration::from_millis(200);

#[test]
fn events_go_on_while_the_index_of_a_closed_file_is_on_its_way_and_the_end_of_the_log_waits_for_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    append(&mut owned);
    // Another one comes first, and is held up.
    let entries = Arc::new(RwLock::new(Entries::default()));
    let (told, telling) = mpsc::channel();
    let (held, holding) = mpsc::channel();
    let locked = Arc::clone(&entries);
    let holder = thread::spawn(move || {
        let entries = write(&locked);
        held.send(()).unwrap();
        telling.recv().unwrap();
        let _ = telling.recv_timeout(WAITS);
        drop(entries);
    });
    holding.recv().unwrap();
    let layout = owned.around.layout.clone();
    let path = layout.active.join("nobody.jsonl");
    fs::write(&path, "").unwrap();
    owned.around.keeper.keep(Closed { layout, path, session: Session::new("nobody").into(), entries });
    close_file(&mut owned);
    append(&mut owned);
    assert_eq!(indexes(directory.path()), 0, "nobody has waited");
    told.send(()).unwrap();
    owned.close().unwrap();
    assert_eq!(indexes(directory.path()), 2, "one of the closed file, one of the last");
    told.send(()).unwrap_or_default();
    holder.join().unwrap();
}

/// Closes the file of a session, and holds whoever writes its index up until it is told to go on, or has waited for long.
fn close_file_and_hold(owned: &mut Owned) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    append(owned);
    let session = owned.around.catalog.find("s").unwrap();
    let file = session.files().first().unwrap().clone();
    let (go_on, going_on) = mpsc::channel();
    let (held, holding) = mpsc::channel();
    let holder = thread::spawn(move || {
        // The index has a list of the topics in it; whoever writes it has found the file by then.
        let topics = session.topics();
        held.send(()).unwrap();
        // Until it has been seen held up: only then somebody can have waited for long.
        going_on.recv().unwrap();
        let _ = going_on.recv_timeout(WAITS);
        drop(topics);
    });
    holding.recv().unwrap();
    close_file(owned);
    while file.entries.try_write().is_ok() {
        thread::yield_now();
    }
    go_on.send(()).unwrap();
    (go_on, holder)
}

#[test]
fn an_index_that_is_being_written_does_not_stay_when_its_session_is_erased() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let (go_on, holder) = close_file_and_hold(&mut owned);
    assert!(erase(&mut owned, "s").unwrap());
    go_on.send(()).unwrap_or_default();
    holder.join().unwrap();
    owned.around.keeper.settle();
    assert_eq!(indexes(directory.path()), 0);
    owned.close().unwrap();
}

#[test]
fn whoever_goes_without_closing_the_log_waits_for_it_as_well() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let (go_on, holder) = close_file_and_hold(&mut owned);
    drop(owned);
    assert_eq!(indexes(directory.path()), 1, "nobody is at work in the directory any more");
    go_on.send(()).unwrap_or_default();
    holder.join().unwrap();
}
