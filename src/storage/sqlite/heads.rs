//! The rows of sessions: everything of a session but its messages.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::{
    failure::{failure, one},
    messages,
};
use crate::{
    checksum::Checksum,
    error::{Error, Result},
};

/// A session's row.
#[derive(Debug, Clone)]
pub struct Head {
    /// Where it stands; none where it is not stored yet.
    pub row: Option<i64>,
    pub data: String,
    pub types: Option<String>,
    pub active_agent: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub number: i64,
    pub version: i64,
    pub stamp: i64,
    pub message_count: i64,
    pub message_bytes: i64,
}

/// What stands under an id.
pub enum Standing {
    Nothing,
    Sound(Box<Head>),
    /// A row whose checksum does not fit. Its number may be another session's: whoever writes over it must not use it, and
    /// its messages stay behind, unreachable.
    Damaged,
    /// The index of ids leads nowhere, or to the row of another session, which is nobody's to touch.
    Misled,
}

impl Standing {
    /// Looks at the row of `id`.
    pub fn of(connection: &Connection, id: &str) -> rusqlite::Result<Self> {
        match Head::stored(connection, id) {
            Ok(None) => Ok(Self::Nothing),
            Ok(Some((head, crc))) if head.crc(id) == crc => Ok(Self::Sound(Box::new(head))),
            Ok(Some(_)) => Self::unsound(connection, id),
            // A column that holds what we never write is damage as well, and so is a row that is none.
            Err(error) if matches!(error.sqlite_error_code(), None | Some(ErrorCode::DatabaseCorrupt)) => {
                Self::unsound(connection, id)
            }
            Err(error) => Err(error),
        }
    }

    fn unsound(connection: &Connection, id: &str) -> rusqlite::Result<Self> {
        match Head::has_its_id(connection, id) {
            Ok(true) => Ok(Self::Damaged),
            Ok(false) => Ok(Self::Misled),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(Self::Damaged),
            Err(error) => Err(error),
        }
    }

    /// The row, for those who must not go on with a damaged one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it is damaged, else what kept it from being read.
    pub fn trusted(connection: &Connection, id: &str) -> Result<Option<Head>> {
        match Self::of(connection, id).map_err(|error| failure("reading a session", &error))? {
            Self::Nothing => Ok(None),
            Self::Sound(head) => Ok(Some(*head)),
            Self::Damaged => Err(damaged(id, "its checksum does not fit")),
            Self::Misled => Err(damaged(id, MISLED)),
        }
    }
}

/// What the index of ids does where a session is [`Standing::Misled`].
pub const MISLED: &str = "the index of ids leads to a row that is not its own";

/// All rows as they stand, whatever an index says, for [`Head::fits`].
pub const ALL: &str = "SELECT data, types, active_agent, created_at, updated_at, number, version, stamp, message_count,
                              message_bytes, crc, rowid AS row, id
                       FROM sessions NOT INDEXED";

impl Head {
    /// The row as it stands, and the checksum it should have.
    pub fn stored(connection: &Connection, id: &str) -> rusqlite::Result<Option<(Self, i64)>> {
        connection
            .prepare_cached(
                "SELECT data, types, active_agent, created_at, updated_at, number, version, stamp, message_count,
                        message_bytes, crc, rowid
                 FROM sessions WHERE id = ?1",
            )?
            .query_row([id], Self::read)
            .optional()
    }

    /// Whether a row of these columns, with its id behind them, is as it was written.
    pub fn fits(row: &Row<'_>) -> rusqlite::Result<bool> {
        let (head, crc) = Self::read(row)?;
        Ok(head.crc(row.get_ref(12)?.as_str()?) == crc)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<(Self, i64)> {
        let head = Self {
            row: row.get(11)?,
            data: row.get(0)?,
            types: row.get(1)?,
            active_agent: row.get(2)?,
            created_at: row.get(3)?,
            updated_at: row.get(4)?,
            number: row.get(5)?,
            version: row.get(6)?,
            stamp: row.get(7)?,
            message_count: row.get(8)?,
            message_bytes: row.get(9)?,
        };
        Ok((head, row.get(10)?))
    }

    /// The checksum of the row under `id`.
    pub fn crc(&self, id: &str) -> i64 {
        Checksum::default()
            .bytes(id.as_bytes())
            .bytes(self.data.as_bytes())
            .optional(self.types.as_deref().map(str::as_bytes))
            .optional(self.active_agent.as_deref().map(str::as_bytes))
            .number(self.created_at)
            .number(self.updated_at)
            .number(self.number)
            .number(self.version)
            .number(self.stamp)
            .number(self.message_count)
            .number(self.message_bytes)
            .finish()
    }

    /// The bytes of the session without its messages.
    pub fn data_bytes(&self) -> i64 {
        messages::size(&self.data, self.types.as_deref())
    }

    /// Puts the row where there was none.
    pub fn insert(&self, connection: &Connection, id: &str) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO sessions (data, types, active_agent, created_at, updated_at, number, version, stamp,
                                       message_count, message_bytes, crc, id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                self.data,
                self.types,
                self.active_agent,
                self.created_at,
                self.updated_at,
                self.number,
                self.version,
                self.stamp,
                self.message_count,
                self.message_bytes,
                self.crc(id),
                id
            ])?;
        Ok(())
    }

    /// Puts the row in place of `old`, a sound one with the same number: where that one stands, whatever an index says. A
    /// column that is named would have its indexes written anew, so the number is not, and the beginning only where it is
    /// another.
    pub fn replace(&self, connection: &Connection, id: &str, old: &Self) -> rusqlite::Result<()> {
        let replaced = connection
            .prepare_cached(
                "UPDATE sessions SET data = ?1, types = ?2, active_agent = ?3, updated_at = ?4, version = ?5, stamp = ?6,
                                     message_count = ?7, message_bytes = ?8, crc = ?9
                 WHERE rowid = ?10",
            )?
            .execute(params![
                self.data,
                self.types,
                self.active_agent,
                self.updated_at,
                self.version,
                self.stamp,
                self.message_count,
                self.message_bytes,
                self.crc(id),
                old.row
            ])?;
        one(replaced)?;
        if self.created_at != old.created_at {
            let moved = connection
                .prepare_cached("UPDATE sessions SET created_at = ?1 WHERE rowid = ?2")?
                .execute(params![self.created_at, old.row])?;
            one(moved)?;
        }
        Ok(())
    }

    /// Whether the row has the id by which the index has found it. Where it has not, it can be read and not be removed: the
    /// engine would look for it in the index under the other id.
    pub fn has_its_id(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
        connection
            .prepare_cached(
                "SELECT 1 FROM sessions AS it
                 WHERE it.rowid = (SELECT rowid FROM sessions WHERE id = ?1) AND +it.id = ?1",
            )?
            .exists([id])
    }

    /// Removes the row of `id`, sound or not, where there is one.
    pub fn delete(connection: &Connection, id: &str) -> rusqlite::Result<()> {
        let removed = connection
            .prepare_cached(
                "DELETE FROM sessions WHERE rowid = (SELECT rowid FROM sessions WHERE id = ?1) AND +id = ?1",
            )?
            .execute([id])?;
        one(removed)
    }
}

/// What a session that is not as it was written gives.
pub fn damaged(id: &str, detail: &str) -> Error {
    Error::Corrupt { what: format!("the session {id:?}"), detail: detail.into() }
}
