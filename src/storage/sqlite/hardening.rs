//! What a connection must not do, whatever the file holds: a damaged or hostile one can do nothing but fail. What the engine
//! was compiled without stands in `.cargo/config.toml`.

use std::time::Duration;

use rusqlite::{Connection, config::DbConfig, limits::Limit};

use crate::error::{Error, Result};

/// Earlier engines can lose a commit while a checkpoint is under way.
const OLDEST_ENGINE: i32 = 3_051_003;

/// Checks that the engine is one that keeps its commits; a build may have been linked with another one than it brings.
///
/// # Errors
/// [`Error::Version`] where it is not.
pub fn check_engine() -> Result<()> {
    engine_is_safe(rusqlite::version_number())
}

fn engine_is_safe(version: i32) -> Result<()> {
    if version >= OLDEST_ENGINE {
        return Ok(());
    }
    Err(Error::Version(format!("SQLite {version} can lose commits; {OLDEST_ENGINE} is the oldest that does not")))
}

/// Prepares a connection.
///
/// # Errors
/// What the engine complains of.
pub fn harden(connection: &Connection, busy_timeout: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // Or a statement is compiled anew for each value that is bound in it, in the hope of a better plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Readers never fold the log, and the writer chooses when.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_can_lose_commits_is_refused() {
        assert!(check_engine().is_ok());
        assert!(matches!(engine_is_safe(3_051_002), Err(Error::Version(_))));
    }

    #[test]
    fn the_engine_was_compiled_without_what_nobody_here_needs() {
        let connection = Connection::open_in_memory().unwrap();
        let mut ask = connection.prepare("PRAGMA compile_options").unwrap();
        let options: Vec<String> =
            ask.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        for wanted in ["OMIT_LOAD_EXTENSION", "DQS=0", "DEFAULT_FILE_PERMISSIONS=0600", "TEMP_STORE=3"] {
            assert!(options.iter().any(|option| option == wanted), "{wanted} is not in {options:?}");
        }
        let trusted: bool = connection.pragma_query_value(None, "trusted_schema", |row| row.get(0)).unwrap();
        assert!(!trusted);
        for unwanted in ["ENABLE_LOAD_EXTENSION", "USE_URI", "ENABLE_FTS3", "ENABLE_FTS5", "ENABLE_RTREE", "SOUNDEX"] {
            assert!(!options.iter().any(|option| option == unwanted), "{unwanted} is there");
        }
    }

    #[test]
    fn a_hardened_connection_refuses_what_files_are_attacked_with() {
        let connection = Connection::open_in_memory().unwrap();
        harden(&connection, Duration::ZERO).unwrap();
        let refused = |sql: &str| connection.execute_batch(sql).is_err();
        assert!(refused("ATTACH '/tmp/other.db' AS other"));
        assert!(refused("PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = 'x'"));
        assert!(refused("SELECT load_extension('x')"));
        assert!(refused("SELECT \"no column\""));
        assert!(!refused("SELECT 1"));
    }
}
