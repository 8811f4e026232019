//! Agent health for JavaScript: reports go out as one JSON text, beats come in through shared memory.

use std::{ffi::c_void, sync::Arc, time::Duration};

use napi::{bindgen_prelude::External, sys};
use napi_derive::napi;
use serde_json::json;

use super::{
    completions::{Completions, Settle},
    entry::{Result, entry, foreign},
    event_log::LogHandle,
    event_loop::LoopHandle,
    outcome::Outcome,
    shared_memory::{AtomicWords, SharedMemory},
};
use crate::health_monitor::{Chunk, Monitor, Options, Reason, Registration, Report, Standing};

/// An opened monitor. The garbage collector, or the end of the thread, ends the watch by dropping it.
pub struct HealthHandle(Arc<Monitor>, Completions);

/// How an agent does.
#[napi(object)]
pub struct HealthLook {
    /// Milliseconds of silence, not counting the time in which the event loop was frozen.
    pub silent_ms: f64,
    /// How many beats it missed.
    pub missed: u32,
}

/// Who is registered.
#[napi(object)]
pub struct HealthRegistration {
    /// Names this registration for good; never used before.
    pub ticket: u32,
    /// Whether it can be asked.
    pub pingable: bool,
    /// The thread of the worker it lives in, where that is another one.
    pub thread: Option<u32>,
}

impl From<HealthRegistration> for Registration {
    fn from(HealthRegistration { ticket, pingable, thread }: HealthRegistration) -> Self {
        Self { ticket, pingable, thread }
    }
}

/// Opens a monitor. Reports go to `channel` as JSON text `{ echo, moved: [[slot, ticket, standing, missed, reason]],
/// ping: [slot, ticket, …], loops: [{ frozen, info }], lost }`.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value, reason = "napi hands functions over by value")]
pub fn health_open(
    #[napi(ts_arg_type = "(batch: unknown[]) => void")] settle: Settle<'_>,
    channel: u32,
    heartbeat_interval: u32,
    activity_timeout: u32,
    max_missed_beats: u32,
) -> Result<External<HealthHandle>> {
    let completions = Completions::new(&settle).map_err(foreign)?;
    entry("healthOpen", || {
        let options = Options {
            heartbeat_interval: Duration::from_millis(heartbeat_interval.into()),
            activity_timeout: Duration::from_millis(activity_timeout.into()),
            max_missed_beats,
        };
        let reports = completions.clone();
        let listener = move |report| reports.notify(channel, Outcome::Text(text(&report)));
        Ok(External::new(HealthHandle(Monitor::open(&options, Arc::new(listener))?, completions)))
    })
}

fn text(report: &Report) -> String {
    let moved: Vec<_> = report
        .moved
        .iter()
        .map(|moved| {
            json!([moved.whom.slot, moved.whom.ticket, word(moved.standing), moved.missed, moved.reason.map(reason)])
        })
        .collect();
    let loops: Vec<_> =
        report.loops.iter().map(|news| json!({ "frozen": news.frozen, "info": news.payload() })).collect();
    let ping: Vec<_> = report.ping.iter().flat_map(|whom| [whom.slot, whom.ticket]).collect();
    json!({ "echo": report.echo, "moved": moved, "ping": ping, "loops": loops, "lost": report.lost }).to_string()
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Silent => "silent",
        Reason::Rejected => "rejected",
        Reason::Overdue => "overdue",
        Reason::Frozen => "frozen",
        Reason::Exited => "exited",
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Healthy => "healthy",
        Standing::Suspect => "suspect",
        Standing::Disconnected => "disconnected",
    }
}

/// Has the loop watched in which the monitor lives; the monitor then hears of every loop of the process that is watched.
#[napi(catch_unwind)]
pub fn health_guard(handle: &External<HealthHandle>, home: &External<LoopHandle>, threshold: u32) -> Result<()> {
    entry("healthGuard", || {
        handle.0.guard(Arc::clone(&home.seen), Duration::from_millis(threshold.into()));
        Ok(())
    })
}

/// Names the log in which a frozen loop is recorded while it is frozen.
#[napi(catch_unwind)]
pub fn health_record_in(handle: &External<HealthHandle>, log: &External<LogHandle>) -> Result<()> {
    entry("healthRecordIn", || {
        handle.0.record_in(Arc::new(log.sink()));
        Ok(())
    })
}

/// Watches an agent; gives the slot it beats in.
#[napi(catch_unwind)]
pub fn health_register(handle: &External<HealthHandle>, who: HealthRegistration) -> Result<u32> {
    entry("healthRegister", || handle.0.register(who.into()))
}

