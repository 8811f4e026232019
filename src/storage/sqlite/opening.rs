//! How a connection to the file is opened.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::{
    birth,
    content::{self, Content},
    failure::failure,
    hardening::{self, harden},
    held::{Held, HeldConnection},
    lone_mount::{refuse_lone_mount, warn_of_other_names},
    migrate,
    network::refuse_network,
    restored,
    schema::{self, SCHEMA_VERSION},
    shared_file::SharedFile,
    still_there::still_there,
    turns::Turn,
    unopened::unopened,
};
use crate::{
    error::{Error, Result},
    found::Identity,
};

/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES: i32 = 64 * 1024 * 1024;

/// As often it is said that there shall be a log, where somebody says that there shall be none.
const TRIES: usize = 100;

/// Who opens a backup waits so long for others who do, and are in each other's way.
const PAUSE: Duration = Duration::from_millis(5);

/// A connection, and which file it is to.
pub struct Opened {
    pub connection: Connection,
    pub identity: Option<Identity>,
    /// What holds the file for the one that writes, behind the connection, which is closed first.
    pub held: Option<Held>,
}

/// Opens the writer's connection; makes the file and its schema where there is none.
///
/// # Errors
/// [`Error::Version`] for files of a newer version or of another program, else what kept it from opening.
pub fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Opened> {
    hardening::check_engine()?;
    birth::make_directory(path)?;
    // Opening creates files; two adapters of one process must not do so at once, or the one that closes its descriptor of the
    // new file would drop the locks of the other.
    let turn = Turn::of(path);
    let _alone = turn.wait();
    refuse_lone_mount(path)?;
    birth::make_where_missing(path)?;
    refuse_network(path)?;
    // Before anything opens it: what closes it again would take the locks of another copy along.
    let identity = Identity::of(path);
    let held = identity.map(|file| Held::of(path, file)).transpose()?;
    let (mut opened, found) = open_adopted(path, busy_timeout)?;
    still_there(path, identity, "opening the database")?;
    opened.held = held;
    match found {
        // Read only: it has no log, and needs none.
        Content::Backup(SCHEMA_VERSION) => return Ok(opened),
        Content::Backup(_) => {
            let doing = format!("opening the database {}", path.display());
            return Err(Error::Io { doing, cause: "it is a backup of an earlier version, and read-only".into() });
        }
        _ => {}
    }
    let connection = &mut opened.connection;
    let doing = |error: &rusqlite::Error| unopened(path, error);
    if !use_log(connection).map_err(|error| doing(&error))? {
        return Err(Error::Io {
            doing: format!("opening the database {}", path.display()),
            cause: "it cannot use a write-ahead log here".into(),
        });
    }
    // On macOS a plain sync stops at the drive's cache. Elsewhere these do nothing.
    connection.pragma_update(None, "fullfsync", true).map_err(|error| doing(&error))?;
    connection.pragma_update(None, "checkpoint_fullfsync", true).map_err(|error| doing(&error))?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES).map_err(|error| doing(&error))?;
    match found {
        Content::Empty => schema::create(connection).map_err(|error| doing(&error))?,
        Content::Older => {
            let migrating = format!("migrating the database {}", path.display());
            migrate::migrate(connection).map_err(|error| failure(&migrating, &error))?;
        }
        Content::Backup(_) | Content::Current => {}
    }
    warn_of_other_names(path);
    // Also for a file that was there: whoever made it may have been killed before this line.
    birth::sync_names(path)?;
    Ok(opened)
}

