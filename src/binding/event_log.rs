//! The event log for JavaScript.

use std::{
    fmt::Write,
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

use napi::bindgen_prelude::{External, Uint32Array};
use napi_derive::napi;

use super::{
    completions::{Batch, Completions, Failure, Outcome, Settle},
    entry::{Result, entry},
    long_text::LongText,
};
use crate::{
    Error,
    durability::Durability,
    event_log::{
        CleanupReport, Consumer, EventLog, LogOptions, Receipt, Replay, ReplayFilter, Statistics, Together,
        TogetherOutcome, Unstored, VerifyReport,
    },
    event_sink::{Done, EventSink},
    reply::Reply,
};

/// An open log and the way its answers take.
pub struct LogHandle {
    log: Arc<EventLog>,
    completions: Completions,
}

/// A replay under way.
pub struct LogReplayHandle {
    replay: Replay,
    completions: Completions,
}

/// A named consumer.
pub struct LogConsumerHandle {
    consumer: Consumer,
    completions: Completions,
}

/// How a log is opened; checked by the face.
#[napi(object)]
pub struct LogOpenOptions {
    pub directory: String,
    pub power: bool,
    pub fsync_interval_ms: f64,
    pub retention_ms: f64,
    pub max_retention_ms: f64,
    pub cleanup_interval_ms: f64,
    pub max_file_bytes: f64,
    pub max_queue_bytes: f64,
    pub read_only: bool,
}

/// Which events a replay brings; times in milliseconds since the epoch.
#[napi(object)]
pub struct LogReplayFilter {
    pub since: Option<f64>,
    pub until: Option<f64>,
    pub after_seq: Option<f64>,
    pub critical_only: bool,
    pub topics: Option<Vec<String>>,
    pub last: Option<f64>,
    pub limit: Option<f64>,
    pub archived: bool,
}

/// Joins the log of a directory, or starts its threads. The files are opened by the first call that needs them.
#[napi(catch_unwind)]
pub fn log_open(
    options: LogOpenOptions,
    #[napi(ts_arg_type = "(batch: unknown[]) => void")] settle: Settle<'_>,
) -> Result<External<LogHandle>> {
    let completions = Completions::new(&settle).map_err(super::entry::foreign)?;
    entry("logOpen", || {
        if options.read_only {
            let log = EventLog::visit(Path::new(&options.directory))?;
            return Ok(External::new(LogHandle { log: Arc::new(log), completions }));
        }
        let log = EventLog::open(LogOptions {
            durability: if options.power { Durability::Power } else { Durability::Process },
            fsync_interval: millis(options.fsync_interval_ms)?,
            retention: millis(options.retention_ms)?,
            max_retention: millis(options.max_retention_ms)?,
            cleanup_interval: millis(options.cleanup_interval_ms)?,
            max_file_bytes: integer(options.max_file_bytes),
            max_queue_bytes: size(options.max_queue_bytes),
            ..LogOptions::new(options.directory)
        })?;
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

/// Stores events of one turn, one a line in `bodies`; `places` says for each which of the `sessions` it is of. Answers null
/// when all are stored and nobody wants receipts, else `[receipts, unstored]`: for each event a line as `logAppend` answers,
/// empty where it is not stored; and a JSON array `[[index, failure], …]` of those that are not, or null.
#[napi(catch_unwind)]
pub fn log_append_together(
    handle: &External<LogHandle>,
    slot: u32,
    sessions: Vec<String>,
    places: Uint32Array,
    #[napi(ts_arg_type = "string")] bodies: LongText,
    receipts: bool,
    power: Option<bool>,
) -> Result<()> {
    entry("logAppendTogether", || {
        let reply = handle.completions.reply(slot);
        let places = places.to_vec();
        let (bodies, durability) = (bodies.0, durability_of(power));
        handle.log.append_together(Together { sessions, places, bodies, durability, receipts, reply });
        Ok(())
    })
}

/// Begins a replay of one session.
#[napi(catch_unwind)]
pub fn log_replay(
    handle: &External<LogHandle>,
    session: String,
    filter: LogReplayFilter,
) -> Result<External<LogReplayHandle>> {
    entry("logReplay", || {
        let replay = handle.log.replay(session, filter.into())?;
        Ok(External::new(LogReplayHandle { replay, completions: handle.completions.clone() }))
    })
}

/// The next piece of a replay: a JSON array of events, or null at the end.
#[napi(catch_unwind)]
pub fn log_replay_next(replay: &External<LogReplayHandle>, slot: u32) -> Result<()> {
    entry("logReplayNext", || {
        replay.replay.pull(replay.completions.reply(slot));
        Ok(())
    })
}

/// Ends a replay early, and lets go of its files.
#[napi(catch_unwind)]
pub fn log_replay_end(replay: &External<LogReplayHandle>) -> Result<()> {
    entry("logReplayEnd", || {
        replay.replay.release();
        Ok(())
    })
}

/// Answers with the number of a session's newest event, as soon as there is one above `after`.
#[napi(catch_unwind)]
pub fn log_wait(handle: &External<LogHandle>, slot: u32, session: String, after: f64) -> Result<()> {
    entry("logWait", || {
        handle.log.wait(session, integer(after), slot, handle.completions.reply(slot));
        Ok(())
    })
}

/// Calls off the wait of that slot.
#[napi(catch_unwind)]
pub fn log_wait_end(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logWaitEnd", || {
        handle.log.end_wait(slot);
        Ok(())
    })
}

/// A named consumer of a session, whose position is still to be opened.
#[napi(catch_unwind)]
pub fn log_consumer(
    handle: &External<LogHandle>,
    session: String,
    name: String,
    power: bool,
) -> Result<External<LogConsumerHandle>> {
    entry("logConsumer", || {
        let durability = if power { Durability::Power } else { Durability::Process };
        let consumer = handle.log.consumer(session, name, durability)?;
        Ok(External::new(LogConsumerHandle { consumer, completions: handle.completions.clone() }))
    })
}

/// Takes its position into possession; answers with it.
#[napi(catch_unwind)]
pub fn log_consumer_open(consumer: &External<LogConsumerHandle>, slot: u32) -> Result<()> {
    entry("logConsumerOpen", || {
        consumer.consumer.open(consumer.completions.reply(slot));
        Ok(())
    })
}

/// Takes note that everything up to a number has been seen to.
#[napi(catch_unwind)]
pub fn log_consumer_acknowledge(consumer: &External<LogConsumerHandle>, slot: u32, seq: f64) -> Result<()> {
    entry("logConsumerAcknowledge", || {
        consumer.consumer.acknowledge(integer(seq), consumer.completions.reply(slot));
        Ok(())
    })
}

/// Lets go of its position.
#[napi(catch_unwind)]
pub fn log_consumer_close(consumer: &External<LogConsumerHandle>, slot: u32) -> Result<()> {
    entry("logConsumerClose", || {
        consumer.consumer.close(consumer.completions.reply(slot));
        Ok(())
    })
}

/// The same for one whose opening nobody waits for any more.
#[napi(catch_unwind)]
pub fn log_consumer_forget(consumer: &External<LogConsumerHandle>) -> Result<()> {
    entry("logConsumerForget", || {
        consumer.consumer.close(Reply::new(drop));
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

/// Archives and deletes what is old; answers with a JSON object.
#[napi(catch_unwind)]
pub fn log_cleanup(handle: &External<LogHandle>, slot: u32, retention_ms: f64) -> Result<()> {
    entry("logCleanup", || {
        handle.log.cleanup(millis(retention_ms)?, handle.completions.reply(slot));
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

/// Answers when everything stored so far is on the disk.
#[napi(catch_unwind)]
pub fn log_flush(handle: &External<LogHandle>, slot: u32) -> Result<()> {
    entry("logFlush", || {
        handle.log.flush(handle.completions.reply(slot));
        Ok(())
    })
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

impl LogHandle {
    /// A way into the log for rooms that know no log; it does not keep the log open.
    pub fn sink(&self) -> impl EventSink + use<> {
        Sink(Arc::downgrade(&self.log))
    }
}

struct Sink(Weak<EventLog>);

impl EventSink for Sink {
    fn place(&self) -> Option<usize> {
        self.0.upgrade()?.place()
    }

    fn store(&self, session: &str, body: String, done: Done) -> bool {
        let Some(log) = self.0.upgrade().filter(|log| log.place().is_some()) else { return false };
        let reply = Reply::new(|outcome: crate::Result<Receipt>| {
            done();
            if let Err(error) = outcome {
                tracing::warn!(target: "smalltalk::health", %error, "an event that had to be kept is not in the log");
            }
        });
        log.append(session.to_owned(), body, None, Some(Durability::Power), reply);
        true
    }
}

/// The number of the newest event of a session that is in the index, 0 where there is none; null where somebody else writes.
#[napi(catch_unwind)]
pub fn log_last_seq(handle: &External<LogHandle>, session: String) -> Result<Option<f64>> {
    entry("logLastSeq", || {
        #[expect(clippy::cast_precision_loss, reason = "numbers stay below 2^53")]
        let seq = handle.log.last_seq(&session).map(|seq| seq as f64);
        Ok(seq)
    })
}

impl From<LogReplayFilter> for ReplayFilter {
    fn from(filter: LogReplayFilter) -> Self {
        Self {
            since: filter.since,
            until: filter.until,
            after_seq: filter.after_seq,
            critical_only: filter.critical_only,
            topics: filter.topics,
            last: filter.last.map(size),
            limit: filter.limit.map(size),
            archived: filter.archived,
        }
    }
}

impl From<TogetherOutcome> for Outcome {
    fn from(TogetherOutcome { receipts, unstored }: TogetherOutcome) -> Self {
        if receipts.is_empty() && unstored.is_empty() {
            return Self::Nothing;
        }
        let mut lines = String::with_capacity(receipts.len() * 60);
        for receipt in receipts {
            if let Some(Receipt { seq, id }) = receipt {
                // Writing to a text does not fail.
                let _ = write!(lines, "{seq} {id}");
            }
            lines.push('\n');
        }
        if unstored.is_empty() {
            return Self::Texts(vec![Some(lines), None]);
        }
        let failures: Vec<_> =
            unstored.into_iter().map(|Unstored { index, error }| (index, Failure::from(error))).collect();
        match Self::json(&failures) {
            Self::Text(unstored) => Self::Texts(vec![Some(lines), Some(unstored)]),
            failed => failed,
        }
    }
}

impl From<Receipt> for Outcome {
    fn from(receipt: Receipt) -> Self {
        Self::Text(line_of(receipt))
    }
}

fn line_of(Receipt { seq, id }: Receipt) -> String {
    format!("{seq} {id}")
}

impl From<CleanupReport> for Outcome {
    fn from(report: CleanupReport) -> Self {
        Self::json(&report)
    }
}

impl From<VerifyReport> for Outcome {
    fn from(report: VerifyReport) -> Self {
        Self::json(&report)
    }
}

impl From<u64> for Outcome {
    #[expect(clippy::cast_precision_loss, reason = "numbers of events stay below 2^53 until the year 2255")]
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<Statistics> for Outcome {
    fn from(statistics: Statistics) -> Self {
        Self::json(&statistics)
    }
}

fn durability_of(power: Option<bool>) -> Option<Durability> {
    power.map(|power| if power { Durability::Power } else { Durability::Process })
}

fn millis(number: f64) -> crate::Result<Duration> {
    Duration::try_from_secs_f64(number / 1000.0).map_err(|cause| Error::OptionInvalid(format!("{number} ms: {cause}")))
}

/// A JavaScript number that the face has checked to be an integer from 0 on.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the face has checked that it is a safe integer"
)]
fn integer(number: f64) -> u64 {
    number as u64
}

fn size(number: f64) -> usize {
    usize::try_from(integer(number)).unwrap_or(usize::MAX)
}
