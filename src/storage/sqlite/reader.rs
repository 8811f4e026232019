//! Threads that read, each with a connection of its own, so that no reader waits for a writer or for another reader.

use std::{path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::{
    identity::still_there,
    job::Read,
    opening::{self, Opened},
};
use crate::{error::Result, worker::Handler};

/// Opens its connection with the first question.
pub struct Reader {
    path: PathBuf,
    busy_timeout: Duration,
    opened: Option<Opened>,
}

impl Reader {
    /// A reader of the database at `path`.
    pub fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self { path, busy_timeout, opened: None }
    }

    fn connection(&mut self) -> Result<&Connection> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => opening::open_reader(&self.path, self.busy_timeout)?,
        };
        let Opened { connection, identity } = self.opened.insert(opened);
        still_there(&self.path, *identity, "reading")?;
        Ok(connection)
    }
}

impl Handler<Read> for Reader {
    fn handle(&mut self, batch: Vec<Read>) {
        for read in batch {
            match self.connection() {
                Ok(connection) => read.run(connection),
                Err(error) => read.refuse(error),
            }
        }
    }

    /// Before the close is answered: then the writer closes, which wants to be the last.
    fn finish(&mut self) -> Result<()> {
        self.opened = None;
        Ok(())
    }
}
