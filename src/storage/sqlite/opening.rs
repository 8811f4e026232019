//! How a connection to the file is opened.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{
    birth,
    failure::failure,
    hardening::{self, harden},
    identity::{Identity, still_there},
    migrate,
    network::refuse_network,
    restored,
    schema::{self, APPLICATION_ID, BACKUP_ID, SCHEMA_VERSION},
};
use crate::error::{Error, Result};

/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES: i32 = 64 * 1024 * 1024;

/// Opening creates files; two adapters of one process must not do so at once, or the one that closes its descriptor of
/// the new file would drop the locks of the other.
static CREATING: Mutex<()> = Mutex::new(());

/// A connection, and which file it is to.
pub struct Opened {
    pub connection: Connection,
    pub identity: Option<Identity>,
}

/// Opens the writer's connection; makes the file and its schema where there is none.
///
/// # Errors
/// [`Error::Version`] for files of a newer version or of another program, else what kept it from opening.
pub fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Opened> {
    hardening::check_engine()?;
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    birth::make_where_missing(path)?;
    refuse_network(path)?;
    restored::refuse_log_of_another(path)?;
    let mut opened = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    let mut found = check_version(&mut opened.connection)?;
    if found == Found::Backup {
        drop(opened);
        restored::adopt(path, busy_timeout)?;
        opened = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
        found = check_version(&mut opened.connection)?;
    }
    let connection = &mut opened.connection;
    let doing = |error: &rusqlite::Error| failure("opening the database", error);
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|error| doing(&error))?;
    if mode != "wal" {
        return Err(Error::Io {
            doing: "opening the database".into(),
            cause: "it cannot use a write-ahead log here".into(),
        });
    }
    // On macOS a plain sync stops at the drive's cache. Elsewhere these do nothing.
    connection.pragma_update(None, "fullfsync", true).map_err(|error| doing(&error))?;
    connection.pragma_update(None, "checkpoint_fullfsync", true).map_err(|error| doing(&error))?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES).map_err(|error| doing(&error))?;
    match found {
        Found::Empty => schema::create(connection).map_err(|error| doing(&error))?,
        Found::Older => {
            migrate::migrate(connection).map_err(|error| failure("migrating the database", &error))?;
        }
        // A backup would be marked still where somebody has put it there in between: the next opening takes care of it.
        Found::Backup => return Err(Error::Busy),
        Found::Current => {}
    }
    // Also for a file that was there: whoever made it may have been killed before this line.
    birth::sync_names(path)?;
    Ok(opened)
}

/// Opens a connection that only reads.
///
/// # Errors
/// What kept it from opening.
pub fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Opened> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)
}

fn open(path: &Path, access: OpenFlags, busy_timeout: Duration) -> Result<Opened> {
    let doing = |error: &rusqlite::Error| failure("opening the database", error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let identity = Identity::of(path);
    let connection = Connection::open_with_flags(path, flags).map_err(|error| doing(&error))?;
    harden(&connection, busy_timeout).map_err(|error| doing(&error))?;
    still_there(path, identity, "opening the database")?;
    Ok(Opened { connection, identity })
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// No schema: whoever was to make it did not get so far.
    Empty,
    /// A schema that this package knows how to bring up to date.
    Older,
    Current,
    /// A copy that has not been opened yet, of any version.
    Backup,
}

/// Finds out what the file holds; an error where it is not ours or newer than we are. Writes nothing.
///
/// Another process may be making the schema at this moment, or was killed before it had: all answers come from one
/// snapshot.
fn check_version(connection: &mut Connection) -> Result<Found> {
    let (objects, application, version) =
        look(connection).map_err(|error| failure("reading the version of the database", &error))?;
    match (application, version) {
        (0, 0) if objects == 0 => Ok(Found::Empty),
        (BACKUP_ID, 1..=SCHEMA_VERSION) => Ok(Found::Backup),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(Found::Current),
        (APPLICATION_ID, 1..SCHEMA_VERSION) => Ok(Found::Older),
        (APPLICATION_ID | BACKUP_ID, _) => Err(Error::Version(format!(
            "the database has schema version {version}, this package knows version {SCHEMA_VERSION}"
        ))),
        _ => Err(Error::Version("the file is a database of another program".into())),
    }
}

fn look(connection: &mut Connection) -> rusqlite::Result<(i64, i32, i32)> {
    let snapshot = connection.transaction()?;
    // The first read makes the snapshot.
    let objects = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application = snapshot.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = snapshot.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((objects, application, version))
}
