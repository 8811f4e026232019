//! Storing a session in full.

use rusqlite::Connection;

use super::{
    counters::{self, Counter},
    failure::failure,
    heads::{Head, Standing, damaged},
    messages::{self, Extent, SPACING},
};
use crate::{
    error::{Error, Result},
    storage::session::{Expected, SessionImage},
};

/// Stores a session as it is in `image`, in place of what was there. Gives its version.
pub fn save(connection: &Connection, image: &SessionImage) -> Result<i64> {
    let doing = |error: &rusqlite::Error| failure("saving a session", error);
    let standing = Standing::of(connection, &image.id).map_err(|error| doing(&error))?;
    check(&image.id, image.expected, &standing)?;
    write(connection, image, &standing).map_err(|error| doing(&error))
}

/// Whether what stands is what the caller expects.
///
/// # Errors
/// [`Error::Conflict`] where it is not, [`Error::Corrupt`] where there is no telling.
pub fn check(id: &str, expected: Expected, standing: &Standing) -> Result<()> {
    let wanted = match expected {
        Expected::Anything => return Ok(()),
        Expected::Nothing => None,
        Expected::Version(version) => Some(version),
    };
    let actual = match standing {
        Standing::Nothing => None,
        Standing::Sound(head) => Some(head.version),
        Standing::Damaged => return Err(damaged(id, "its checksum does not fit")),
    };
    if wanted == actual { Ok(()) } else { Err(Error::Conflict { expected: wanted, actual }) }
}

fn write(connection: &Connection, image: &SessionImage, standing: &Standing) -> rusqlite::Result<i64> {
    let version = counters::next_version(connection)?;
    let (number, removed) = match standing {
        Standing::Sound(old) => (old.number, messages::delete_all(connection, old.number)?),
        Standing::Nothing | Standing::Damaged => (version, 0),
    };
    let mut written = Extent::default();
    for piece in &image.messages {
        let extent = messages::insert(connection, number, written.count * SPACING, piece)?;
        written.count += extent.count;
        written.bytes += extent.bytes;
    }
    Counter::Messages.add(connection, written.count - removed)?;
    let head = Head {
        data: image.head.text.clone(),
        types: image.head.types.clone(),
        active_agent: image.active_agent.clone(),
        created_at: image.created_at,
        updated_at: image.updated_at,
        number,
        version,
        stamp: image.stamp,
        message_count: written.count,
        message_bytes: written.bytes,
    };
    match standing {
        Standing::Sound(old) => head.replace(connection, &image.id, old)?,
        Standing::Damaged => {
            Head::delete(connection, &image.id)?;
            head.insert(connection, &image.id)?;
        }
        Standing::Nothing => {
            head.insert(connection, &image.id)?;
            Counter::Sessions.add(connection, 1)?;
        }
    }
    Ok(version)
}
