//! Messages for the end of a session: what is there already is not touched.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    heads::{Head, Standing},
    messages::{self, SPACING},
};
use crate::{
    error::{Error, Result},
    storage::{
        json::with_member,
        session::{Appended, Appendix},
    },
};

/// Puts messages behind the last one; the session's last change becomes the later of the stored one and now.
pub fn append(connection: &Connection, appendix: &Appendix) -> Result<Appended> {
    if i64::try_from(appendix.messages.iter().count()) != Ok(appendix.count) {
        return Err(Error::OptionInvalid("there must be as many messages as are announced".into()));
    }
    let Some(old) = Standing::trusted(connection, &appendix.id)? else {
        return Err(Error::SessionUnknown(appendix.id.clone()));
    };
    let version = counters::next_version(connection, Some(old.version))?;
    write(connection, appendix, &old, version).map_err(|error| failure("appending messages", &error))
}

fn write(connection: &Connection, appendix: &Appendix, old: &Head, version: i64) -> rusqlite::Result<Appended> {
    let last = messages::last_position(connection, old.number)?;
    let first_position = last.map_or(0, |position| position + SPACING);
    let added = messages::insert(connection, old.number, first_position, &appendix.messages)?;
    Counter::Messages.add(connection, added.count)?;
    let (now, now_text) = &appendix.now;
    let mut head = Head {
        version,
        stamp: appendix.stamp,
        message_count: old.message_count + added.count,
        message_bytes: old.message_bytes + added.bytes,
        ..old.clone()
    };
    if *now > old.updated_at {
        head.updated_at = *now;
        if let Some(data) = with_member(&old.data, "updatedAt", now_text) {
            head.data = data;
        }
    }
    head.replace(connection, &appendix.id, old)?;
    Ok(Appended { count: head.message_count, first_position, previous_stamp: old.stamp })
}
