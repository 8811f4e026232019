//! The event log for JavaScript.

mod reading;
mod shapes;
mod sink;

use std::{sync::Arc, time::Duration};

use napi::bindgen_prelude::{External, Uint32Array};
use napi_derive::napi;

use self::shapes::{LogOpenOptions, durability_of, integer, millis, size};
use super::{
    completions::{Completions, Settle},
    entry::{Result, entry},
    long_text::LongText,
    outcome::Batch,
};
use crate::{
    durability::Durability,
    event_log::{EventLog, LogOptions, Together},
};

/// An open log and the way its answers take.
pub struct LogHandle {
    log: Arc<EventLog>,
    completions: Completions,
}

/// Joins the log of a directory, or starts its threads. The files are opened by the first call that needs them.
#[napi(catch_unwind)]
pub fn log_open(
    options: LogOpenOptions,
    #[napi(ts_arg_type = "(batch: unknown[]) => void")] settle: Settle<'_>,
) -> Result<External<LogHandle>> {
    let completions = Completions::new(&settle).map_err(super::entry::foreign)?;
    entry("logOpen", || {
        let settings = LogOptions {
            durability: if options.power { Durability::Power } else { Durability::Process },
            fsync_interval: millis(options.fsync_interval_ms)?,
            retention: millis(options.retention_ms)?,
            max_retention: millis(options.max_retention_ms)?,
            cleanup_interval: millis(options.cleanup_interval_ms)?,
            max_file_bytes: integer(options.max_file_bytes),
            max_queue_bytes: size(options.max_queue_bytes),
            ..LogOptions::new(options.directory)
        };
        let log = if options.read_only { EventLog::visit_with(&settings)? } else { EventLog::open(settings)? };
        Ok(External::new(LogHandle { log: Arc::new(log), completions }))
    })
}

/// Stores an event; answers with its number and its id, a space between them.
#[napi(catch_unwind)]
pub fn log_append(
    handle: &External<LogHandle>,
    slot: u32,
    session: String,
    body: String,
    id: Option<String>,
    power: Option<bool>,
) -> Result<()> {
    entry("logAppend", || {
        handle.log.append(session, body, id, durability_of(power), handle.completions.reply(slot));
        Ok(())
    })
}

/// Stores events of one turn, one a line in `bodies`; `places` says for each which of the `sessions` it is of, null where
/// there is one. Answers null when all are stored and nobody wants receipts, else `[receipts, unstored]`: for
/// each event a line with its id, before which stand its number and a space where that is not one more than that of the
/// line before, and nothing at all where it is not stored; and a JSON array `[[index, failure], …]` of those that are not,
/// or null.
#[napi(catch_unwind)]
pub fn log_append_together(
    handle: &External<LogHandle>,
    slot: u32,
    sessions: Vec<String>,
    places: Option<Uint32Array>,
    #[napi(ts_arg_type = "string")] bodies: LongText,
    receipts: bool,
    power: Option<bool>,
) -> Result<()> {
    entry("logAppendTogether", || {
        let reply = handle.completions.reply(slot);
        let places = places.map(|places| places.to_vec());
        let (bodies, durability) = (bodies.0, durability_of(power));
        handle.log.append_together(Together { sessions, places, bodies, durability, receipts, reply });
        Ok(())
    })
}

/// Reads the files of one session again, or of all; answers with a JSON object.
#[napi(catch_unwind)]
pub fn log_verify(handle: &External<LogHandle>, slot: u32, session: Option<String>) -> Result<()> {
    entry("logVerify", || {
        handle.log.verify(session, handle.completions.reply(slot));
        Ok(())
    })
}

/// Archives and deletes what is old, by default what no open handle wants kept; answers with a JSON object.
#[napi(catch_unwind)]
pub fn log_cleanup(handle: &External<LogHandle>, slot: u32, retention_ms: Option<f64>) -> Result<()> {
    entry("logCleanup", || {
        handle.log.cleanup(retention_ms.map(millis).transpose()?, handle.completions.reply(slot));
        Ok(())
    })
}

/// Removes everything of a session; answers whether there was anything.
#[napi(catch_unwind)]
pub fn log_erase_session(handle: &External<LogHandle>, slot: u32, session: String) -> Result<()> {
    entry("logEraseSession", || {
        handle.log.erase(session, handle.completions.reply(slot));
        Ok(())
    })
}

/// The ids of all sessions with events within the retention.
#[napi(catch_unwind)]
pub fn log_sessions(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logSessions", || {
        handle.log.sessions(handle.completions.reply(slot));
        Ok(())
    })
}

/// Counts, and what the opening found: a JSON object.
#[napi(catch_unwind)]
pub fn log_get_stats(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logGetStats", || {
        handle.log.statistics(handle.completions.reply(slot));
        Ok(())
    })
}

/// Bytes that wait for the writer.
#[napi(catch_unwind)]
pub fn log_queued_bytes(handle: &External<LogHandle>) -> Result<f64> {
    entry("logQueuedBytes", || {
        #[expect(clippy::cast_precision_loss, reason = "a queue stays far below 2^53 bytes")]
        let bytes = handle.log.queued_bytes() as f64;
        Ok(bytes)
    })
}

/// The number of a session's newest event in the index, 0 where there is none; null where it is not known here.
#[napi(catch_unwind)]
pub fn log_last_seq(handle: &External<LogHandle>, session: String) -> Result<Option<f64>> {
    entry("logLastSeq", || {
        #[expect(clippy::cast_precision_loss, reason = "numbers stay below 2^53")]
        let seq = handle.log.last_seq(&session).map(|seq| seq as f64);
        Ok(seq)
    })
}

/// Answers when everything stored so far is on the disk.
#[napi(catch_unwind)]
pub fn log_flush(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logFlush", || {
        handle.log.flush(handle.completions.reply(slot));
        Ok(())
    })
}

/// Waits for answers, awake for the first moments, so many milliseconds at the most; gives the batch that the callback would get.
#[napi(catch_unwind, ts_return_type = "unknown[]")]
pub fn log_watch(handle: &External<LogHandle>, limit_ms: f64) -> Result<Batch> {
    entry("logWatch", || Ok(handle.completions.watch(millis(limit_ms)?)))
}

/// Withdraws what was asked for in these slots and has not been begun, answered with `ERR_TIMEOUT`; gives the batch that the
/// callback would get, these answers among it.
#[napi(catch_unwind, ts_return_type = "unknown[]")]
pub fn log_withdraw(handle: &External<LogHandle>, slots: Vec<u32>) -> Result<Batch> {
    entry("logWithdraw", || {
        handle.log.withdraw(&handle.completions.tags(&slots));
        Ok(handle.completions.watch(Duration::ZERO))
    })
}

/// Lets what is queued land, and closes the handle; the last one closes the log.
#[napi(catch_unwind)]
pub fn log_close(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logClose", || {
        handle.log.close(handle.completions.reply(slot));
        handle.completions.end();
        Ok(())
    })
}

/// Closes and waits; `false` where the time was too short. For the way out of the process.
#[napi(catch_unwind)]
pub fn log_drain(handle: &External<LogHandle>, limit_ms: f64) -> Result<bool> {
    entry("logDrain", || Ok(handle.log.drain(millis(limit_ms)?)))
}
