//! What crosses the boundary: objects that JavaScript makes, and answers made of what the core gives.

use std::{fmt::Write, time::Duration};

use napi_derive::napi;

use super::super::outcome::{Failure, Outcome};
use crate::{
    Error,
    durability::Durability,
    event_log::{CleanupReport, Receipt, ReplayFilter, Statistics, TogetherOutcome, Unstored, VerifyReport},
};

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
        let mut lines = String::with_capacity(receipts.len() * 40);
        let mut expected = 0;
        for receipt in receipts {
            if let Some(Receipt { seq, id }) = receipt {
                if seq != expected {
                    // Writing to a text does not fail.
                    let _ = write!(lines, "{seq} ");
                }
                lines.push_str(&id);
                expected = seq + 1;
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

pub fn durability_of(power: Option<bool>) -> Option<Durability> {
    power.map(|power| if power { Durability::Power } else { Durability::Process })
}

pub fn millis(number: f64) -> crate::Result<Duration> {
    Duration::try_from_secs_f64(number / 1000.0).map_err(|cause| Error::OptionInvalid(format!("{number} ms: {cause}")))
}

/// A JavaScript number that the face has checked to be an integer from 0 on.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the face has checked that it is a safe integer"
)]
pub fn integer(number: f64) -> u64 {
    number as u64
}

pub fn size(number: f64) -> usize {
    usize::try_from(integer(number)).unwrap_or(usize::MAX)
}
