//! Files on their way to another directory, which may be on another file system.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{options, replacing::TEMPORARY};
use crate::error::{Error, Result};

/// Moves a file to the first of `names` in `directory` that is free, and gives that path. Never replaces a file: only the
/// owner of a log moves its files, so nobody of ours comes in between. Where it is about to be it says before the file may be
/// gone from where it was.
pub fn move_new(
    from: &Path,
    directory: &Path,
    names: impl Iterator<Item = String>,
    say: impl Fn(&Path),
) -> Result<PathBuf> {
    let moving = || {
        for name in names {
            let to = directory.join(&name);
            if !to.try_exists()? {
                say(&to);
                #[cfg(test)]
                super::watched::moving();
                match fs::rename(from, &to) {
                    Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => copy_new(from, directory, &name)?,
                    moved => moved?,
                }
                #[cfg(test)]
                super::watched::moving();
                return Ok(to);
            }
            // Whoever was killed between the copy and the end of the original left both.
            if crosses_devices(from, directory)? && fs::read(from)? == fs::read(&to)? {
                say(&to);
                return finish_move(from, directory).map(|()| to);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    };
    moving()
        .map_err(|cause: io::Error| Error::io(format!("moving {} to {}", from.display(), directory.display()), &cause))
}

#[cfg(unix)]
fn crosses_devices(from: &Path, directory: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(from)?.dev() != fs::metadata(directory)?.dev())
}

/// Nothing portable tells; a copy that was left makes another one then.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where it can fail")]
fn crosses_devices(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Moves a file to another file system: whoever looks finds the copy whole, and it is on the disk before the original goes.
fn copy_new(from: &Path, directory: &Path, name: &str) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.{}{TEMPORARY}", uuid::Uuid::now_v7().simple()));
    let copying = || {
        let mut copy = options().write(true).create_new(true).open(&temporary)?;
        io::copy(&mut File::open(from)?, &mut copy)?;
        copy.sync_all()?;
        // Where there are no hard links, the name is free all the same: we looked.
        fs::hard_link(&temporary, directory.join(name)).or_else(|_| fs::rename(&temporary, directory.join(name)))
    };
    let copied = copying();
    // After a failure, and beside its other name, it is of no use; the next cleanup removes what stays.
    let _ = fs::remove_file(&temporary);
    copied.and_then(|()| finish_move(from, directory))
}

/// The copy's name is on the disk before the original goes.
fn finish_move(from: &Path, directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    #[cfg(test)]
    super::watched::moving();
    fs::remove_file(from)
}
