//! Room that is kept for the day when the disk is full, and removing on that day.

use super::*;

#[test]
fn an_opening_that_fails_also_without_it_leaves_the_room_for_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    writer(&path).finish().unwrap();
    let reserve = Reserve::of(&path);
    reserve.keep();
    let in_the_way = birth::with_ending(&path, "-wal");
    fs::create_dir(&in_the_way).unwrap();
    let mut writer = Writer::new(path, Duration::ZERO, Arc::default(), Weak::new(), None);
    assert_eq!(open(&mut writer).unwrap_err().code(), "ERR_IO");
    assert!(reserve.is_there());
    fs::remove_dir(in_the_way).unwrap();
    open(&mut writer).unwrap();
}

#[test]
fn room_for_a_full_disk_is_kept_as_long_as_anybody_uses_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (mut one, mut other) = (writer(&path), writer(&path));
    let reserve = directory.path().join("s.db-reserve");
    other.finish().unwrap();
    assert!(reserve.exists(), "one of them needs it still");
    fs::remove_file(&reserve).unwrap();
    set(&mut one, "k", None).unwrap();
    tick_until(&mut one, "room", |_| reserve.exists());
    one.finish().unwrap();
    assert!(!reserve.exists());
}

#[test]
fn room_for_a_full_disk_is_kept_for_the_next_opening_where_the_disk_was_full() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let reserve = directory.path().join("s.db-reserve");
    let mut writer = writer(&path);
    writer.full_until = Some(Instant::now());
    fs::remove_file(&reserve).unwrap();
    writer.finish().unwrap();
    assert!(reserve.exists(), "it was given up, and is taken again");
    self::writer(&path).finish().unwrap();
    assert!(!reserve.exists());
}

/// Finds no room for more than so much at once.
fn removal(possible: usize, reply: Reply<usize>) -> Write {
    let size = Arc::new(AtomicUsize::new(500));
    let seen = Arc::clone(&size);
    let change = move |connection: &Connection| {
        let size = size.load(Ordering::Relaxed);
        if size > possible {
            // As a log that cannot grow, this ends the transaction.
            connection.execute_batch("ROLLBACK").unwrap();
            return Err(Error::Full { doing: "removing".into() });
        }
        Ok(size)
    };
    Write::new(0, reply, change).looking(move |_, part| seen.store((500 / part).max(1), Ordering::Relaxed)).freeing()
}

#[test]
fn on_a_full_disk_as_much_is_removed_at_once_as_there_is_room_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    let removed = [(500, Some(500)), (30, Some(7)), (1, Some(1)), (0, None)].map(|(possible, expected)| {
        let (reply, removed) = Reply::channel();
        write(&mut writer, vec![removal(possible, reply)]);
        (removed.recv().unwrap(), expected)
    });
    for (removed, expected) in removed {
        assert_eq!(removed.ok(), expected);
    }
}

#[test]
fn a_step_that_follows_on_a_full_disk_is_small_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    let remove = |writer: &mut Writer, possible| {
        let (reply, removed) = Reply::channel();
        write(writer, vec![removal(possible, reply)]);
        removed.recv().unwrap().unwrap()
    };
    let begun = Instant::now();
    assert_eq!(remove(&mut writer, 30), 7);
    assert!(writer.full_until >= begun.checked_add(FULL_FOR));
    // However long this takes.
    writer.full_until = Instant::now().checked_add(60 * FULL_FOR);
    assert_eq!(remove(&mut writer, 500), 7);
    writer.full_until = Some(Instant::now());
    assert_eq!(remove(&mut writer, 500), 500);
}

#[test]
fn on_a_full_disk_one_that_finds_no_room_takes_it_from_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    let (no_room, refused) = Reply::<()>::channel();
    let (deleted, gone) = Reply::channel();
    let full = |connection: &Connection| {
        connection.execute_batch("ROLLBACK").unwrap();
        Err(Error::Full { doing: "removing".into() })
    };
    write(&mut writer, vec![Write::new(0, no_room, full).freeing(), Write::delete_keys(vec!["k".into()], 0, deleted)]);
    assert!(matches!(refused.recv().unwrap(), Err(Error::Full { .. })));
    assert_eq!(gone.recv().unwrap().unwrap(), 0);
}

#[test]
fn beside_a_file_that_was_not_opened_no_room_is_kept_and_none_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes");
    fs::write(&path, "no database").unwrap();
    let reserve = birth::with_ending(&path, "-reserve");
    for theirs in [false, true] {
        if theirs {
            fs::write(&reserve, "").unwrap();
        }
        let mut writer = Writer::new(path.clone(), Duration::ZERO, Arc::default(), Weak::new(), None);
        assert_eq!(open(&mut writer).unwrap_err().code(), "ERR_CORRUPT");
        // The disk is as good as full.
        writer.full_until = Some(Instant::now());
        writer.finish().unwrap();
        assert_eq!(reserve.exists(), theirs);
    }
}
