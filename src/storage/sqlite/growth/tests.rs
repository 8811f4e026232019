use super::*;

fn database(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);").unwrap();
    connection
}

fn length(path: &Path) -> i64 {
    i64::try_from(std::fs::metadata(path).unwrap().len()).unwrap()
}

fn bytes(connection: &Connection) -> i64 {
    ask(connection, "PRAGMA page_count").unwrap() * ask(connection, "PRAGMA page_size").unwrap()
}

fn fold(connection: &Connection) {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

#[test]
fn what_is_about_to_be_committed_has_its_room_and_is_not_touched_by_that() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let connection = database(&path);
    let growth = Growth::of(&connection, &path).unwrap();
    let fill = "INSERT INTO t SELECT hex(randomblob(2000)) FROM json_each('[1,2,3,4,5,6,7,8,9,10]')";
    for (n, ends) in ["COMMIT", "ROLLBACK", "COMMIT", "COMMIT"].into_iter().cycle().take(40).enumerate() {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        (0..10).for_each(|_| connection.execute_batch(fill).unwrap());
        growth.keep(&connection).unwrap();
        assert!(length(&path) >= bytes(&connection), "before the commit");
        connection.execute_batch(ends).unwrap();
        if n % 7 == 0 {
            fold(&connection);
        }
        assert!(length(&path) >= bytes(&connection), "after it");
        assert_eq!(growth.lacks(&connection).unwrap(), 0);
    }
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let rows: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!((sound.as_str(), rows), ("ok", 3_000));
    connection.close().unwrap();
    let again = Connection::open(&path).unwrap();
    assert!(length(&path) - bytes(&again) <= AHEAD, "the file keeps no more than it was to");
}

#[test]
fn a_file_that_somebody_has_cut_gets_its_room_again_when_it_is_to_be_as_long_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA auto_vacuum = incremental").unwrap();
    let connection = database(&path);
    let growth = Growth::of(&connection, &path).unwrap();
    let save = || {
        connection.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (randomblob(3000000))").unwrap();
        growth.keep(&connection).unwrap();
        connection.execute_batch("COMMIT").unwrap();
        bytes(&connection)
    };
    let first = save();
    fold(&connection);
    let somebody = Connection::open(&path).unwrap();
    somebody.execute_batch("DELETE FROM t; PRAGMA incremental_vacuum").unwrap();
    fold(&somebody);
    assert!(length(&path) < first);
    assert_eq!(save(), first);
    assert!(length(&path) >= first);
}

#[test]
fn where_there_is_not_enough_nothing_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let connection = database(&path);
    connection.execute_batch("INSERT INTO t VALUES (randomblob(40000))").unwrap();
    let before = length(&path);
    for available in [(|_| 0) as fn(&Path) -> i64, |_| 39_999] {
        let growth = Growth::on(&connection, &path, Disk { available, is_full: |_, _, _| true }).unwrap();
        assert_eq!(growth.keep(&connection).unwrap_err().code(), "ERR_FULL");
        assert_eq!(length(&path), before);
    }
    let barely = Disk { available: |_| 100_000, ..REAL };
    Growth::on(&connection, &path, barely).unwrap().keep(&connection).unwrap();
    assert_eq!(length(&path), bytes(&connection), "no more than there is");
}

#[test]
fn a_disk_of_which_nothing_is_said_to_be_left_is_full_only_where_another_file_finds_it_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let connection = database(&path);
    connection.execute_batch("INSERT INTO t VALUES (randomblob(40000))").unwrap();
    let uncounted = Disk { available: |_| 0, ..REAL };
    Growth::on(&connection, &path, uncounted).unwrap().keep(&connection).unwrap();
    assert_eq!(length(&path), bytes(&connection));
}

#[test]
fn a_file_that_cannot_be_made_longer_is_a_full_disk_only_where_no_other_could() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let growth = Growth::on(&database(&path), &path, Disk { available: |_| i64::MAX, ..REAL }).unwrap();
    let failing = Connection::open_in_memory().unwrap();
    growth.take(&failing, 40_000, 30_000).unwrap();
    let more_than_any_disk_has = 1 << 62;
    let refused = growth.take(&failing, more_than_any_disk_has, more_than_any_disk_has).unwrap_err();
    assert_eq!(refused.code(), "ERR_FULL");
}

#[test]
fn what_was_in_the_log_before_has_its_room_from_the_opening_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let connection = database(&path);
    connection.execute_batch("INSERT INTO t VALUES (randomblob(1000000))").unwrap();
    assert!(length(&path) < 1_000_000);
    Growth::of(&connection, &path).unwrap();
    assert!(length(&path) >= 1_000_000);
}
