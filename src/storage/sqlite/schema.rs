//! The file's format.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::failure::failure;
use crate::error::{Error, Result};

/// "SmTk": how `file` and we recognise our databases.
pub const APPLICATION_ID: i32 = 0x536D_546B;

/// "SmTb": a backup that has not been opened yet.
pub const BACKUP_ID: i32 = 0x536D_5462;

/// The schema this version reads and writes; it reads older ones as well, by migrating them.
pub const SCHEMA_VERSION: i32 = 2;

/// The sessions, with the indexes that serve every order of a list and of paging through one.
pub(super) const SESSIONS: &str = "
    -- A session without its messages, which are an empty array in its data. Times are milliseconds since the epoch.
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY NOT NULL,
        data TEXT NOT NULL,
        active_agent TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        types TEXT,                    -- JSON Pointer to type, where data was more than JSON
        number INTEGER NOT NULL UNIQUE,-- what messages refer to; never given out twice
        version INTEGER NOT NULL,      -- grows with every write, also across delete and re-create
        stamp INTEGER NOT NULL,        -- which state this is, to those who save what changed since
        message_count INTEGER NOT NULL,
        message_bytes INTEGER NOT NULL,-- of the data and types of the messages
        crc INTEGER NOT NULL           -- CRC-32C of the other columns
    ) STRICT;
    CREATE INDEX idx_sessions_updated ON sessions(updated_at, id);
    CREATE INDEX idx_sessions_created ON sessions(created_at, id);
    CREATE INDEX idx_sessions_active_agent ON sessions(active_agent, updated_at, id);
";

/// Whole sessions, for people with the `sqlite3` shell.
pub(super) const SESSIONS_FULL: &str = "
    CREATE VIEW sessions_full AS
        SELECT id,
               json_set(data, '$.messages', json((
                   SELECT json_group_array(json(m.data))
                   FROM (SELECT data FROM messages WHERE session = number ORDER BY position) m
               ))) AS data,
               active_agent, created_at, updated_at
        FROM sessions;
";

const OTHER_TABLES: &str = "
    -- Positions are sparse, so that a message can be put between two others.
    CREATE TABLE messages (
        session INTEGER NOT NULL,
        position INTEGER NOT NULL,
        data TEXT NOT NULL,
        types TEXT,
        crc INTEGER NOT NULL,
        PRIMARY KEY (session, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE key_values (
        key TEXT PRIMARY KEY NOT NULL,
        data TEXT NOT NULL,
        types TEXT,
        expires_at INTEGER,
        crc INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX idx_key_values_expires ON key_values(expires_at) WHERE expires_at IS NOT NULL;

    -- The last version given out, and how many rows the tables have.
    CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counters VALUES ('version', 0), ('sessions', 0), ('messages', 0), ('keys', 0);
";

/// Makes the schema in a new file.
pub(super) fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    if version(&transaction)? == 0 {
        transaction.execute_batch(SESSIONS)?;
        transaction.execute_batch(OTHER_TABLES)?;
        transaction.execute_batch(SESSIONS_FULL)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()
}

/// The version of the schema as the transaction sees it.
pub(super) fn version(transaction: &Transaction<'_>) -> rusqlite::Result<i32> {
    transaction.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Checks that the file is sound as a database; rows have checksums of their own.
///
/// # Errors
/// [`Error::Corrupt`] where it is not.
pub fn verify(connection: &Connection) -> Result<()> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| failure("verifying the database", &error))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(Error::Corrupt { what: "the database file".into(), detail: verdict })
}
