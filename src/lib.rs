//! The native core of `smalltalk-native`.
//!
//! Floors, and imports point down only: **0** `error`, `fault`, `reply`, `alertness`, `worker`, `checksum`, `durability`,
//! `engine_text`, `escape`, `event_sink`, `found`; **1** `storage`,
//! `event_log`, `health_monitor`, which never import one another; **2** `binding`, the only part that has heard of Node.
//! `cargo test --no-default-features` builds and runs everything below the binding.

#![warn(clippy::pedantic)]
#![deny(clippy::unwrap_used, clippy::expect_used)]
#![cfg_attr(not(feature = "binding"), forbid(unsafe_code))]
// A module's name in its items ("storage::StorageOptions") reads better in a signature than a bare `Options`.
#![allow(clippy::module_name_repetitions)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod alertness;
pub mod checksum;
pub mod durability;
pub mod engine_text;
pub mod error;
pub mod escape;
pub mod event_bus;
pub mod event_log;
pub mod event_sink;
pub mod fault;
pub mod found;
pub mod health_monitor;
pub mod reply;
pub mod storage;
pub mod worker;

#[cfg(feature = "binding")]
mod binding;

pub use error::{Error, Result};
