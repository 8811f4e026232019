//! Replays, waiting for more, and named consumers.

use napi::bindgen_prelude::External;
use napi_derive::napi;

use super::{
    super::{
        completions::Completions,
        entry::{Result, entry},
    },
    LogHandle,
    shapes::{LogReplayFilter, integer},
};
use crate::{
    durability::Durability,
    event_log::{Consumer, Replay},
    reply::Reply,
};

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
