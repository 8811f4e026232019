//! A database file that is mounted by itself, as containers have it done. SQLite puts the log beside it, into a directory that is
//! another one in each container, and goes with it: whoever has the file open elsewhere has another log, and what was not folded
//! into the file is gone with the container.

use std::path::Path;

use super::{birth, restored};
use crate::{
    error::{Error, Result},
    found,
};

/// Checks that the file at `path`, where there is one, is mounted with its directory. Where the system does not tell, it is let be;
/// and so is a backup that can only be read, which needs no log.
///
/// # Errors
/// [`Error::Io`] where it is mounted alone.
pub fn refuse_lone_mount(path: &Path) -> Result<()> {
    let own = birth::own_name(path);
    let mounted_with = |directory: &Path| Some(found::mount_of(&own)? == found::mount_of(directory)?);
    let alone = own.parent().and_then(mounted_with) == Some(false);
    if !alone || (!may_be_written_to(&own) && restored::is_marked(&own)) {
        return Ok(());
    }
    let cause = "the file itself is mounted there, as by `docker run -v ./sessions.db:/data/sessions.db`, and its write-ahead log \
                 would be in a directory that is not, and be lost with it: mount the directory that the file is in, and where there is a log here that holds something, put it beside the file there first";
    Err(Error::Io { doing: format!("opening the database {}", path.display()), cause: cause.into() })
}

#[cfg(target_os = "linux")]
fn may_be_written_to(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn may_be_written_to(_: &Path) -> bool {
    true
}

/// A file with two names is two databases to SQLite, each with a log beside its own name.
pub fn warn_of_other_names(path: &Path) {
    if let Ok(names) = found::Found::at(path).map(|found| found.names)
        && names > 1
    {
        tracing::warn!(
            target: "smalltalk::storage", path = %path.display(), names,
            "the database has other names: whoever opens it by one of these has another log, and damages it"
        );
    }
}
