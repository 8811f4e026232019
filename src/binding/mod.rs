//! N-API functions over the rooms below. This floor translates and decides nothing.
//!
//! Every export is a plain function whose first argument is an `External` (a third of the price of a class method), goes
//! through [`entry::entry`], and answers later through [`completions::Completions`].

// napi hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]
#![cfg_attr(
    test,
    allow(dead_code, reason = "in a test build nothing registers the exports, and nobody else calls them")
)]

mod callback;
mod completions;
mod entry;
mod event_bus;
mod event_log;
mod event_loop;
mod external_strings;
mod health_monitor;
mod libuv;
mod long_text;
mod outcome;
mod shared_memory;
mod spliced_text;
mod storage;
mod telemetry;
mod text;
