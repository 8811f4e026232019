//! Whether the path of a database means the file that was opened: it can come to mean another one, or the file can be emptied,
//! while it is open. SQLite notices neither, and writes on into a file that nobody will ever find again.

use std::{io, path::Path};

use crate::{
    error::{Error, Result},
    found::{Found, Identity},
};

/// Checks that the path still means the file that was opened, and that there is something in it.
///
/// # Errors
/// [`Error::Io`] where it does not.
pub fn still_there(path: &Path, opened: Option<Identity>, doing: &str) -> Result<()> {
    let cause = match Found::at(path) {
        Ok(found) if opened != Some(found.identity) => {
            "was replaced while it was open: close this store, remove …-wal and …-shm, which are the old file's, and open it anew"
        }
        Ok(found) if found.length == 0 => {
            "was emptied while it was open: close this store before anything is put in its place"
        }
        Ok(_) => return Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => "was deleted while it was open",
        // It may be there: nobody lets us look.
        Err(cause) => {
            return Err(Error::io(format!("{doing}: looking for the database file {}", path.display()), &cause));
        }
    };
    Err(Error::Io { doing: doing.into(), cause: format!("the database file {} {cause}", path.display()) })
}
