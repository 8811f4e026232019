//! Brings files of earlier versions up to date. Old formats stay frozen in `tests/fixture/`.

use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use super::{
    heads::Head,
    schema::{self, SCHEMA_VERSION, SESSIONS, SESSIONS_FULL},
};
use crate::checksum::Checksum;

/// Does what is left to do, in one transaction: the file is of the old version or of the new one, never between them.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let version = schema::version(&transaction)?;
    if version == 1 {
        sessions_know_their_size_and_stamp(&transaction)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        tracing::info!(target: "smalltalk::storage", from = version, to = SCHEMA_VERSION, "migrated");
    }
    transaction.commit()
}

/// Version 2. Sound rows come over first, with a new checksum. What was damaged stays so, and may have anything in its
/// columns, even what would be another's: it takes no place that is wanted.
fn sessions_know_their_size_and_stamp(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "DROP VIEW sessions_full;
         DROP INDEX idx_sessions_updated;
         DROP INDEX idx_sessions_active_agent;
         ALTER TABLE sessions RENAME TO sessions_1;",
    )?;
    transaction.execute_batch(SESSIONS)?;
    let mut old = transaction.prepare(
        "SELECT id, data, types, active_agent, created_at, updated_at, number, version, message_count, crc FROM sessions_1",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        match sound_row_of_version_1(row) {
            Ok(Some((id, head))) => {
                Head { message_bytes: bytes_of_messages(transaction, head.number)?, ..head }
                    .insert(transaction, &id)?;
            }
            Ok(None) => {}
            // A column that holds what we never write is damage as well.
            Err(error) if error.sqlite_error_code().is_none() => {}
            Err(error) => return Err(error),
        }
    }
    drop(rows);
    // No row has the checksum -1, and none refers to messages by a negative number.
    transaction.execute_batch(
        "INSERT OR IGNORE INTO sessions (id, data, active_agent, created_at, updated_at, types, number, version, stamp,
                                         message_count, message_bytes, crc)
             SELECT CAST(id AS TEXT), coalesce(CAST(data AS TEXT), ''), CAST(active_agent AS TEXT),
                    coalesce(CAST(created_at AS INTEGER), 0), coalesce(CAST(updated_at AS INTEGER), 0),
                    CAST(types AS TEXT), -rowid, coalesce(CAST(version AS INTEGER), 0), 0,
                    coalesce(CAST(message_count AS INTEGER), 0), 0, -1
             FROM sessions_1;
         DROP TABLE sessions_1;",
    )?;
    transaction.execute_batch(SESSIONS_FULL)?;
    // Damage may have made a number of a row that no sum has room for.
    transaction.execute_batch(
        "INSERT INTO counters VALUES
             ('sessions', (SELECT count(*) FROM sessions)),
             ('messages', (SELECT coalesce(sum(message_count), 0) FROM sessions WHERE message_count BETWEEN 0 AND 1 << 40)),
             ('keys', (SELECT count(*) FROM key_values));",
    )
}

/// The row with its id, where its checksum fits.
fn sound_row_of_version_1(row: &Row<'_>) -> rusqlite::Result<Option<(String, Head)>> {
    let id: String = row.get(0)?;
    let version = row.get(7)?;
    let head = Head {
        row: None,
        data: row.get(1)?,
        types: row.get(2)?,
        active_agent: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        number: row.get(6)?,
        version,
        stamp: -version,
        message_count: row.get(8)?,
        message_bytes: 0,
    };
    let sound = crc_of_version_1(&id, &head) == row.get::<_, i64>(9)?;
    Ok(sound.then_some((id, head)))
}

fn bytes_of_messages(transaction: &Transaction<'_>, number: i64) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(data) + coalesce(octet_length(types), 0)), 0)
             FROM messages WHERE session = ?1",
        )?
        .query_row([number], |row| row.get(0))
}

fn crc_of_version_1(id: &str, head: &Head) -> i64 {
    Checksum::default()
        .bytes(id.as_bytes())
        .bytes(head.data.as_bytes())
        .optional(head.types.as_deref().map(str::as_bytes))
        .optional(head.active_agent.as_deref().map(str::as_bytes))
        .number(head.created_at)
        .number(head.updated_at)
        .number(head.number)
        .number(head.version)
        .number(head.message_count)
        .finish()
}
