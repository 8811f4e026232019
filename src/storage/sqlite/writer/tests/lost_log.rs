//! A write-ahead log that is taken away while it is open, as by another SQLite of the process that closes the file last.

use super::*;
use crate::storage::sqlite::{Read, reader::Reader};

/// Takes the log away, as whoever closes the file last does: what is in it is in the file by then.
fn take_log_away(path: &Path) {
    Connection::open(path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    for ending in ["-wal", "-shm"] {
        fs::remove_file(birth::with_ending(path, ending)).unwrap();
    }
}

type Taken = fn(&Path);

#[test]
fn nothing_is_written_when_the_log_or_its_index_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let only_the_index: Taken = |path| fs::remove_file(birth::with_ending(path, "-shm")).unwrap();
    for (n, (taken, named)) in [(take_log_away as Taken, "-wal"), (only_the_index, "-shm")].into_iter().enumerate() {
        let path = directory.path().join(format!("{n}.db"));
        let mut writer = writer(&path);
        set(&mut writer, "before", None).unwrap();
        taken(&path);
        for _ in 0..2 {
            let refused = set(&mut writer, "into the old log", None).unwrap_err();
            assert_eq!(refused.code(), "ERR_IO");
            assert!(refused.to_string().contains(named), "{refused}");
        }
        assert_eq!(chore(&mut writer, Ok(())).unwrap_err().code(), "ERR_IO");
        writer.spare();
        writer.recover();
        assert!(writer.doubt.is_there());
        assert_eq!(writer.finish().unwrap_err().code(), "ERR_IO", "also at the close");
        let mut anew = self::writer(&path);
        set(&mut anew, "anew", None).unwrap();
        assert_eq!(keys(&path), 2);
        anew.finish().unwrap();
    }
}

#[test]
fn what_was_committed_into_a_log_that_was_going_is_not_acknowledged_and_nothing_behind_it_is_tried() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    let log = birth::with_ending(&path, "-wal");
    let (replies, mut answers): (Vec<_>, Vec<_>) = (0..2).map(|_| Reply::<()>::channel()).unzip();
    let mut replies = replies.into_iter();
    let met = Write::new(0, replies.next().unwrap(), |_| {
        Err(Error::Corrupt { what: "a page".into(), detail: String::new() })
    });
    let taking = Write::new(0, replies.next().unwrap(), move |_| {
        drop(fs::remove_file(&log));
        Ok(())
    });
    let (last, set) = Reply::channel();
    let value = Encoded { text: "1".into(), types: None };
    // Each of them alone, as there is damage.
    write(&mut writer, vec![met, taking, Write::set_key("k".into(), value, None, last)]);
    let mut code = || answers.remove(0).recv().unwrap().unwrap_err().code();
    assert_eq!([code(), code()], ["ERR_CORRUPT", "ERR_INDETERMINATE"]);
    assert_eq!(set.recv().unwrap().unwrap_err().code(), "ERR_IO");
    assert!(writer.doubt.is_there());
}

#[test]
fn a_log_that_is_not_the_files_any_more_is_not_folded_into_it_and_the_one_that_is_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    set(&mut writer, "k", None).unwrap();
    let log = birth::with_ending(&path, "-wal");
    fs::remove_file(&log).unwrap();
    fs::write(&log, "another's").unwrap();
    let before = fs::read(&path).unwrap();
    writer.spare();
    assert!(writer.doubt.is_there(), "it was noticed");
    assert_eq!(writer.finish().unwrap_err().code(), "ERR_IO");
    assert!(fs::read(&path).unwrap() == before, "old pages would be written over newer ones");
    assert_eq!(fs::read(&log).unwrap(), b"another's");
}

