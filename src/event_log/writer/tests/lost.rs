//! What an owner does that has lost its lock, or cannot tell whether it has.

use std::{fs, os::unix::fs::symlink, path::Path, thread};

use super::*;
use crate::event_log::{bell::Waiting, lane::Lane, time::now_micros};

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(|item| item.unwrap().path()) {
        let to = to.join(item.file_name().unwrap());
        if item.is_dir() { copy(&item, &to) } else { fs::copy(&item, &to).map(drop).unwrap() }
    }
}

/// The code of each of a few appends.
fn codes(writer: &mut Writer, session: &str) -> [&'static str; 3] {
    [(); 3].map(|()| code(append_to(writer, session, 0)))
}

#[test]
fn numbers_are_not_given_again_where_somebody_puts_an_earlier_state_in_place_of_the_log() {
    for has_closed_mark in [true, false] {
        let directory = tempfile::TempDir::new().unwrap();
        let [root, backup, aside] = ["events", "backup", "aside"].map(|name| directory.path().join(name));
        let mut before = writer(&root);
        assert_eq!(append(&mut before, 1).unwrap(), 1);
        before.finish().unwrap();
        copy(&root, &backup);
        if !has_closed_mark {
            fs::remove_file(backup.join("closed.json")).unwrap();
        }
        let mut writer = writer(&root);
        // As where the clock was ahead when it gave numbers.
        let ahead = now_micros() + 3_600_000_000;
        append(&mut writer, 2).unwrap();
        writer.owned.as_mut().unwrap().highest_seq = ahead;
        let given = append_to(&mut writer, "other", 2).unwrap();
        assert!(given > ahead);
        fs::rename(&root, &aside).unwrap();
        fs::rename(&backup, &root).unwrap();
        let anew = (0..5).find_map(|payload| append(&mut writer, payload).ok()).unwrap();
        assert!(anew > given, "{anew} {given} {has_closed_mark}");
        assert!(append_to(&mut writer, "new", 1).unwrap() > given);
    }
}

#[test]
fn one_call_hears_of_the_loss_and_the_next_one_takes_possession_anew_or_hears_who_has_it() {
    for session in ["s", "new"] {
        for has_another in [false, true] {
            let directory = tempfile::TempDir::new().unwrap();
            let [root, aside] = ["events", "aside"].map(|name| directory.path().join(name));
            let mut one = writer(&root);
            append(&mut one, 1).unwrap();
            fs::rename(&root, aside).unwrap();
            let mut other = writer(&root);
            if has_another {
                append(&mut other, 2).unwrap();
                assert_eq!(codes(&mut one, session), ["ERR_IO", "ERR_LOCKED", "ERR_LOCKED"], "{session}");
            } else {
                assert_eq!(codes(&mut one, session), ["ERR_IO", "fine", "fine"], "{session}");
            }
        }
    }
}

#[test]
fn a_file_system_that_does_not_count_names_costs_nobody_the_log() {
    let directory = tempfile::TempDir::new().unwrap();
    files::UNCOUNTED.set(true);
    let mut writer = writer(directory.path());
    for payload in 0..3 {
        append(&mut writer, payload).unwrap();
    }
    fs::remove_file(directory.path().join("lock")).unwrap();
    assert_eq!(codes(&mut writer, "s"), ["ERR_IO", "fine", "fine"]);
    writer.finish().unwrap();
}

#[test]
fn what_was_acknowledged_gets_to_the_disk_although_the_lock_cannot_be_looked_at() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    append(&mut writer, 1).unwrap();
    let lock = directory.path().join("lock");
    let aside = directory.path().join("aside");
    fs::rename(&lock, &aside).unwrap();
    symlink("lock", &lock).unwrap();
    let is_dirty = |writer: &Writer| writer.owned.as_ref().unwrap().lanes.values().any(|lane| lane.dirty);
    let mut ticks = 0;
    while is_dirty(&writer) {
        thread::sleep(writer.wake_at().unwrap().saturating_duration_since(Instant::now()));
        writer.tick();
        ticks += 1;
        assert!(ticks < 100, "it wakes for ever and syncs nothing");
    }
    let (reply, flushed) = Reply::channel();
    writer.handle(vec![Job::Flush { handle: Some(0), reply }]);
    assert_eq!(code(flushed.recv().unwrap()), "ERR_IO");
    fs::rename(aside, lock).unwrap();
    append(&mut writer, 2).unwrap();
    writer.finish().unwrap();
}

#[test]
fn the_lock_is_looked_at_now_and_then_while_somebody_waits() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    writer.options.cleanup_interval = Duration::ZERO;
    append(&mut writer, 1).unwrap();
    writer.owned.as_mut().unwrap().sync_dirty().unwrap();
    assert_eq!(writer.wake_at(), None);
    let (reply, waiting) = Reply::channel();
    writer.shared.bell.announce(1);
    writer.shared.bell.wait("s", Waiting { ticket: 1, after: 1, reply }, || Ok(1));
    assert!(writer.wake_at().unwrap() <= Instant::now() + Duration::from_secs(5));
    writer.tick();
    assert!(waiting.try_recv().is_err() && writer.wake_at().is_some());
    fs::remove_file(directory.path().join("lock")).unwrap();
    writer.tick();
    assert_eq!((code(waiting.recv().unwrap()), writer.wake_at()), ("ERR_IO", None));
}

#[test]
fn a_close_tells_of_the_loss_that_nobody_has_heard_of_and_of_what_it_may_have_cost() {
    for (is_told, is_flushed, expected) in [
        (true, true, "fine"),
        (false, true, "ERR_IO"),
        (true, false, "ERR_INDETERMINATE"),
        (false, false, "ERR_INDETERMINATE"),
    ] {
        for ticks in [true, false] {
            let directory = tempfile::TempDir::new().unwrap();
            let mut writer = writer(directory.path());
            append(&mut writer, 1).unwrap();
            if !is_flushed {
                writer.owned.as_mut().unwrap().lanes.values_mut().for_each(Lane::let_go);
                fs::remove_file(directory.path().join("active/s.jsonl")).unwrap();
            }
            fs::remove_file(directory.path().join("lock")).unwrap();
            if is_told {
                assert_eq!(code(append(&mut writer, 2)), "ERR_IO");
            } else if ticks {
                writer.tick();
            }
            assert_eq!(code(writer.finish()), expected, "{is_told} {is_flushed} {ticks}");
        }
    }
}
