//! Old files of sessions that nobody writes to any more after a sync of theirs has failed: a cleanup gets them all the same.

use super::{
    cleaning::{append_to, many},
    *,
};

const HOUR: Duration = Duration::from_secs(3600);

fn fail_syncs_of(owned: &mut Owned, sessions: &[&str]) {
    let fault = || Err(std::io::Error::other("a disk that lies"));
    owned.note(sessions.iter().map(|session| ((*session).into(), fault())).collect());
}

#[test]
fn a_cleanup_reads_what_is_in_doubt_again_and_the_log_can_be_closed_in_order() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 6);
    append_to(&mut owned, "s4");
    fail_syncs_of(&mut owned, &["s1", "s3", "s4", "s5"]);
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
    synced();
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 6);
    assert!(files::names(&directory.path().join("active")).unwrap().is_empty());
    let day = directory.path().join("archive/2025-11-23");
    assert_eq!(std::fs::read_to_string(day.join("s4.1.jsonl")).unwrap().lines().count(), 2);
    let last =
        |directory: &std::path::Path, synced: &[std::path::PathBuf]| synced.iter().rposition(|one| one == directory);
    let synced = synced();
    assert!(last(&day, &synced) < last(&directory.path().join("active"), &synced));
    owned.close().unwrap();
    let mut owned = open(directory.path());
    assert!(owned.report.clean, "all have heard of it");
    assert!(append_to(&mut owned, "s4") > 2);
    owned.close().unwrap();
}

#[test]
fn what_is_in_doubt_is_looked_up_once_for_many_and_what_nobody_has_heard_of_is_told_still() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 2);
    fail_syncs_of(&mut owned, &["s0", "s1"]);
    files::LISTED.set(0);
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 2);
    // The files; the archive when it begins, and for the positions that there are none of.
    assert!(files::LISTED.get() <= 4, "{}", files::LISTED.get());
    assert_eq!(flush(&mut owned).unwrap_err().code(), "ERR_INDETERMINATE");
    owned.close().unwrap();
}

#[test]
fn a_file_that_is_not_old_waits_for_its_next_event() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 1);
    fail_syncs_of(&mut owned, &["s0"]);
    clean(&mut owned, Duration::from_secs(u64::from(u32::MAX))).unwrap();
    assert!(owned.lanes["s0"].broken);
    let before = now_micros();
    assert!(append_to(&mut owned, "s0") >= before);
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 1);
    owned.close().unwrap();
}

#[test]
fn a_file_that_somebody_has_removed_meanwhile_is_reported_by_the_cleanup_that_misses_it() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 3);
    fail_syncs_of(&mut owned, &["s1"]);
    std::fs::remove_file(directory.path().join("active/s1.jsonl")).unwrap();
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 2);
    assert_eq!(owned.statistics().recovery.damaged[0].file, "s1.jsonl");
    assert!(owned.around.catalog.known().is_empty());
    owned.close().unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_again_keeps_no_other_one_from_the_archive() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 5);
    let [file, aside] = ["active/s1.jsonl", "aside"].map(|name| directory.path().join(name));
    fail_syncs_of(&mut owned, &["s0", "s1", "s2", "s3"]);
    std::fs::rename(&file, &aside).unwrap();
    // It leads to itself.
    std::os::unix::fs::symlink(&file, &file).unwrap();
    let error = clean(&mut owned, HOUR).unwrap_err();
    assert!(error.code() == "ERR_IO" && error.to_string().contains("s1.jsonl"), "{error}");
    assert_eq!((owned.totals.archived, files::names(&directory.path().join("active")).unwrap().len()), (4, 1));
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(clean(&mut owned, HOUR).unwrap().archived, 1);
    owned.close().unwrap();
}

#[test]
fn files_whose_new_names_are_in_doubt_are_looked_at_by_the_next_cleanup() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 3);
    owned.around.options.max_retention = Duration::from_secs(50 * 365 * 86_400);
    let age = Duration::from_micros(now_micros()).abs_diff(Duration::from_secs(1_763_899_200));
    for lane in owned.lanes.values_mut() {
        assert!(lane.close_unsynced(&mut owned.around));
        lane.broken = true;
    }
    clean(&mut owned, 2 * age).unwrap();
    assert!(owned.lanes.values().all(|lane| !lane.broken));
    owned.close().unwrap();
    assert!(open(directory.path()).report.clean);
}
