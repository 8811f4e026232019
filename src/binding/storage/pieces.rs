//! Reading a session in pieces, which the face takes as they come.

use std::sync::Arc;

use napi::bindgen_prelude::{External, Float64Array, Int32Array};
use napi_derive::napi;

use super::{
    super::{
        completions::Outcome,
        entry::{Result, entry},
    },
    StorageHandle,
};
use crate::{
    engine_text::EngineText,
    storage::sqlite::{Piece, Read, SessionHead, SessionReading},
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
        let listener = handle.completions.clone();
        let reading = Arc::new(SessionReading::new(move || listener.notify(channel, Outcome::Nothing)));
        let filled = Arc::clone(&reading);
        handle.read(in_order, |completions| Read::session_in_pieces(id, filled, completions.reply(slot)))?;
        Ok(External::new(StorageReading(reading)))
    })
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
        Self::EngineTexts(texts.into_iter().map(|text| text.map(EngineText::of_json)).collect())
    }
}

impl From<Piece> for Outcome {
    fn from(piece: Piece) -> Self {
        Self::EngineTexts(vec![Some(piece.messages), Some(piece.types)])
    }
}
