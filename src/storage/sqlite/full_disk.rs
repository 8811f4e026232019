//! Changes that make room, where there is none but what was kept for them.

use rusqlite::Connection;

use super::{
    checkpoints::Checkpoints,
    failure::{doubt_alone, leaves_doubt},
    growth::Growth,
    job::Write,
    own_log::OwnLog,
    reclaim, transaction,
};
use crate::error::Result;

/// Does changes anew that found no room the first time: all together, or one by one where that was too much at once, and
/// then each in as small a step as it takes. In between the log is folded, so that the next one has its room.
///
/// # Errors
/// What has failed and leaves in doubt what is on the disk, for whoever else writes.
pub fn free(connection: &Connection, growth: &Growth, log: &OwnLog, writes: Vec<Write>) -> Result<()> {
    // Pages that are to go would be written to the log on the way, for want of memory.
    let spilling = |allowed: bool| drop(connection.pragma_update(None, "cache_spill", allowed));
    spilling(false);
    let freed = free_in_memory(connection, growth, log, writes);
    spilling(true);
    freed
}

fn free_in_memory(connection: &Connection, growth: &Growth, log: &OwnLog, writes: Vec<Write>) -> Result<()> {
    let mut sound = fold(connection, growth);
    let attempt = |writes, leave, sound: &mut Result<()>| attempt(connection, log, writes, leave, sound);
    let left = if writes.len() == 1 { writes } else { attempt(writes, true, &mut sound) };
    for mut write in left {
        loop {
            if sound.is_err() {
                write.refuse(transaction::after_doubt());
                break;
            }
            let can_be_less = write.lessen();
            match attempt(vec![write], can_be_less, &mut sound).pop() {
                Some(again) => write = again,
                None => break,
            }
        }
        sound = sound.and_then(|()| cut_and_fold(connection, growth));
    }
    sound
}

/// Gives those for whom there was no room, where they are to be left.
fn attempt(
    connection: &Connection,
    log: &OwnLog,
    writes: Vec<Write>,
    leave: bool,
    sound: &mut Result<()>,
) -> Vec<Write> {
    let (failed, left) = transaction::run_anew(connection, writes, leave, log).tell();
    if let Some(error) = failed.filter(leaves_doubt) {
        *sound = Err(error);
    }
    left
}

/// Folds the log, so that it can begin anew in the room it has.
///
/// Where the file has no room for what is in the log, as after somebody else has filled the disk while the file was closed,
/// to begin with folding would use up what room there is, and not come to an end.
///
/// # Errors
/// What has failed and leaves in doubt what is on the disk.
pub fn fold(connection: &Connection, growth: &Growth) -> Result<()> {
    doubt_alone(match growth.lacks(connection) {
        Ok(0) => Checkpoints::make_room(connection),
        lacks => lacks.map(drop),
    })
}

/// There, what was freed needs no room in the file any more when it was cut off.
fn cut_and_fold(connection: &Connection, growth: &Growth) -> Result<()> {
    let cut = || -> Result<()> {
        let lacks = growth.lacks(connection)?;
        if lacks > 0 && growth.unused(connection)? >= lacks {
            while reclaim::cut_some(connection)? {}
        }
        Ok(())
    };
    doubt_alone(cut()).and_then(|()| fold(connection, growth))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::{super::growth::Disk, *};
    use crate::{
        reply::Reply,
        storage::sqlite::{keys, opening},
    };

    #[test]
    fn a_log_that_its_file_has_no_room_for_is_not_folded_before_enough_was_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let connection = opening::open_writer(&path, Duration::ZERO).unwrap().connection;
        let own_log = OwnLog::of(&path, None);
        // As one whose room was not taken ahead has left it.
        let text = format!("{:?}", "x".repeat(150_000));
        (0..20).for_each(|n| keys::set(&connection, &n.to_string(), &text, None, None).unwrap());
        let length = || fs::metadata(&path).unwrap().len();
        let before = length();
        let growth =
            Growth::on(&connection, &path, Disk { available: |_| 1_000_000, is_full: |_, _, _| true }).unwrap();
        assert!(growth.lacks(&connection).unwrap() > 1_000_000);
        for n in 0..3 {
            let (reply, deleted) = Reply::channel();
            free(&connection, &growth, &own_log, vec![Write::delete_keys(vec![n.to_string()], 0, reply)]).unwrap();
            assert_eq!(deleted.recv().unwrap().unwrap(), 1);
            assert_eq!(length(), before, "that would use up what room there is");
        }
        let (reply, cleared) = Reply::channel();
        free(&connection, &growth, &own_log, vec![Write::clear(reply)]).unwrap();
        cleared.recv().unwrap().unwrap();
        assert_eq!(growth.lacks(&connection).unwrap(), 0);
        let log = || fs::metadata(path.with_extension("db-wal")).unwrap().len();
        let folded = log();
        keys::set(&connection, "again", &text, None, None).unwrap();
        assert_eq!(log(), folded, "it begins anew in the room that it has");
    }
}