#[test]
fn reads_do_not_see_the_store_as_it_was_when_its_log_went() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    set(&mut writer, "k", None).unwrap();
    let mut reader = Reader::new(path.clone(), Duration::ZERO, Arc::clone(&writer.file));
    let mut read = || {
        let (reply, read) = Reply::channel();
        reader.handle(vec![Read::has_key("k".into(), 0, reply)]);
        read.recv().unwrap()
    };
    assert!(read().unwrap());
    take_log_away(&path);
    assert_eq!(read().unwrap_err().code(), "ERR_IO");
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_that_was_closed_has_nothing_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    let opened = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.filter(|path| path.starts_with(directory.path())).count()
    };
    set(&mut writer, "k", None).unwrap();
    assert!(opened() > 0);
    writer.finish().unwrap();
    assert_eq!(opened(), 0);
}

#[test]
fn a_file_without_a_log_of_its_own_has_one_from_its_opening_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    writer(&path).finish().unwrap();
    Connection::open(&path).unwrap().pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
    let mut writer = writer(&path);
    for key in ["first", "second"] {
        set(&mut writer, key, None).unwrap();
    }
    chore(&mut writer, Ok(())).unwrap();
    writer.spare();
    // Also where it gets another one.
    writer.doubt.begin();
    set(&mut writer, "third", None).unwrap();
    writer.finish().unwrap();
    assert_eq!(keys(&path), 3);
}

/// Has it do a change that is to be on the disk.
fn set_synced(writer: &mut Writer, key: &str) -> Result<()> {
    let (reply, set) = Reply::channel();
    let value = Encoded { text: "1".into(), types: None };
    let write = Write::set_key(key.into(), value, None, reply);
    writer.handle(vec![Job::Step(Step::Write(write, Durability::Power))]);
    set.recv().unwrap()
}

#[test]
fn what_was_committed_into_a_log_that_was_moved_is_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let [path, elsewhere] = ["s.db", "elsewhere"].map(|name| directory.path().join(name));
    let mut writer = writer(&path);
    set_synced(&mut writer, "before").unwrap();
    let log = birth::with_ending(&path, "-wal");
    fs::rename(&log, &elsewhere).unwrap();
    // Unless the names were just looked at, it is noticed before anything is written.
    let first = set_synced(&mut writer, "k").unwrap_err().code();
    assert!(["ERR_INDETERMINATE", "ERR_IO"].contains(&first), "{first}");
    assert_eq!(set_synced(&mut writer, "k").unwrap_err().code(), "ERR_IO");
    // Nothing was folded meanwhile: where it comes back, all is as it was.
    fs::rename(&elsewhere, &log).unwrap();
    set_synced(&mut writer, "after").unwrap();
    writer.finish().unwrap();
    assert_eq!(keys(&path), if first == "ERR_IO" { 2 } else { 3 });
}

#[test]
fn that_a_log_was_moved_is_noticed_soon_by_commits_that_are_not_synced() {
    let directory = tempfile::tempdir().unwrap();
    let [path, elsewhere] = ["s.db", "elsewhere"].map(|name| directory.path().join(name));
    let mut writer = writer(&path);
    fs::rename(birth::with_ending(&path, "-wal"), elsewhere).unwrap();
    let begun = Instant::now();
    let noticed = loop {
        match set(&mut writer, "k", None) {
            Ok(()) => assert!(begun.elapsed() < Duration::from_secs(30), "it is not noticed"),
            Err(error) => break error,
        }
    };
    assert!(["ERR_INDETERMINATE", "ERR_IO"].contains(&noticed.code()), "{noticed}");
}

#[test]
fn a_log_in_a_directory_that_got_another_name_under_the_same_link_is_the_one_that_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other, link] = ["one", "other", "link"].map(|name| directory.path().join(name));
    let point_to = |to: &Path| std::os::unix::fs::symlink(to, &link).unwrap();
    fs::create_dir(&one).unwrap();
    point_to(&one);
    let mut writer = writer(&link.join("s.db"));
    set_synced(&mut writer, "before").unwrap();
    fs::rename(&one, &other).unwrap();
    fs::remove_file(&link).unwrap();
    point_to(&other);
    set_synced(&mut writer, "after").unwrap();
    chore(&mut writer, Ok(())).unwrap();
    writer.finish().unwrap();
    assert_eq!(keys(&other.join("s.db")), 2);
}
