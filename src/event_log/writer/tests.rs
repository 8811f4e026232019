mod flushing;
#[cfg(unix)]
mod lost;

use super::*;
use crate::event_log::append::Append;

fn writer(directory: &std::path::Path) -> Writer {
    let shared =
        Shared { catalog: Arc::default(), opened: Arc::default(), bell: Arc::default(), doubts: Arc::default() };
    let (released, _) = crossbeam_channel::bounded(0);
    Writer::new(LogOptions::new(directory), shared, Before::default(), released)
}

#[test]
fn what_kept_the_log_from_opening_is_not_told_to_whoever_comes_when_it_is_over() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    let lock = directory.path().join("lock");
    std::fs::create_dir(&lock).unwrap();
    // For a job that is withdrawn meanwhile: nobody hears of it.
    writer.prepare();
    std::fs::remove_dir(&lock).unwrap();
    let ((flush, flushed), (reply, appended)) = (Reply::channel(), Reply::channel());
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
    let append = Append { session: "s".into(), body, id: None, durability: None, reply };
    let batch = vec![Job::Flush { handle: Some(0), reply: flush }, Job::Append(append.into())];
    if writer.is_unprepared(&batch[0]) {
        writer.prepare();
    }
    writer.handle(batch);
    flushed.recv().unwrap().unwrap();
    assert_eq!(appended.recv().unwrap().unwrap().seq, 1);
    writer.finish().unwrap();
}

fn append(writer: &mut Writer, payload: u64) -> Result<u64> {
    append_to(writer, "s", payload)
}

fn append_to(writer: &mut Writer, session: &str, payload: u64) -> Result<u64> {
    let (reply, appended) = Reply::channel();
    let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":{payload}}}"#);
    let append = Append { session: session.into(), body, id: None, durability: None, reply };
    writer.handle(vec![Job::Append(append.into())]);
    appended.recv().unwrap().map(|receipt| receipt.seq)
}

fn code<T>(outcome: Result<T>) -> &'static str {
    outcome.err().map_or("fine", |error| error.code())
}

/// The numbers in the file of the session, of which nothing is damaged.
#[cfg(unix)]
fn stored(directory: &std::path::Path) -> Vec<u64> {
    let bytes = std::fs::read(directory.join("active/s.jsonl")).unwrap();
    let outcome = crate::event_log::recover(&bytes, Some("s"), None);
    assert!(outcome.damage.is_empty() && outcome.torn.is_none());
    outcome.found.iter().map(|found| found.line.seq).collect()
}

#[test]
fn a_close_tells_of_a_sync_that_failed_while_nobody_waited_for_it() {
    for is_read_again in [false, true] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut writer = writer(directory.path());
        append(&mut writer, 1).unwrap();
        writer.owned.as_mut().unwrap().note(vec![("s".into(), Err(std::io::Error::other("a disk that lies")))]);
        if is_read_again {
            append(&mut writer, 2).unwrap();
        }
        assert_eq!(code(writer.finish()), "ERR_INDETERMINATE", "{is_read_again}");
        assert!(!directory.path().join("closed.json").exists(), "what it lost may have had greater numbers");
    }
}

#[cfg(unix)]
#[test]
fn an_owner_whose_lock_is_removed_acknowledges_nothing_as_long_as_another_one_may_own_the_log() {
    let directory = tempfile::TempDir::new().unwrap();
    let root = directory.path();
    let (mut one, mut other) = (writer(root), writer(root));
    let first = append(&mut one, 1).unwrap();
    assert_eq!(code(append(&mut other, 0)), "ERR_LOCKED");
    std::fs::remove_file(root.join("lock")).unwrap();
    let second = append(&mut other, 2).unwrap();
    let lost = append(&mut one, 0).unwrap_err();
    assert!(lost.code() == "ERR_IO" && lost.to_string().contains("lock"), "{lost}");
    for _ in 0..2 {
        let refused = append(&mut one, 0).unwrap_err();
        assert_eq!((refused.code(), refused.owner()), ("ERR_LOCKED", Some(std::process::id())));
    }
    let third = append(&mut other, 3).unwrap();
    other.finish().unwrap();
    let fourth = append(&mut one, 4).unwrap();
    assert!(one.shared.catalog.find("s").is_some());
    one.finish().unwrap();
    assert_eq!(stored(root), [first, second, third, fourth]);
}

#[cfg(unix)]
#[test]
fn an_owner_that_has_lost_its_lock_to_nobody_goes_on_with_the_next_call() {
    for what in ["lock", ""] {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().join("events");
        let mut writer = writer(&root);
        let first = append(&mut writer, 1).unwrap();
        let path = root.join(what);
        if what.is_empty() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        assert_eq!(code(append(&mut writer, 0)), "ERR_IO");
        let second = append(&mut writer, 2).unwrap();
        assert!(second > first + 1, "nobody knows what another owner has written meanwhile");
        assert_eq!(code(append(&mut self::writer(&root), 0)), "ERR_LOCKED");
        // What was removed had been acknowledged, and was not on the disk yet.
        assert_eq!(code(writer.finish()), if what.is_empty() { "ERR_INDETERMINATE" } else { "fine" });
        assert_eq!(stored(&root), if what.is_empty() { vec![second] } else { vec![first, second] });
    }
}

#[cfg(unix)]
#[test]
fn an_owner_that_has_lost_its_lock_touches_nothing_although_nobody_asks() {
    let directory = tempfile::TempDir::new().unwrap();
    let root = directory.path();
    let mut writer = writer(root);
    append(&mut writer, 1).unwrap();
    let (reply, waiting) = Reply::channel();
    writer.shared.bell.announce(1);
    writer.shared.bell.wait("s", crate::event_log::bell::Waiting { ticket: 1, after: 1, reply }, || Ok(1));
    std::fs::remove_file(root.join("lock")).unwrap();
    writer.tick();
    assert_eq!(code(waiting.try_recv().unwrap()), "ERR_IO", "nothing comes any more");
    assert!(writer.owned.is_none() && !writer.shared.opened.load(Ordering::Acquire));
    assert_eq!(writer.wake_at(), None);
    // Whoever was about to read when the log was still open does not hear that there are no events.
    assert_eq!(code(writer.shared.catalog.session("s")), "ERR_IO");
    append(&mut writer, 2).unwrap();
    assert!(writer.shared.catalog.session("t").unwrap().is_none() && writer.shared.catalog.all().unwrap().len() == 1);
    std::fs::remove_file(root.join("lock")).unwrap();
    assert_eq!(code(writer.finish()), "ERR_IO");
    assert!(!root.join("closed.json").exists(), "somebody else may have given other numbers");
}

#[cfg(unix)]
#[test]
fn an_owner_whose_directory_is_moved_away_writes_to_no_other_one_in_its_place() {
    for session in ["s", "new"] {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().join("events");
        let mut one = writer(&root);
        append(&mut one, 1).unwrap();
        std::fs::rename(&root, directory.path().join("aside")).unwrap();
        let mut other = writer(&root);
        append(&mut other, 2).unwrap();
        let refusals = [(); 3].map(|()| code(append_to(&mut one, session, 0)));
        assert_eq!(refusals, ["ERR_IO", "ERR_LOCKED", "ERR_LOCKED"]);
        other.finish().unwrap();
        assert_eq!(stored(&root), [1]);
        assert!(!root.join("active/new.jsonl").exists());
        append_to(&mut one, session, 3).unwrap();
    }
}
