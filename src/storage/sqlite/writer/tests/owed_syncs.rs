//! What was acknowledged without a sync gets to the disk also where no time comes that would have it synced.

use super::*;

fn is_owed(writer: &Writer) -> bool {
    writer.opened.as_ref().is_some_and(|opened| opened.checkpoints.is_sync_owed())
}

#[test]
fn who_waits_for_another_process_keeps_nothing_from_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    // So that what was acknowledged before is to be on the disk meanwhile.
    let patience = Duration::from_millis(2_200);
    let mut writer = Writer::new(path.clone(), patience, Arc::default(), Weak::new(), None);
    open(&mut writer).unwrap();
    set(&mut writer, "unsynced", None).unwrap();
    assert!(is_owed(&writer));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(set(&mut writer, "in vain", None), Err(Error::Busy)));
    assert!(!is_owed(&writer));
    other.execute_batch("COMMIT").unwrap();
    set(&mut writer, "at once", None).unwrap();
    assert!(is_owed(&writer));
}

#[test]
fn on_the_way_out_what_is_owed_is_synced_behind_what_is_queued() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    writer.handle(vec![Job::Sync]);
    let (reply, set) = Reply::channel();
    let value = Encoded { text: "1".into(), types: None };
    let write = Write::set_key("k".into(), value, None, reply);
    writer.handle(vec![Job::Step(Step::Write(write, Durability::Process)), Job::Sync]);
    set.recv().unwrap().unwrap();
    assert!(!is_owed(&writer) && !writer.doubt.is_there());
}

#[test]
fn on_the_way_out_doubt_ends_where_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut writer = writer(&path);
    set(&mut writer, "unsynced", None).unwrap();
    let elsewhere = directory.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    writer.handle(vec![Job::Sync]);
    assert!(writer.doubt.is_there(), "a sync that fails is nobody's error");
    fs::rename(&elsewhere, &path).unwrap();
    writer.handle(vec![Job::Sync]);
    assert!(!writer.doubt.is_there());
    assert_eq!(fs::metadata(path.with_extension("db-wal")).unwrap().len(), 0);
}

#[test]
fn a_chore_begins_when_nothing_is_owed_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(&directory.path().join("s.db"));
    set(&mut writer, "unsynced", None).unwrap();
    chore(&mut writer, Ok(())).unwrap();
    assert!(!is_owed(&writer));
}
