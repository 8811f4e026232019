//! How a connection to the file is opened.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

use super::{
    failure::failure,
    migrate,
    schema::{self, APPLICATION_ID, SCHEMA_VERSION},
};
use crate::error::{Error, Result};

/// Large pages halve the cost of large sessions.
const PAGE_SIZE: i32 = 16 * 1024;

/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES: i32 = 64 * 1024 * 1024;

/// Opening creates files; two adapters of one process must not do so at once, or the one that closes its descriptor of
/// the new file would drop the locks of the other.
static CREATING: Mutex<()> = Mutex::new(());

/// Opens the writer's connection; makes the file and its schema where there is none.
///
/// # Errors
/// [`Error::Version`] for files of a newer version or of another program, else what kept it from opening.
pub fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let _guard = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    create_private(path)?;
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    let doing = |error: &rusqlite::Error| failure("opening the database", error);
    let found = check_version(&mut connection)?;
    if found == Found::Empty {
        connection.pragma_update(None, "page_size", PAGE_SIZE).map_err(|error| doing(&error))?;
        // Room that was given up can be given back to the disk, in steps.
        connection.pragma_update(None, "auto_vacuum", "incremental").map_err(|error| doing(&error))?;
    }
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
        Found::Empty => schema::create(&mut connection).map_err(|error| doing(&error))?,
        Found::Older => {
            migrate::migrate(&mut connection).map_err(|error| failure("migrating the database", &error))?;
        }
        Found::Current => {}
    }
    // Also for a file that was there: whoever made it may have been killed before this line.
    sync_names(path)?;
    Ok(connection)
}

/// Opens a connection that only reads.
///
/// # Errors
/// What kept it from opening.
pub fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)
}

fn open(path: &Path, access: OpenFlags, busy_timeout: Duration) -> Result<Connection> {
    let doing = |error: &rusqlite::Error| failure("opening the database", error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| doing(&error))?;
    harden(&connection, busy_timeout).map_err(|error| doing(&error))?;
    Ok(connection)
}

/// A damaged or hostile file must not be able to do anything but fail.
fn harden(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // Or a statement is compiled anew for each value that is bound in it, in the hope of a better plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Readers never fold the log, and the writer chooses when.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Empty,
    /// A schema that this package knows how to bring up to date.
    Older,
    Current,
}

/// Finds out what the file holds; an error where it is not ours or newer than we are. Writes nothing.
///
/// Another process may be making the schema at this moment, or was killed before it had: all answers come from one
/// snapshot, and a file without a schema is as good as new.
fn check_version(connection: &mut Connection) -> Result<Found> {
    let (objects, application, version) =
        look(connection).map_err(|error| failure("reading the version of the database", &error))?;
    match (application, version) {
        (0, 0) if objects == 0 => Ok(Found::Empty),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(Found::Current),
        (APPLICATION_ID, 1..SCHEMA_VERSION) => Ok(Found::Older),
        (APPLICATION_ID, _) => Err(Error::Version(format!(
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

/// Conversations are nobody else's business: SQLite gives its other files the mode of this one.
fn create_private(path: &Path) -> Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(|cause| Error::io("creating the directory of the database", &cause))?;
    }
    match create_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("creating the database", &cause)),
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner may read, where there is nothing of that name.
///
/// # Errors
/// What kept it from being made.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// A new file is there after a power cut only if the names that lead to it are on the disk.
///
/// # Errors
/// What kept its directory from being synced.
#[cfg_attr(not(unix), expect(unused_variables, reason = "Windows has no such sync"))]
pub fn sync_names(path: &Path) -> Result<()> {
    #[cfg(unix)]
    for (distance, directory) in path.ancestors().skip(1).enumerate() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
        // Directories further up may be none of ours, and closed to us.
        if distance == 0 {
            synced.map_err(|cause| Error::io("syncing the directory of the database", &cause))?;
        }
    }
    Ok(())
}

/// What tells a file from another one under the same name.
pub type Identity = (u64, u64);

/// The identity of the file at `path`; none where there is no file, or no telling. Looks at the name only: to open the
/// file would end SQLite's locks on it when it is closed again.
#[must_use]
#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix tells files by number"))]
pub fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    None
}

/// Checks that the path still means the file that was opened.
///
/// # Errors
/// [`Error::Io`] where it does not.
pub fn still_there(path: &Path, opened: Option<Identity>, doing: &str) -> Result<()> {
    if opened == identity(path) {
        return Ok(());
    }
    Err(Error::Io { doing: doing.into(), cause: "the database file was deleted or replaced while it was open".into() })
}
