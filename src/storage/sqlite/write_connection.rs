//! The connection that writes, and what goes with it.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;

use super::{
    checkpoints::Checkpoints,
    failure::failure,
    growth::Growth,
    held::{Held, HeldLog},
    mending::Mending,
    opening,
    own_log::OwnLog,
    view::ReadMark,
};
use crate::{durability::Durability, error::Result, found::Identity};

/// An open file.
pub struct WriteConnection {
    // Before the connection.
    held_log: Option<HeldLog>,
    pub connection: Connection,
    pub identity: Option<Identity>,
    pub log: Arc<OwnLog>,
    pub checkpoints: Checkpoints,
    pub growth: Growth,
    pub mending: Mending,
    /// How far commits go, where that was said.
    pub synchronous: Option<Durability>,
    /// Whether the file can be written to: else it can be read at the most.
    pub may_write: bool,
    // Behind the connection, which is closed first.
    pub held: Option<Held>,
}

impl WriteConnection {
    /// Opens the file, which is made where there is none. Without `read_mark` nobody looks whether its log is whole.
    ///
    /// # Errors
    /// What kept it from opening.
    pub fn open(path: &Path, busy_timeout: Duration, read_mark: Option<ReadMark>) -> Result<Self> {
        // What stands first here goes last, also where the opening fails: nobody else may come in before the connection is closed.
        let opening::Opened { held, mut connection, identity } = opening::open_writer(path, busy_timeout)?;
        let may_write = opening::may_write(&connection, busy_timeout);
        // What cannot be written to may have no log, and is to get no index by being asked for it.
        let log = Arc::new(OwnLog::of(path, read_mark.filter(|_| may_write)));
        // Somebody may have it open, and it may be cut off already.
        if let Err(error) = log.still_whole(&connection, "opening the database") {
            log.before_closing(&connection);
            return Err(error);
        }
        let checkpoints = Checkpoints::of(&mut connection, path, identity, busy_timeout)?;
        let growth = Growth::of(&connection, path)?;
        // One that only reads is closed at once, and has no log where it is a backup.
        let held_log = held.as_ref().filter(|_| may_write).map(|held| held.has_log(&log));
        Ok(Self {
            held_log,
            connection,
            identity,
            log,
            checkpoints,
            growth,
            mending: Mending::default(),
            synchronous: None,
            may_write,
            held,
        })
    }

    /// Sets how far a commit goes; only outside of a transaction.
    ///
    /// # Errors
    /// What kept it from being set.
    pub fn prepare(&mut self, durability: Durability) -> Result<()> {
        if self.synchronous != Some(durability) {
            let level = match durability {
                Durability::Process => "normal",
                Durability::Power => "full",
            };
            self.connection
                .pragma_update(None, "synchronous", level)
                .map_err(|error| failure("setting the durability", &error))?;
            self.synchronous = Some(durability);
        }
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// What kept it from closing.
    pub fn close(self) -> Result<()> {
        // It has the log open, which whoever closes the database last takes away.
        drop(self.checkpoints);
        let there = self.log.before_closing(&self.connection);
        drop(self.log);
        // Where the log is gone nobody comes in before the connection is closed.
        let until_closed = self.held_log.filter(|_| !there);
        let closed = self.connection.close().map_err(|(_, error)| failure("closing the database", &error));
        drop(until_closed);
        closed
    }
}
