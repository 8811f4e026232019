//! A copy of the store at one moment, made while it is used.

use std::{fs, io, path::Path, time::Duration};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{birth, ending::Ending, failure::failure, hardening::harden, naming, restored, snapshot::snapshot};
use crate::error::{Error, Result};

/// 4 MiB, until it is asked whether to go on.
const PAGES: i32 = 256;

/// Copies the store to `target`, where there must be nothing. Under that name there is never less than all of it.
pub fn backup(connection: &Connection, ending: &Ending, target: &Path) -> Result<()> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(taken(target));
    }
    let partial = birth::beside(target, "partial");
    birth::create_file(&partial).map_err(|cause| Error::io("creating a backup", &cause))?;
    birth::remove_abandoned(target, "partial", &partial);
    let made =
        copy(connection, ending, &partial).and_then(|()| ending.check()).and_then(|()| publish(&partial, target));
    // Of what was published, this is the other name, where it could have two; of what was not, all there is.
    let removed = match fs::remove_file(&partial) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("removing a backup's first name", &cause))
        }
        _ => Ok(()),
    };
    made.and(removed)?;
    birth::sync_names(target)
}

fn copy(connection: &Connection, ending: &Ending, partial: &Path) -> Result<()> {
    let doing = |error: &rusqlite::Error| failure("making a backup", error);
    // All steps see one state: without that, each change in between would make it begin anew.
    snapshot(connection, || {
        connection.query_row("SELECT 1 FROM counters", [], |_| Ok(())).map_err(|error| doing(&error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(partial, flags).map_err(|error| doing(&error))?;
        harden(&copy, Duration::ZERO).map_err(|error| doing(&error))?;
        // Until it is published nobody needs it whole, and then it is synced at once.
        copy.pragma_update(None, "synchronous", "off").map_err(|error| doing(&error))?;
        copy.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(())).map_err(|error| doing(&error))?;
        let steps = Backup::new(connection, &mut copy).map_err(|error| doing(&error))?;
        loop {
            ending.check()?;
            match steps.step(PAGES).map_err(|error| doing(&error))? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(Error::Busy),
            }
        }
        drop(steps);
        copy.close().map_err(|(_, error)| doing(&error))
    })?;
    restored::mark(partial).map_err(|cause| Error::io("syncing a backup", &cause))
}

/// Gives it its name; unlike renaming, this fails where somebody else took the name meanwhile.
fn publish(partial: &Path, target: &Path) -> Result<()> {
    naming::name(partial, target).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => taken(target),
        _ => Error::io("naming a backup", &cause),
    })
}

fn taken(target: &Path) -> Error {
    Error::OptionInvalid(format!("there is a file at {:?}", target.display().to_string()))
}
