//! What crosses the boundary: objects that JavaScript makes, and answers made of what the core gives.

use napi::bindgen_prelude::Float64Array;
use napi_derive::napi;

use super::super::{outcome::Outcome, spliced_text::SplicedText};
use crate::storage::session::{
    Appended, Encoded, Expected, Lines, OrderBy, SessionChanges, SessionFilter, SessionImage, Stats,
};

/// One session, encoded: its messages one a line, and as many lines with their tables of types.
#[napi(object, object_to_js = false)]
pub struct StorageSession {
    pub id: String,
    pub data: String,
    pub types: Option<String>,
    pub active_agent: Option<String>,
    pub created_at: f64,
    pub updated_at: f64,
    /// Which state this is: a safe integer, given out once.
    pub stamp: f64,
    /// The version that must be stored; -1: there must be none.
    pub if_version: Option<f64>,
    #[napi(ts_type = "Array<string>")]
    pub messages: SplicedText,
    pub message_types: String,
}

impl From<StorageSession> for SessionImage {
    fn from(session: StorageSession) -> Self {
        Self {
            id: session.id,
            head: Encoded { text: session.data, types: session.types },
            active_agent: session.active_agent,
            created_at: integer(session.created_at),
            updated_at: integer(session.updated_at),
            stamp: integer(session.stamp),
            expected: expected(session.if_version),
            messages: vec![Lines { texts: session.messages.0, types: session.message_types }],
        }
    }
}

/// What changed of a session. Positions are safe integers.
#[napi(object, object_to_js = false)]
pub struct StorageChanges {
    pub id: String,
    pub data: String,
    pub types: Option<String>,
    pub active_agent: Option<String>,
    pub created_at: f64,
    pub updated_at: f64,
    /// The state they are the changes to.
    pub base_stamp: f64,
    /// The state they make.
    pub stamp: f64,
    /// First and last positions of removed messages, in turn; both are removed.
    pub removed: Float64Array,
    /// Where the written messages go.
    pub positions: Float64Array,
    #[napi(ts_type = "Array<string>")]
    pub messages: SplicedText,
    pub message_types: String,
    /// How many messages there are afterwards.
    pub message_count: f64,
    /// The version that must be stored; -1: there must be none.
    pub if_version: Option<f64>,
}

impl From<StorageChanges> for SessionChanges {
    fn from(changes: StorageChanges) -> Self {
        Self {
            id: changes.id,
            head: Encoded { text: changes.data, types: changes.types },
            active_agent: changes.active_agent,
            created_at: integer(changes.created_at),
            updated_at: integer(changes.updated_at),
            base_stamp: integer(changes.base_stamp),
            stamp: integer(changes.stamp),
            removed: changes
                .removed
                .as_chunks()
                .0
                .iter()
                .map(|&[first, last]| (integer(first), integer(last)))
                .collect(),
            positions: changes.positions.iter().copied().map(integer).collect(),
            messages: Lines { texts: changes.messages.0, types: changes.message_types },
            message_count: integer(changes.message_count),
            expected: expected(changes.if_version),
        }
    }
}

impl From<Appended> for Outcome {
    fn from(appended: Appended) -> Self {
        let Appended { count, first_position, previous_stamp } = appended;
        Self::Texts([count, first_position, previous_stamp].map(|number| Some(number.to_string())).into())
    }
}

fn expected(version: Option<f64>) -> Expected {
    match version.map(integer) {
        None => Expected::Anything,
        Some(version) if version < 0 => Expected::Nothing,
        Some(version) => Expected::Version(version),
    }
}

/// Which sessions to list; times in milliseconds since the epoch.
#[napi(object)]
pub struct StorageFilter {
    pub limit: Option<f64>,
    pub offset: Option<f64>,
    pub active_agent: Option<String>,
    pub created_after: Option<f64>,
    pub created_before: Option<f64>,
    pub updated_after: Option<f64>,
    pub updated_before: Option<f64>,
    pub id_prefix: Option<String>,
    /// `updatedAt`, `createdAt` or `id`.
    pub order_by: Option<String>,
    pub ascending: bool,
}

impl From<StorageFilter> for SessionFilter {
    fn from(filter: StorageFilter) -> Self {
        Self {
            limit: filter.limit.map(integer),
            offset: filter.offset.map_or(0, integer),
            active_agent: filter.active_agent,
            created_after: filter.created_after.map(integer),
            created_before: filter.created_before.map(integer),
            updated_after: filter.updated_after.map(integer),
            updated_before: filter.updated_before.map(integer),
            id_prefix: filter.id_prefix,
            order_by: match filter.order_by.as_deref() {
                Some("createdAt") => OrderBy::CreatedAt,
                Some("id") => OrderBy::Id,
                _ => OrderBy::UpdatedAt,
            },
            ascending: filter.ascending,
        }
    }
}

impl From<Encoded> for Outcome {
    fn from(value: Encoded) -> Self {
        Self::json_texts([Some(value.text), value.types])
    }
}

impl From<Vec<Option<i64>>> for Outcome {
    fn from(versions: Vec<Option<i64>>) -> Self {
        Self::json(&versions)
    }
}

impl From<Vec<String>> for Outcome {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts.into_iter().map(Some).collect())
    }
}

impl From<i64> for Outcome {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a version reaches 2^53 after 28 years of ten million writes a second"
    )]
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<Stats> for Outcome {
    fn from(stats: Stats) -> Self {
        let Stats { sessions, messages, keys, size_bytes } = stats;
        Self::Text(format!(r#"{{"sessions":{sessions},"messages":{messages},"keys":{keys},"sizeBytes":{size_bytes}}}"#))
    }
}

/// A JavaScript number that the face has checked to be an integer.
#[expect(clippy::cast_possible_truncation, reason = "the face has checked that it is a safe integer")]
pub fn integer(number: f64) -> i64 {
    number as i64
}
