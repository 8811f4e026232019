//! Threads that read, each with a connection of its own, so that no reader waits for a writer or for another reader.

use std::{path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::{job::Read, opening};
use crate::{error::Result, worker::Handler};

/// Opens its connection with the first question.
pub struct Reader {
    path: PathBuf,
    busy_timeout: Duration,
    connection: Option<Connection>,
}

impl Reader {
    /// A reader of the database at `path`.
    pub fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self { path, busy_timeout, connection: None }
    }

    fn connection(&mut self) -> Result<&Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => opening::open_reader(&self.path, self.busy_timeout)?,
        };
        Ok(self.connection.insert(connection))
    }
}

impl Handler<Read> for Reader {
    fn handle(&mut self, batch: Vec<Read>) {
        for read in batch {
            match self.connection() {
                Ok(connection) => read.run(connection)(None),
                Err(error) => read.refuse(error),
            }
        }
    }
}
