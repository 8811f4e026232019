//! The writer's connection: how it is opened, and when one is sound.

use std::sync::Arc;

use super::Writer;
use crate::{
    error::{Error, Result},
    storage::sqlite::{
        birth, expiry, held::Held, opening, reserve::Reserve, schema, still_there::still_there,
        write_connection::WriteConnection,
    },
};

impl Writer {
    pub(super) fn open(&mut self) -> Result<()> {
        if self.opened.is_none() {
            let opened = self.open_file().inspect_err(|error| self.refusal = error.clone())?;
            self.file.is(opened.identity);
            self.file.hold(opened.held.as_ref().map(Held::again));
            self.use_if_writable(opened);
        }
        Ok(())
    }

    /// A file that cannot be written to can be read, and is opened anew for the next write: the fault may have ended by then.
    fn use_if_writable(&mut self, opened: WriteConnection) {
        let was_read_only = self.file.is_read_only();
        self.file.set_read_only(!opened.may_write);
        if opened.may_write {
            self.expiry.look(&opened.connection, expiry::AFTER_OPENING);
            self.file.has_log(Some(Arc::clone(&opened.log)));
            self.opened = Some(opened);
            if let Some(direct) = self.direct.upgrade() {
                direct.begin();
            }
            tracing::debug!(target: "smalltalk::storage", path = %self.path.display(), "opened");
        } else {
            self.refusal = self.read_only();
            if !was_read_only {
                tracing::warn!(target: "smalltalk::storage", path = %self.path.display(), "opened for reading only");
            }
        }
    }

    pub(super) fn read_only(&self) -> Error {
        let cause = "it, or a file beside it, is read-only, or this process has no right to write to it".into();
        Error::Io { doing: format!("writing to the database {}", self.path.display()), cause }
    }

    /// Opens the file; on a full disk with the room that somebody has kept for that and left behind.
    fn open_file(&mut self) -> Result<WriteConnection> {
        self.reserve = Reserve::of(&birth::own_name(&self.path));
        match WriteConnection::open(&self.path, self.busy_timeout, self.read_mark) {
            Err(Error::Io { .. } | Error::Full { .. }) if self.reserve.is_there() => {
                self.reserve.release();
                // What fails for another reason needs it no less the next time.
                WriteConnection::open(&self.path, self.busy_timeout, self.read_mark)
                    .inspect_err(|_| self.reserve.keep())
            }
            outcome => outcome,
        }
    }

    /// The connection to a file that is still the one that was opened.
    ///
    /// After a failed sync the kernel takes the lost pages for written: only a new connection, which reads the file again,
    /// knows what is there. What came before the failure and was not synced yet may be lost as well, in the middle of the
    /// log: nothing is acknowledged before the log has been folded into the file.
    pub(super) fn sound(&mut self) -> Result<&mut WriteConnection> {
        if self.opened.is_none() && !self.doubt.is_there() && !self.file.is_read_only() {
            return Err(self.refusal.clone());
        }
        still_there(&self.path, self.file.identity(), "writing")?;
        if self.file.is_read_only() {
            opening::let_write_beside(&self.path);
            let opened = self.open_file()?;
            self.use_if_writable(opened);
        }
        if self.doubt.is_there() {
            if let Some(opened) = &self.opened {
                opened.log.still_whole(&opened.connection, "writing")?;
            }
            self.file.has_log(None);
            self.opened = None;
            let mut opened = self.open_file()?;
            if !opened.may_write {
                return Err(self.read_only());
            }
            schema::verify(&opened.connection)?;
            let mut settled = opened.checkpoints.settle(&opened.connection);
            if matches!(settled, Err(Error::Full { .. })) && self.reserve.is_there() {
                self.reserve.release();
                settled = opened.checkpoints.settle(&opened.connection);
            }
            settled?;
            tracing::warn!(target: "smalltalk::storage", "reopened and verified after a sync that failed");
            self.file.has_log(Some(Arc::clone(&opened.log)));
            self.opened = Some(opened);
            self.doubt.end();
        }
        self.opened.as_mut().ok_or_else(|| self.refusal.clone())
    }
}
