//! What a file holds that is about to be used as a database.

use std::path::Path;

use rusqlite::Connection;

use super::{
    schema::{APPLICATION_ID, BACKUP_ID, SCHEMA_VERSION},
    unopened::unopened,
};
use crate::error::{Error, Result};

/// What a file holds.
#[derive(Clone, Copy)]
pub enum Content {
    /// No schema: whoever was to make it did not get so far.
    Empty,
    /// A schema that this package knows how to bring up to date.
    Older,
    Current,
    /// A copy that has not been opened yet, of this version.
    Backup(i32),
}

/// Finds out what the file holds; an error where it is not ours or newer than we are. Writes nothing.
///
/// Another process may be making the schema at this moment, or was killed before it had: all answers come from one
/// snapshot.
///
/// # Errors
/// [`Error::Version`], or what kept it from being looked at.
pub fn recognize(path: &Path, connection: &mut Connection) -> Result<Content> {
    let (objects, application, version) = look(connection).map_err(|error| unopened(path, &error))?;
    match (application, version) {
        (0, 0) if objects == 0 => Ok(Content::Empty),
        (BACKUP_ID, 1..=SCHEMA_VERSION) => Ok(Content::Backup(version)),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(Content::Current),
        (APPLICATION_ID, 1..SCHEMA_VERSION) => Ok(Content::Older),
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
