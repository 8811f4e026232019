//! What is made anew, and what is left as it is.

use super::*;
use crate::storage::sqlite::{expiry::Expiry, schema};

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "auto_vacuum", "incremental").unwrap();
    schema::create(&mut connection).unwrap();
    for (key, end) in [("k1", None), ("k2", Some(5)), ("k3", None), ("k4", Some(i64::MAX))] {
        keys::set(&connection, key, "1", None, end).unwrap();
    }
    connection
}

/// Has an index say something else than it does, which `says` puts into a table of the same columns.
fn mislead(connection: &Connection, index: &str, columns: &str, says: &str) {
    let other = "SELECT sum(rootpage) FROM sqlite_schema WHERE name IN ('other_index', '{index}')";
    connection
        .execute_batch(&format!(
            "CREATE TABLE other ({columns}); CREATE INDEX other_index ON other ({columns}); {says};
             PRAGMA writable_schema = on;
             CREATE TEMP TABLE roots AS {other};
             UPDATE sqlite_schema SET rootpage = (SELECT * FROM roots) - rootpage
                 WHERE name IN ('other_index', '{index}');
             DROP TABLE roots; PRAGMA writable_schema = reset;",
            other = other.replace("{index}", index),
        ))
        .unwrap();
}

fn mend(connection: &Connection) {
    for part in PARTS {
        part(connection).unwrap();
    }
}

fn step(expiry: &mut Expiry, connection: &Connection) -> Option<Error> {
    let (reply, outcome) = crate::reply::Reply::channel();
    let mut write = expiry.step(reply);
    let failed = write.attempt(connection);
    write.verdict()(None);
    expiry.after(&outcome.recv().unwrap());
    failed
}

fn there(connection: &Connection) -> Vec<String> {
    let mut ask = connection.prepare("SELECT key FROM key_values NOT INDEXED ORDER BY rowid").unwrap();
    ask.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn a_key_ends_when_its_own_row_says_so_whatever_the_index_of_ends_says() {
    for says in ["(2, 5), (3, 5)", "(3, 5)", "(4, 5)", "(9, 5)"] {
        let connection = database();
        mislead(
            &connection,
            "idx_key_values_expires",
            "expires_at",
            &format!("INSERT INTO other (rowid, expires_at) VALUES {says}"),
        );
        let (mut expiry, mending) = (Expiry::default(), Mending::default());
        let failed = step(&mut expiry, &connection);
        let sound_one = says.contains("(2, 5)");
        assert_eq!(failed.is_none(), sound_one, "{says}: {failed:?}");
        let error = failed.or_else(|| step(&mut expiry, &connection)).unwrap();
        let pause = expiry.step_at().unwrap().saturating_duration_since(Instant::now());
        assert!(pause > Duration::from_secs(50), "{says}: it is not tried all the time");
        assert_eq!(there(&connection).len(), if sound_one { 3 } else { 4 }, "{says}");
        assert!(mending.may_help(&error));
        mend(&connection);
        assert!(step(&mut expiry, &connection).is_none(), "{says}");
        assert_eq!(there(&connection), ["k1", "k3", "k4"], "{says}");
    }
}

#[test]
fn a_damaged_key_is_not_removed_by_an_end_that_only_its_damaged_row_says() {
    let connection = database();
    connection.execute("UPDATE key_values SET expires_at = 1 WHERE rowid = 3", []).unwrap();
    let says = format!("INSERT INTO other (rowid, expires_at) VALUES (2, 5), (4, {})", i64::MAX);
    mislead(&connection, "idx_key_values_expires", "expires_at", &says);
    mend(&connection);
    assert!(step(&mut Expiry::default(), &connection).is_none());
    assert_eq!(there(&connection), ["k1", "k3", "k4"]);
}

#[test]
fn indexes_stay_where_they_may_know_more_than_the_rows() {
    let leads = |connection: &Connection| keys::set(connection, "k2", "2", None, None).is_ok();
    for (more, is_made_anew) in [
        ("SELECT 1", true),
        // It is damaged under its own name before and after.
        ("UPDATE key_values SET data = '9' WHERE rowid = 3", true),
        // The index has its name, which the row has lost.
        ("UPDATE other SET key = 'k5' WHERE rowid = 3", true),
        ("UPDATE other SET key = 'k5' WHERE rowid = 3; UPDATE key_values SET data = '9' WHERE rowid = 3", false),
        // Rows that nobody finds by going through them.
        ("UPDATE counters SET value = 5 WHERE name = 'keys'", false),
    ] {
        let connection = database();
        let says = "INSERT INTO other (rowid, key) VALUES (1, 'k1'), (2, 'k4'), (3, 'k3'), (4, 'k2')";
        let (of_rows, of_index): (Vec<_>, Vec<_>) = more.split("; ").partition(|sql| !sql.contains("other"));
        let says = std::iter::once(says).chain(of_index).collect::<Vec<_>>().join("; ");
        mislead(&connection, "sqlite_autoindex_key_values_1", "key", &says);
        connection.execute_batch(&of_rows.join("; ")).unwrap();
        assert!(!leads(&connection), "{more}");
        mend(&connection);
        assert_eq!(leads(&connection), is_made_anew, "{more}");
        assert_eq!(there(&connection), ["k1", "k2", "k3", "k4"], "{more}");
    }
}

#[test]
fn what_takes_too_long_is_left_as_it_is() {
    let connection = database();
    let says = "INSERT INTO other (rowid, key) VALUES (1, 'k1'), (2, 'k4'), (3, 'k3'), (4, 'k2')";
    mislead(&connection, "sqlite_autoindex_key_values_1", "key", says);
    let set = || keys::set(&connection, "k2", "2", None, None).is_ok();
    for (reading, is_made_anew) in [(Duration::ZERO, false), (READING, true)] {
        KEYS.mend(&connection, reading).unwrap();
        assert_eq!(set(), is_made_anew, "{reading:?}");
    }
}

#[test]
fn what_was_of_no_use_is_not_tried_again_at_once_and_a_damaged_row_is_no_reason_to() {
    let mending = Mending::default();
    let of_the_file = Error::Corrupt { what: FILE.into(), detail: String::new() };
    assert!(!mending.may_help(&keys::damaged("k", "its checksum does not fit")));
    assert!(mending.may_help(&of_the_file));
    mending.begin();
    assert!(!mending.may_help(&of_the_file));
    mending.note(Some(&of_the_file));
    assert!(!mending.may_help(&of_the_file));
    // It was found out only by what was made anew.
    mending.note(Some(&Error::SessionUnknown("s".into())));
    assert!(mending.may_help(&of_the_file));
}
