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

/// Version 2. A row gets its new checksum only where the old one fits: what was damaged stays so.
fn sessions_know_their_size_and_stamp(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "DROP VIEW sessions_full;
         DROP INDEX idx_sessions_updated;
         DROP INDEX idx_sessions_active_agent;
         ALTER TABLE sessions RENAME TO sessions_1;",
    )?;
    transaction.execute_batch(SESSIONS)?;
    // No row has the checksum -1: all of them count as damaged until they have proved to be sound.
    transaction.execute_batch(
        "INSERT INTO sessions (id, data, active_agent, created_at, updated_at, types, number, version, stamp,
                               message_count, message_bytes, crc)
             SELECT id, data, active_agent, created_at, updated_at, types, number, version, -version, message_count,
                    (SELECT coalesce(sum(octet_length(m.data) + coalesce(octet_length(m.types), 0)), 0)
                     FROM messages m WHERE m.session = number),
                    -1
             FROM sessions_1;",
    )?;
    let mut give = transaction.prepare("UPDATE sessions SET crc = ?2 WHERE number = ?1")?;
    let mut old = transaction.prepare("SELECT id, crc FROM sessions_1")?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        if let Some((number, crc)) = proved(transaction, row)? {
            give.execute([number, crc])?;
        }
    }
    drop(rows);
    transaction.execute_batch("DROP TABLE sessions_1;")?;
    transaction.execute_batch(SESSIONS_FULL)?;
    transaction.execute_batch(
        "INSERT INTO counters VALUES
             ('sessions', (SELECT count(*) FROM sessions)),
             ('messages', (SELECT count(*) FROM messages)),
             ('keys', (SELECT count(*) FROM key_values));",
    )
}

/// The number and the new checksum of a row that is as it was written.
fn proved(transaction: &Transaction<'_>, row: &Row<'_>) -> rusqlite::Result<Option<(i64, i64)>> {
    // Text that is no text is damage as well.
    let Ok(id) = row.get_ref(0)?.as_str() else { return Ok(None) };
    let written: i64 = row.get(1)?;
    let head = match Head::stored(transaction, id) {
        Ok(head) => head.map(|(head, _)| head).filter(|head| crc_of_version_1(id, head) == written),
        Err(error) if error.sqlite_error_code().is_none() => None,
        Err(error) => return Err(error),
    };
    Ok(head.map(|head| (head.number, head.crc(id))))
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