/// Has the connection use a write-ahead log, and open it. Whether it does.
///
/// To say that there shall be a log opens none in a file that had none so far: the next read does. From then on the file is
/// locked for as long as the connection is open, and nobody who sees that takes the log away, or says that there is none.
/// Somebody else may say so just before: then it is said once more.
fn use_log(connection: &Connection) -> rusqlite::Result<bool> {
    for _ in 0..TRIES {
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Ok(false);
        }
        connection.pragma_query_value(None, "user_version", |_| Ok(()))?;
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode == "wal" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens a file that is no backup any more, or one that this process may only read.
fn open_adopted(path: &Path, busy_timeout: Duration) -> Result<(Opened, Content)> {
    let begun = Instant::now();
    loop {
        restored::refuse_log_of_another(path)?;
        let mut opened = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
        let found = content::recognize(path, &mut opened.connection)?;
        if !matches!(found, Content::Backup(_)) || opened.connection.is_readonly(MAIN_DB).unwrap_or(false) {
            return Ok((opened, found));
        }
        drop(opened);
        let adopted = restored::adopt(path, busy_timeout).map_err(|error| unopened(path, &error))?;
        if !adopted && begun.elapsed() >= busy_timeout {
            return Err(restored::log_of_another(path));
        }
        if !adopted {
            thread::sleep(PAUSE);
        }
    }
}

/// Opens a connection that only reads, to the file that the store was opened with.
///
/// # Errors
/// What kept it from opening, or that another file has the name.
pub fn open_reader(path: &Path, file: &SharedFile, busy_timeout: Duration) -> Result<HeldConnection> {
    file.still_there(path, "reading")?;
    let held = file.held();
    let opened = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)?;
    file.still_there(path, "reading")?;
    Ok(HeldConnection::new(opened.connection, held))
}

/// Whether what the writer's connection has opened can be written to: beside the file that is its log, and the memory that
/// all its users share.
#[must_use]
pub fn may_write(connection: &Connection, busy_timeout: Duration) -> bool {
    // The engine opens for reading what it cannot open for writing, and says nothing.
    if connection.is_readonly(MAIN_DB).unwrap_or(false) {
        return false;
    }
    let begun =
        connection.busy_timeout(Duration::ZERO).and_then(|()| connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK"));
    let _ = connection.busy_timeout(busy_timeout);
    !begun.is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::ReadOnly))
}

/// What the engine has made beside a file that was read-only is as read-only, and would be still when the file is not any more.
#[cfg(unix)]
pub fn let_write_beside(path: &Path) {
    use std::{fs, os::unix::fs::PermissionsExt};
    const OWNER_WRITES: u32 = 0o200;
    let own = birth::own_name(path);
    let Ok(rights) = fs::metadata(&own).map(|found| found.permissions()) else { return };
    for beside in ["-wal", "-shm"].map(|ending| birth::with_ending(&own, ending)) {
        let locked = fs::metadata(&beside).is_ok_and(|found| found.permissions().mode() & OWNER_WRITES == 0);
        if locked && rights.mode() & OWNER_WRITES != 0 {
            // Where it is somebody else's, that one has to.
            let _ = fs::set_permissions(&beside, rights.clone());
        }
    }
}

#[cfg(not(unix))]
pub fn let_write_beside(_: &Path) {}

fn open(path: &Path, access: OpenFlags, busy_timeout: Duration) -> Result<Opened> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let identity = Identity::of(path);
    let connection = Connection::open_with_flags(path, flags).map_err(|error| unopened(path, &error))?;
    harden(&connection, busy_timeout).map_err(|error| unopened(path, &error))?;
    still_there(path, identity, "opening the database")?;
    Ok(Opened { connection, identity, held: None })
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

    use super::*;

    #[test]
    fn what_is_beside_a_file_can_be_written_to_when_the_file_can() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let log = birth::with_ending(&path, "-wal");
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (rights, of_log, expected) in [(0o600, 0o444, 0o600), (0o444, 0o444, 0o444), (0o600, 0o640, 0o640)] {
            fs::write(&path, "").and_then(|()| fs::write(&log, "")).unwrap();
            set(&path, rights);
            set(&log, of_log);
            let_write_beside(&path);
            assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, expected);
            fs::remove_file(&path).and_then(|()| fs::remove_file(&log)).unwrap();
        }
    }

    #[test]
    fn a_log_is_open_also_where_somebody_has_said_meanwhile_that_there_shall_be_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("PRAGMA journal_mode = delete; CREATE TABLE t (x);").unwrap();
        let mut connection = Connection::open(&path).unwrap();
        let mut says = 2;
        let before_the_read = move |asked: AuthContext<'_>| {
            if says > 0 && matches!(asked.action, AuthAction::Pragma { pragma_name: "user_version", .. }) {
                says -= 1;
                // It has to see that there is one.
                other.execute_batch("SELECT x FROM t; PRAGMA journal_mode = delete").unwrap();
                let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
                assert_eq!(mode, "delete");
            }
            Authorization::Allow
        };
        connection.authorizer(Some(before_the_read)).unwrap();
        assert!(use_log(&connection).unwrap());
        assert!(birth::with_ending(&path, "-wal").exists());
    }
}
