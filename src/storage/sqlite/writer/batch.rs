//! A batch on its way through the writer: prepared, done, and what becomes of it on a full disk or without a connection.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use super::{Writer, folding::UNFOLDED};
use crate::{
    durability::Durability,
    error::Error,
    storage::sqlite::{
        full_disk,
        job::{Step, Write},
        opening,
        transaction::{self, Terms},
    },
};

/// As long, what goes in steps goes in small ones from the start: the next step is likely to find no more room.
pub(super) const FULL_FOR: Duration = Duration::from_secs(1);

impl Writer {
    pub(super) fn transact(&mut self, mut batch: Vec<Step>) {
        if batch.is_empty() {
            return;
        }
        if self.full_until.is_some_and(|until| Instant::now() < until) {
            batch.iter_mut().for_each(Step::lessen);
        }
        if let Some(end) = transaction::next_end(&batch) {
            self.expiry.note(end);
        }
        let durability = transaction::strongest(&batch);
        if durability.is_none() && self.file.is_read_only() {
            return self.refuse(batch, &self.refusal);
        }
        let prepared = self.sound().and_then(|opened| {
            match durability {
                Some(durability) => opened.prepare(durability)?,
                // What is written is told by its commit.
                None => opened.log.still_whole(&opened.connection, "reading")?,
            }
            Ok(opened)
        });
        let opened = match prepared {
            Ok(opened) => opened,
            Err(error) => return self.refuse(batch, &error),
        };
        let steps = batch.len();
        let checkpoints = RefCell::new(&mut opened.checkpoints);
        let terms = Terms {
            begin: &|connection| checkpoints.borrow_mut().begin(connection, &opened.log),
            ready: &|connection| opened.growth.keep(connection),
            log: &opened.log,
            durability: durability.unwrap_or(Durability::Power),
            mending: &opened.mending,
        };
        let mut outcome = transaction::run(&opened.connection, batch, terms);
        if durability == Some(Durability::Power) {
            outcome.fail_unless(|| opened.checkpoints.sync_what_is_owed(&opened.connection));
        }
        let (failed, left) = outcome.tell();
        if matches!(failed, Some(Error::Indeterminate { .. })) {
            self.doubt.begin();
        }
        if !left.is_empty() {
            self.on_a_full_disk(left);
        } else if matches!(failed, Some(Error::Full { .. })) {
            self.make_room();
        }
        self.fold();
        tracing::trace!(target: "smalltalk::storage", steps, failed = failed.is_some(), "batch");
    }

    /// Without a connection that may write, what is there can be read all the same.
    fn refuse(&self, batch: Vec<Step>, error: &Error) {
        let may_read = self.doubt.is_there() || self.file.is_read_only();
        let open = || opening::open_reader(&self.path, &self.file, self.busy_timeout).ok();
        let reader = may_read.then(open).flatten();
        transaction::refuse(reader.as_deref(), batch, error);
    }

    /// What makes room is done with what is kept for that, and with what the log gives back when it is folded.
    fn on_a_full_disk(&mut self, writes: Vec<Write>) {
        self.reserve.release();
        self.full_until = Instant::now().checked_add(FULL_FOR);
        let Some(opened) = &self.opened else { return };
        let freed = full_disk::free(&opened.connection, &opened.growth, &opened.log, writes);
        self.heed(freed, "making room on a full disk failed");
    }

    /// Whoever writes next finds the room that the log has already, as long as the file needs none of what is left.
    fn make_room(&mut self) {
        if let Some(opened) = &self.opened {
            let folded = full_disk::fold(&opened.connection, &opened.growth);
            self.heed(folded, UNFOLDED);
        }
    }
}
