//! Threads that read, each with a connection of its own, so that no reader waits for a writer or for another reader.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{ending::UnderWay, held::HeldConnection, job::Read, opening, shared_file::SharedFile};
use crate::{error::Result, worker::Handler};

/// Opens its connection with the first question.
pub struct Reader {
    path: PathBuf,
    busy_timeout: Duration,
    file: Arc<SharedFile>,
    connection: Option<HeldConnection>,
    under_way: Option<UnderWay>,
}

impl Reader {
    /// A reader of the database at `path`.
    pub fn new(path: PathBuf, busy_timeout: Duration, file: Arc<SharedFile>) -> Self {
        Self { path, busy_timeout, file, connection: None, under_way: None }
    }

    /// One whose statements look, now and then, whether what they are for is to end.
    pub fn interrupted_by(self, under_way: UnderWay) -> Self {
        Self { under_way: Some(under_way), ..self }
    }

    fn connection(&mut self) -> Result<&HeldConnection> {
        let connection = match self.connection.take() {
            Some(connection) => {
                self.file.still_there(&self.path, "reading")?;
                connection
            }
            None => self.open()?,
        };
        Ok(self.connection.insert(connection))
    }

    fn open(&self) -> Result<HeldConnection> {
        let mut connection = opening::open_reader(&self.path, &self.file, self.busy_timeout)?;
        if let Some(under_way) = self.under_way.clone() {
            connection.interrupt_when(move || under_way.is_to_end())?;
        }
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
        if self.file.is_read_only() {
            self.connection = None;
        }
    }

    /// Before the close is answered: then the writer closes, which wants to be the last.
    fn finish(&mut self) -> Result<()> {
        self.connection = None;
        Ok(())
    }
}
