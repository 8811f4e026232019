//! Changes that make room, where there is none but what was kept for them.

use rusqlite::Connection;

use super::{
    checkpoints::Checkpoints,
    failure::{doubt_alone, leaves_doubt},
    job::Write,
    transaction,
};
use crate::error::Result;

/// Does changes anew that found no room the first time: all together, or one by one where that was too much at once, and
/// then each in as small a step as it takes. In between the log is folded, so that the next one has its room.
///
/// # Errors
/// What has failed and leaves in doubt what is on the disk, for whoever else writes.
pub fn free(connection: &Connection, writes: Vec<Write>) -> Result<()> {
    let mut sound = fold(connection);
    let left = if writes.len() == 1 { writes } else { attempt(connection, writes, true, &mut sound) };
    for mut write in left {
        loop {
            if sound.is_err() {
                write.refuse(transaction::after_doubt());
                break;
            }
            let can_be_less = write.lessen();
            match attempt(connection, vec![write], can_be_less, &mut sound).pop() {
                Some(again) => write = again,
                None => break,
            }
        }
        sound = sound.and_then(|()| fold(connection));
    }
    sound
}

/// Gives those for whom there was no room, where they are to be left.
fn attempt(connection: &Connection, writes: Vec<Write>, leave: bool, sound: &mut Result<()>) -> Vec<Write> {
    let (failed, left) = transaction::run_anew(connection, writes, leave).tell();
    if let Some(error) = failed.filter(leaves_doubt) {
        *sound = Err(error);
    }
    left
}

fn fold(connection: &Connection) -> Result<()> {
    // Where there is no room in the file for what is in the log, a change may be small enough all the same.
    doubt_alone(Checkpoints::make_room(connection))
}
