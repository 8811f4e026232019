use super::*;
use crate::storage::sqlite::own_log::OwnLog;

const MEGABYTE: i64 = 1024 * 1024;

fn database(path: &Path) -> (Connection, Checkpoints) {
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)").unwrap();
    let checkpoints = Checkpoints::of(&mut connection, path, Identity::of(path), Duration::ZERO).unwrap();
    (connection, checkpoints)
}

/// After which megabytes, committed one by one, something was folded.
fn folded_after(spare_time: bool, megabytes: i64) -> Vec<i64> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let mut length = std::fs::metadata(&path).unwrap().len();
    let mut folded = Vec::new();
    for megabyte in 1..=megabytes {
        connection.execute("INSERT INTO t VALUES (randomblob(?1))", [MEGABYTE]).unwrap();
        checkpoints.after_batch(&connection, true).unwrap();
        if spare_time && checkpoints.may_be_folded() {
            checkpoints.fold(&connection).unwrap();
        }
        // Nothing else writes to the file itself.
        let now = std::fs::metadata(&path).unwrap().len();
        if std::mem::replace(&mut length, now) != now {
            folded.push(megabyte);
        }
    }
    folded
}

#[test]
fn the_log_is_folded_early_where_nobody_waits_and_in_time_where_somebody_always_does() {
    assert_eq!(folded_after(true, 40), [16, 32]);
    assert_eq!(folded_after(false, 70), [32, 64]);
}

#[test]
fn what_a_reader_keeps_from_being_folded_is_synced_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let mut write_and_fold = |owed: bool| {
        connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
        checkpoints.sync_by = owed.then(Instant::now);
        let folded = checkpoints.fold(&connection);
        (folded.is_ok(), checkpoints.sync_by.is_some())
    };
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
    assert_eq!(write_and_fold(true), (true, false));
    // Where the log is not found under its name, whoever looks for it there says so.
    let log = path.with_extension("db-wal");
    std::fs::rename(&log, directory.path().join("elsewhere")).unwrap();
    assert_eq!(write_and_fold(false), (true, false), "nothing is owed");
    assert_eq!(write_and_fold(true), (false, true), "what failed is owed still");
    std::fs::rename(directory.path().join("elsewhere"), &log).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(write_and_fold(true), (true, false));
}

#[test]
fn a_log_that_readers_hold_is_tried_to_be_emptied_however_often_it_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
    let mut tried = Vec::new();
    for megabyte in 1..=100 {
        connection.execute("INSERT INTO t VALUES (randomblob(?1))", [MEGABYTE]).unwrap();
        // As if two seconds had passed.
        checkpoints.sync_by = Some(Instant::now());
        let before = checkpoints.emptied_at;
        checkpoints.after_batch(&connection, false).unwrap();
        if checkpoints.emptied_at != before {
            tried.push(megabyte);
        }
    }
    assert_eq!(tried, [64, 80, 96]);
    reader.execute_batch("COMMIT").unwrap();
    checkpoints.settle(&connection).unwrap();
    assert!(!checkpoints.may_be_folded());
}

/// How long until then.
fn left(moment: Option<Instant>) -> Duration {
    moment.unwrap().saturating_duration_since(Instant::now())
}

#[test]
fn what_is_written_after_syncs_that_failed_is_synced_as_soon_as_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let failed = || Err(Error::Io { doing: "syncing".into(), cause: "disk I/O error".into() });
    for pause in [4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
        assert!(checkpoints.owe(true, failed()).is_err());
        let left = left(checkpoints.sync_by);
        assert!(left <= pause && left + Duration::from_secs(2) > pause, "{left:?} where it is to be {pause:?}");
        // Nobody folds the log of a store that is not idle.
        checkpoints.empty_at = None;
        assert_eq!(checkpoints.wake_at(), checkpoints.sync_by);
    }
    connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
    checkpoints.after_batch(&connection, false).unwrap();
    assert!(left(checkpoints.sync_by) <= SYNCED_WITHIN);
    let due = checkpoints.sync_by;
    connection.execute("INSERT INTO t VALUES (2)", []).unwrap();
    checkpoints.after_batch(&connection, false).unwrap();
    assert_eq!(checkpoints.sync_by, due, "and not put off by those who go on writing");
    checkpoints.fold(&connection).unwrap();
    assert_eq!(checkpoints.sync_by, None);
    assert!(checkpoints.owe(true, failed()).is_err());
    assert!(left(checkpoints.sync_by) <= Duration::from_secs(4), "the pauses begin anew");
}

#[test]
fn what_there_is_no_room_for_in_the_file_is_synced_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
    let full = || Err(Error::Full { doing: "folding".into() });
    assert!(matches!(checkpoints.owe(true, full()), Err(Error::Full { .. })));
    assert_eq!(checkpoints.sync_by, None);
    // Where the log is not found under its name, whoever looks for it there says so.
    std::fs::rename(path.with_extension("db-wal"), directory.path().join("elsewhere")).unwrap();
    assert!(matches!(checkpoints.owe(true, full()), Err(Error::Io { .. })));
    assert!(checkpoints.sync_by.is_some());
}

#[test]
fn the_log_of_an_idle_store_that_cannot_be_emptied_is_tried_again_once_a_minute_at_the_least() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
    connection.execute("INSERT INTO t VALUES (1)", []).unwrap();
    checkpoints.after_batch(&connection, true).unwrap();
    for pause in [4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
        checkpoints.empty_at = Some(Instant::now());
        checkpoints.when_due(&connection).unwrap();
        let left = left(checkpoints.empty_at);
        assert!(left <= pause && left + Duration::from_secs(2) > pause, "{left:?} where it is to be {pause:?}");
    }
}

#[test]
fn what_falls_due_while_another_process_is_waited_for_is_synced_then_and_the_wait_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let (connection, mut checkpoints) = database(&path);
    let log = OwnLog::of(&path, None);
    let patience = Duration::from_millis(300);
    checkpoints.busy_timeout = patience;
    connection.busy_timeout(patience).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut begin = |due: Duration| {
        checkpoints.sync_by = Some(Instant::now() + due);
        let begun = Instant::now();
        let outcome = checkpoints.begin(&connection, &log);
        if matches!(outcome, Err(Error::Busy)) {
            // The engine counts whole milliseconds.
            assert!(begun.elapsed() > patience * 9 / 10, "{:?}", begun.elapsed());
        }
        (outcome.map_err(|error| error.code()), checkpoints.sync_by.is_some())
    };
    assert_eq!(begin(Duration::ZERO), (Err("ERR_BUSY"), false));
    assert_eq!(begin(patience / 3), (Err("ERR_BUSY"), false));
    assert_eq!(begin(patience * 9), (Err("ERR_BUSY"), true), "it is not due yet");
    // Where the log is not found under its name, whoever looks for it there says so.
    let elsewhere = directory.path().join("elsewhere");
    std::fs::rename(path.with_extension("db-wal"), &elsewhere).unwrap();
    assert_eq!(begin(Duration::ZERO).0, Err("ERR_INDETERMINATE"), "nothing is acknowledged behind it");
    std::fs::rename(&elsewhere, path.with_extension("db-wal")).unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(begin(patience / 3), (Ok(()), true), "nobody is in the way");
}
