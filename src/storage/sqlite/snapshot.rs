//! One state for several statements.

use rusqlite::Connection;

use super::view::run;
use crate::error::Result;

/// Everything that `look` reads belongs to one state of the file. On the writer's connection that is so anyway: its
/// questions stand in the transaction of their batch.
pub fn snapshot<T>(connection: &Connection, look: impl FnOnce() -> Result<T>) -> Result<T> {
    if !connection.is_autocommit() {
        return look();
    }
    run(connection, "BEGIN")?;
    let outcome = look();
    // An error may have ended it already.
    let ended = if connection.is_autocommit() { Ok(()) } else { run(connection, "COMMIT") };
    outcome.and_then(|value| ended.map(|()| value))
}
