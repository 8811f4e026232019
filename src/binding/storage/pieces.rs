//! Reading a session in pieces, which the face takes as they come.

use std::sync::Arc;

use napi::bindgen_prelude::{External, Float64Array, Int32Array};
use napi_derive::napi;

use super::{
    super::{
        completions::Completions,
        entry::{Result, entry},
        outcome::Outcome,
    },
    StorageHandle,
    shapes::integer,
};
use crate::{
    engine_text::EngineText,
    storage::sqlite::{Part, Piece, Read, SessionHead, SessionReading},
};

/// A session on its way out.
pub struct StorageReading(Arc<SessionReading>);

/// Reads a session; `channel` hears (null) whenever there is a piece where there was none. The answer comes when all of
/// them are there, and only then are they to be believed: `[data, types, version, stamp, message count]`, or null.
#[napi(catch_unwind)]
pub fn storage_read_session(
    handle: &External<StorageHandle>,
    slot: u32,
    channel: u32,
    id: String,
    in_order: bool,
) -> Result<External<StorageReading>> {
    entry("storageReadSession", || {
        in_pieces(handle, channel, in_order, |reading, completions| {
            Read::session_in_pieces(id, reading, completions.reply(slot))
        })
    })
}

/// Reads messages, as of [`storage_read_session`]: of those before the index `before` (-1: of all) the newest `last` (-1: all),
/// of these the oldest `limit` (-1: all). The answer is the last piece, mostly the only one, without what else a piece has:
/// `[a JSON array, their types one a line]`, or null.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments, reason = "an object would be read member by member")]
pub fn storage_read_messages(
    handle: &External<StorageHandle>,
    slot: u32,
    channel: u32,
    id: String,
    last: f64,
    before: f64,
    limit: f64,
    in_order: bool,
) -> Result<External<StorageReading>> {
    entry("storageReadMessages", || {
        let given = |number: f64| Some(integer(number)).filter(|number| *number >= 0);
        let part = Part { last: given(last), before: given(before), limit: given(limit) };
        in_pieces(handle, channel, in_order, |reading, completions| {
            Read::messages(id, part, reading, completions.reply(slot))
        })
    })
}

fn in_pieces(
    handle: &External<StorageHandle>,
    channel: u32,
    in_order: bool,
    read: impl FnOnce(Arc<SessionReading>, &Completions) -> Read,
) -> crate::error::Result<External<StorageReading>> {
    let listener = handle.completions.clone();
    let reading = Arc::new(SessionReading::new(move || listener.notify(channel, Outcome::Nothing)));
    let filled = Arc::clone(&reading);
    handle.read(in_order, |completions| read(filled, completions))?;
    Ok(External::new(StorageReading(reading)))
}

/// The next piece that is ready: messages as a JSON array, their types one a line, their positions, and the long contents
/// that were taken out of the array: those that are Latin-1, the others, and for each message where its content ends in
/// the first text, negative in the second, 0 where it is in the array. Null where no piece is ready.
#[napi(catch_unwind, ts_return_type = "[string, string, Float64Array, string, string, Int32Array] | null")]
pub fn storage_next_piece(reading: &External<StorageReading>) -> Result<Option<PieceParts>> {
    entry("storageNextPiece", || {
        let piece = reading.0.next_piece();
        Ok(piece.map(|Piece { messages, types, positions, lifted }| {
            let (narrow, wide, ends) = lifted.unwrap_or_default().into_parts();
            (messages, types, float_positions(&positions), narrow, wide, Int32Array::new(ends))
        }))
    })
}

type PieceParts = (EngineText, EngineText, Float64Array, EngineText, EngineText, Int32Array);

/// Positions as JavaScript's numbers.
pub fn float_positions(positions: &[i64]) -> Float64Array {
    #[expect(clippy::cast_precision_loss, reason = "the face gives safe integers as positions")]
    let positions: Vec<f64> = positions.iter().map(|position| *position as f64).collect();
    Float64Array::new(positions)
}

impl From<SessionHead> for Outcome {
    fn from(head: SessionHead) -> Self {
        let texts = [
            Some(head.data.text),
            head.data.types,
            Some(head.version.to_string()),
            Some(head.stamp.to_string()),
            Some(head.message_count.to_string()),
        ];
        Self::json_texts(texts)
    }
}

impl From<Piece> for Outcome {
    fn from(piece: Piece) -> Self {
        Self::EngineTexts(vec![Some(piece.messages), Some(piece.types)])
    }
}
