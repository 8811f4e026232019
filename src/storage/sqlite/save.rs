//! Storing a session in full.

use rusqlite::Connection;

use super::{
    coming::ComingMessages,
    counters::{self, Counter},
    failure::failure,
    heads::{Head, MISLED, Standing, damaged},
    message_count,
    messages::{self, Extent, SPACING},
};
use crate::{
    error::{Error, Result},
    storage::session::{Expected, Lines, SessionImage},
};

/// Stores a session as it is in `image`, in place of what was there. Gives its version.
pub fn save(connection: &Connection, image: &SessionImage) -> Result<i64> {
    write(connection, image, |rows| image.messages.iter().try_for_each(|piece| rows.insert(piece)))
}

/// The same for one whose messages are still coming; see [`ComingMessages::each`].
pub fn save_coming(
    connection: &Connection,
    image: &SessionImage,
    messages: &ComingMessages,
    only_complete: bool,
) -> Result<i64> {
    write(connection, image, |rows| messages.each(only_complete, |piece| rows.insert(piece)))
}

fn doing(error: &rusqlite::Error) -> Error {
    failure("saving a session", error)
}

/// Whether what stands is what the caller expects.
///
/// # Errors
/// [`Error::Conflict`] where it is not, [`Error::Corrupt`] where there is no telling, or no writing whatever is expected.
pub fn check(id: &str, expected: Expected, standing: &Standing) -> Result<()> {
    let wanted = match (expected, standing) {
        (_, Standing::Misled) => return Err(damaged(id, MISLED)),
        (Expected::Anything, _) => return Ok(()),
        (Expected::Nothing, _) => None,
        (Expected::Version(version), _) => Some(version),
    };
    let actual = match standing {
        Standing::Nothing => None,
        Standing::Sound(head) => Some(head.version),
        Standing::Damaged | Standing::Misled => return Err(damaged(id, "its checksum does not fit")),
    };
    if wanted == actual { Ok(()) } else { Err(Error::Conflict { expected: wanted, actual }) }
}

/// The rows of one session as they are being written.
struct Rows<'store> {
    connection: &'store Connection,
    number: i64,
    written: Extent,
}

impl Rows<'_> {
    fn insert(&mut self, piece: &Lines) -> Result<()> {
        let first = self.written.count * SPACING;
        let extent = messages::insert(self.connection, self.number, first, piece).map_err(|error| doing(&error))?;
        self.written.count += extent.count;
        self.written.bytes += extent.bytes;
        Ok(())
    }
}

fn write(
    connection: &Connection,
    image: &SessionImage,
    messages: impl FnOnce(&mut Rows<'_>) -> Result<()>,
) -> Result<i64> {
    let mut standing = Standing::of(connection, &image.id).map_err(|error| doing(&error))?;
    check(&image.id, image.expected, &standing)?;
    let counted = message_count::of_row(connection, &image.id, &standing).map_err(|error| doing(&error))?;
    let mut last = None;
    if let Standing::Sound(old) = &standing {
        last = Some(old.version);
        let removed = messages::delete_all(connection, old.number).map_err(|error| doing(&error))?;
        if removed != old.message_count {
            // Some are not found where they belong, and could come out again between those that are written now.
            standing = Standing::Damaged;
        }
    }
    let version = counters::next_version(connection, last)?;
    let number = if let Standing::Sound(old) = &standing { old.number } else { version };
    let mut rows = Rows { connection, number, written: Extent::default() };
    messages(&mut rows)?;
    let Rows { written, .. } = rows;
    Counter::Messages.add(connection, written.count - counted).map_err(|error| doing(&error))?;
    let head = Head { message_count: written.count, message_bytes: written.bytes, ..head(image, number, version) };
    place(connection, &image.id, &head, &standing).map_err(|error| doing(&error))?;
    Ok(version)
}

fn head(image: &SessionImage, number: i64, version: i64) -> Head {
    Head {
        row: None,
        data: image.head.text.clone(),
        types: image.head.types.clone(),
        active_agent: image.active_agent.clone(),
        created_at: image.created_at,
        updated_at: image.updated_at,
        number,
        version,
        stamp: image.stamp,
        message_count: 0,
        message_bytes: 0,
    }
}

fn place(connection: &Connection, id: &str, head: &Head, standing: &Standing) -> rusqlite::Result<()> {
    match standing {
        Standing::Sound(old) => head.replace(connection, id, old),
        Standing::Damaged | Standing::Misled => {
            Head::delete(connection, id)?;
            head.insert(connection, id)
        }
        Standing::Nothing => {
            head.insert(connection, id)?;
            Counter::Sessions.add(connection, 1)
        }
    }
}