/// Forgets an agent; `false` where it is not known.
#[napi(catch_unwind)]
pub fn health_unregister(handle: &External<HealthHandle>, slot: u32, ticket: u32) -> Result<bool> {
    entry("healthUnregister", || Ok(handle.0.unregister(slot, ticket)))
}

/// Takes an agent for healthy, as `next`; its work before the one numbered `first_work` is forgotten. `false` where it is not
/// known.
#[napi(catch_unwind)]
pub fn health_reset(
    handle: &External<HealthHandle>,
    slot: u32,
    ticket: u32,
    next: HealthRegistration,
    first_work: u32,
) -> Result<bool> {
    entry("healthReset", || Ok(handle.0.reset(slot, ticket, next.into(), first_work)))
}

/// An agent lives elsewhere, as `who` says, though nobody knows yet whether it lives; its work before the one numbered
/// `first_work` is forgotten.
#[napi(catch_unwind)]
pub fn health_relocate(
    handle: &External<HealthHandle>,
    slot: u32,
    who: HealthRegistration,
    first_work: u32,
) -> Result<()> {
    entry("healthRelocate", || {
        handle.0.relocate(slot, who.into(), first_work);
        Ok(())
    })
}

/// An agent begins work that nobody has to hear of for `deadline` milliseconds.
#[napi(catch_unwind)]
pub fn health_begin(handle: &External<HealthHandle>, slot: u32, ticket: u32, work: u32, deadline: u32) -> Result<()> {
    entry("healthBegin", || {
        handle.0.begin(slot, ticket, work, Duration::from_millis(deadline.into()));
        Ok(())
    })
}

/// Work has ended, however; `shows`: that the agent lives.
#[napi(catch_unwind)]
pub fn health_settle(handle: &External<HealthHandle>, slot: u32, ticket: u32, work: u32, shows: bool) -> Result<()> {
    entry("healthSettle", || {
        handle.0.settle(slot, ticket, work, shows);
        Ok(())
    })
}

/// The worker in which an agent lives has ended.
#[napi(catch_unwind)]
pub fn health_exit(handle: &External<HealthHandle>, slot: u32, ticket: u32) -> Result<()> {
    entry("healthExit", || {
        handle.0.exit(slot, ticket);
        Ok(())
    })
}

/// The memory in which the agents with slots `chunk * length` and up beat; word 0 of the first is the clock. Null where
/// there is no such piece or the runtime shares no memory. To be asked for once: memory is never shared twice.
#[napi(catch_unwind, ts_return_type = "Uint32Array | null")]
pub fn health_words(handle: &External<HealthHandle>, chunk: u32) -> Result<SharedMemory<Chunk>> {
    entry("healthWords", || Ok(SharedMemory(handle.0.chunk(chunk))))
}

/// A sign of life where no memory is shared.
#[napi(catch_unwind)]
pub fn health_beat(handle: &External<HealthHandle>, slot: u32) -> Result<()> {
    entry("healthBeat", || {
        handle.0.beat(slot);
        Ok(())
    })
}

/// A ping was rejected.
#[napi(catch_unwind)]
pub fn health_reject(handle: &External<HealthHandle>, slot: u32, ticket: u32) -> Result<()> {
    entry("healthReject", || {
        handle.0.reject(slot, ticket);
        Ok(())
    })
}

/// The event loop runs.
#[napi(catch_unwind)]
pub fn health_echo(handle: &External<HealthHandle>) -> Result<()> {
    entry("healthEcho", || {
        handle.0.echo();
        Ok(())
    })
}

/// How an agent does; null where it is not known.
#[napi(catch_unwind)]
pub fn health_look(handle: &External<HealthHandle>, slot: u32, ticket: u32) -> Result<Option<HealthLook>> {
    entry("healthLook", || {
        let look = handle.0.look(slot, ticket);
        Ok(look.map(|look| HealthLook { silent_ms: look.silent.as_secs_f64() * 1000.0, missed: look.missed }))
    })
}

/// Goes on after a stop.
#[napi(catch_unwind)]
pub fn health_start(handle: &External<HealthHandle>) -> Result<()> {
    entry("healthStart", || handle.0.start())
}

/// Stops the clock.
#[napi(catch_unwind)]
pub fn health_stop(handle: &External<HealthHandle>) -> Result<()> {
    entry("healthStop", || handle.0.stop())
}

/// Ends the watch; twice is fine.
#[napi(catch_unwind)]
pub fn health_close(handle: &External<HealthHandle>) -> Result<()> {
    entry("healthClose", || {
        handle.0.close();
        handle.1.end();
        Ok(())
    })
}

impl AtomicWords for Chunk {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::uint32_array;
    const BYTES: usize = size_of::<u32>();

    fn words(&self) -> (*const c_void, usize) {
        let words = Chunk::words(self);
        (words.as_ptr().cast(), words.len())
    }
}
