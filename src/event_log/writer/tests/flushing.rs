//! Flushes that wait together: one sync for all of them, and what each hears.

use std::{cell::RefCell, rc::Rc};

use super::*;
use crate::{
    durability::Durability,
    event_log::{append::Receipt, lane::Lane},
};

type Answer<T> = Receiver<Result<T>>;

fn event(session: &str, durability: Durability) -> (Job, Answer<Receipt>) {
    let (reply, answer) = Reply::channel();
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
    let append = Append { session: session.into(), body, id: None, durability: Some(durability), reply };
    (Job::Append(append.into()), answer)
}

fn flush(handle: u32) -> (Job, Answer<()>) {
    let (reply, answer) = Reply::channel();
    (Job::Flush { handle: Some(handle), reply }, answer)
}

/// What each flush of a batch hears, one of each of these handles.
fn flushed(writer: &mut Writer, handles: &[u32]) -> Vec<&'static str> {
    let (jobs, answers): (Vec<_>, Vec<_>) = handles.iter().map(|handle| flush(*handle)).unzip();
    writer.handle(jobs);
    answers.into_iter().map(|answer| code(answer.recv().unwrap())).collect()
}

fn answered<T>(answers: &[Answer<T>]) -> usize {
    answers.iter().filter(|answer| !answer.is_empty()).count()
}

/// What `look` says each time this thread begins to sync files and waits for that.
fn at_each_sync<T: 'static>(look: impl Fn() -> T + 'static) -> Rc<RefCell<Vec<T>>> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    files::SYNCING.set(Some(Box::new(move || noted.borrow_mut().push(look()))));
    seen
}

#[test]
fn flushes_that_wait_together_are_one_sync_and_no_event_among_them_waits_for_it() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut writer = writer(directory.path());
        append(&mut writer, 1).unwrap();
        let (mut jobs, mut stored, mut flushed) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..30 {
            let (appending, appended) = event(["a", "b"][round % 2], durability);
            let (flushing, done) = flush(u32::try_from(round % 4).unwrap());
            jobs.extend([appending, flushing]);
            stored.push(appended);
            flushed.push(done);
        }
        let answers = (stored.clone(), flushed.clone());
        let seen = at_each_sync(move || (answered(&answers.0), answered(&answers.1)));
        writer.handle(jobs);
        assert_eq!(seen.take(), [(30, 0)], "{durability:?}");
        assert!(stored.into_iter().all(|answer| answer.recv().unwrap().is_ok()));
        assert!(flushed.into_iter().all(|answer| answer.recv().unwrap().is_ok()));
        assert!(writer.owned.as_ref().unwrap().lanes.values().all(|lane| !lane.dirty && lane.name_on_disk()));
    }
}

#[test]
fn whoever_looks_among_them_sees_what_was_stored_before_and_waits_for_no_sync() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    append(&mut writer, 1).unwrap();
    let (counting, counted) = Reply::channel();
    let (opening, opened) = Reply::channel();
    let ((one, _), (other, _)) = (event("a", Durability::Process), event("b", Durability::Process));
    let ((first, _), (second, _)) = (flush(0), flush(1));
    let looks = [Job::Statistics(counting), Job::Open { session: Some("a".into()), reply: opening }];
    let answers = (counted.clone(), opened.clone());
    let seen = at_each_sync(move || [answers.0.len(), answers.1.len()]);
    writer.handle([one, first].into_iter().chain(looks).chain([other, second]).collect());
    assert_eq!(seen.take(), [[1, 1]]);
    assert_eq!(counted.recv().unwrap().unwrap().appended, 2);
    opened.recv().unwrap().unwrap();
}

#[test]
fn what_is_erased_after_a_flush_was_on_the_disk_by_then_and_what_comes_after_that_is_flushed_anew() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    let file = directory.path().join("active/s.jsonl");
    append(&mut writer, 1).unwrap();
    let (erasing, erased) = Reply::channel();
    let ((first, done), (again, stored), (second, done_again)) = (flush(0), event("s", Durability::Process), flush(0));
    let seen = at_each_sync(move || file.exists());
    writer.handle(vec![first, Job::Erase { session: "s".into(), reply: erasing }, again, second]);
    assert_eq!(seen.take(), [true, true]);
    assert!(erased.recv().unwrap().unwrap());
    stored.recv().unwrap().unwrap();
    done.recv().unwrap().unwrap();
    done_again.recv().unwrap().unwrap();
}

#[test]
fn a_sync_that_failed_earlier_each_handle_hears_of_once() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    (0..3).for_each(|handle| writer.shared.doubts.join(handle));
    append(&mut writer, 1).unwrap();
    writer.owned.as_mut().unwrap().note(vec![("s".into(), Err(std::io::Error::other("a disk that lies")))]);
    assert_eq!(flushed(&mut writer, &[0, 0, 1]), ["ERR_INDETERMINATE"; 3]);
    assert_eq!(flushed(&mut writer, &[0, 1, 2]), ["fine", "fine", "ERR_INDETERMINATE"]);
    writer.finish().unwrap();
}

#[test]
fn a_sync_that_fails_is_told_to_all_who_wait_for_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    append(&mut writer, 1).unwrap();
    writer.owned.as_mut().unwrap().lanes.values_mut().for_each(Lane::let_go);
    let [file, aside] = ["active/s.jsonl", "aside"].map(|name| directory.path().join(name));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(flushed(&mut writer, &[0, 0, 1]), ["ERR_INDETERMINATE"; 3]);
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(flushed(&mut writer, &[0, 0, 1]), ["fine"; 3]);
    writer.finish().unwrap();
}

#[test]
fn what_is_not_open_has_nothing_to_flush_and_waits_for_nobody_who_opens_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    let ((flushing, flushed), (appending, stored)) = (flush(0), event("s", Durability::Process));
    let seen = at_each_sync(|| ());
    writer.handle(vec![flushing, appending]);
    assert!(seen.take().is_empty());
    flushed.recv().unwrap().unwrap();
    stored.recv().unwrap().unwrap();
}
