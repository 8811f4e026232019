//! A backup in the place of a database. The engine takes a log for that of whatever file has the name, and would play the log
//! that another file has left behind into it. So a backup is marked, until it is first opened: then it has no log yet.

use std::{
    fs::OpenOptions,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{
    birth::{self, own_name},
    hardening::harden,
    schema::{APPLICATION_ID, BACKUP_ID},
};
use crate::error::{Error, Result};

/// Where the head of a file says how it is written, in two bytes, and whose it is, in four.
const MODE_AT: u64 = 18;
const APPLICATION_AT: u64 = 68;

/// A file that is written in place; what has a log is 2.
const WITHOUT_LOG: [u8; 2] = [1, 1];

/// Marks a copy that nobody has open, and syncs it.
///
/// # Errors
/// What kept it from being written.
pub fn mark(copy: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(copy)?;
    file.seek(SeekFrom::Start(MODE_AT))?;
    // The mark goes by a write in place: in a log it would go after the log had come.
    file.write_all(&WITHOUT_LOG)?;
    file.seek(SeekFrom::Start(APPLICATION_AT))?;
    file.write_all(&BACKUP_ID.to_be_bytes())?;
    file.sync_all()
}

/// Refuses a backup beside a log, which is none of its own.
///
/// # Errors
/// [`Error::Corrupt`] where there are both; [`Error::Io`] where it cannot be told.
pub fn refuse_log_of_another(path: &Path) -> Result<()> {
    let path = own_name(path);
    // In this order: whoever opens the backup at this moment takes the mark away before there is a log.
    let logged =
        birth::holds_something(&birth::with_ending(&path, "-wal")).map_err(|cause| birth::log_unseen(&path, &cause))?;
    if logged && is_marked(&path) {
        return Err(log_of_another(&path));
    }
    Ok(())
}

/// The error of a backup beside a log, or beside one that somebody has open.
pub fn log_of_another(path: &Path) -> Error {
    birth::lost(
        path,
        "it is a backup, and the write-ahead log beside it is another file's: close whatever has that open, remove the log \
         (…-wal) and …-shm, and open the backup then; nothing was written",
    )
}

/// Whether the file itself says so, whatever a log says. One that is being written may not make sense: then it is none.
#[cfg(unix)]
pub fn is_marked(path: &Path) -> bool {
    use std::{fmt::Write as _, os::unix::ffi::OsStrExt};
    // By the engine: whoever else closes a file takes the locks along that this process has on it.
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        let _ = write!(uri, "%{byte:02X}");
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = Connection::open_with_flags(uri, flags).and_then(|file| application(&file));
    told.is_ok_and(|id| id == BACKUP_ID)
}

/// Elsewhere locks belong to who has opened the file.
#[cfg(not(unix))]
pub fn is_marked(path: &Path) -> bool {
    use std::io::Read;
    let read = || -> io::Result<[u8; 4]> {
        let mut id = [0; 4];
        let mut file = std::fs::File::open(path)?;
        file.seek(SeekFrom::Start(APPLICATION_AT))?;
        file.read_exact(&mut id)?;
        Ok(id)
    };
    read().is_ok_and(|id| id == BACKUP_ID.to_be_bytes())
}

/// Makes a backup the database: takes its mark away, and has it use a log from now on. Others may be about to do the same.
/// Gives `false` where it could not be done for now: beside the file is a log without anything in it, which somebody has open.
///
/// # Errors
/// What kept it from being done.
pub fn adopt(path: &Path, busy_timeout: Duration) -> rusqlite::Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut connection = Connection::open_with_flags(path, flags)?;
    harden(&connection, busy_timeout)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    if application(&transaction)? != BACKUP_ID {
        // Somebody was first, and may be using it.
        return Ok(true);
    }
    let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    // Whatever the file says of itself, the engine uses a log that is there.
    if transaction.pragma_query_value(None, "journal_mode", mode)? == "wal" {
        return Ok(false);
    }
    // What changes is in one sector. A journal might come back after a power cut, and undo it when there is a log.
    transaction.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(()))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    // The lock is kept until the connection is closed: nobody comes in between.
    transaction.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    transaction.commit()?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(true)
}

fn application(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::sqlite::opening;

    #[test]
    fn a_backup_beside_a_log_of_zeros_waits_for_whoever_has_that_open_and_says_so_where_that_one_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        drop(opening::open_writer(&path, Duration::ZERO).unwrap());
        mark(&path).unwrap();
        fs::write(birth::with_ending(&path, "-wal"), [0; 4096]).unwrap();
        let somebody = Connection::open(&path).unwrap();
        assert_eq!(application(&somebody).unwrap(), BACKUP_ID);
        let refused = opening::open_writer(&path, Duration::from_millis(20)).err().unwrap();
        assert_eq!(refused.code(), "ERR_CORRUPT");
        assert!(refused.to_string().contains("another file's"), "{refused}");
        let waiting = {
            let path = path.clone();
            std::thread::spawn(move || {
                opening::open_writer(&path, Duration::from_secs(30)).map(|opened| opened.connection)
            })
        };
        somebody.close().unwrap();
        let opened = waiting.join().unwrap().unwrap();
        assert_eq!(application(&opened).unwrap(), APPLICATION_ID);
    }
}
