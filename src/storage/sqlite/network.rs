//! File systems on which a database would not be safe: the write-ahead log needs memory that all its users share, and
//! locks that work, and neither reaches over a network.

use std::path::Path;

use crate::error::{Error, Result};

/// Checks that a file or directory is not on a network file system. Where the system does not tell, it is let be.
///
/// # Errors
/// [`Error::Io`] where it is.
pub fn refuse_network(path: &Path) -> Result<()> {
    let Some(kind) = network_kind(path) else { return Ok(()) };
    Err(Error::Io {
        doing: format!("opening the database {}", path.display()),
        cause: format!(
            "it is on a network file system ({kind}), where neither its locks nor its shared memory work; use a local disk"
        ),
    })
}

/// File systems that are none of this machine's, by the number that Linux has for them.
#[cfg(target_os = "linux")]
const NETWORK: [(i64, &str); 13] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFE53_4D42, "SMB2"),
    (0xFF53_4D42, "CIFS"),
    (0x0102_1997, "9P"),
    (0x564C, "NCP"),
    (0x7375_7245, "Coda"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1161_1970, "GFS2"),
];

#[cfg(target_os = "linux")]
fn network_kind(directory: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(directory).ok()?;
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_fallible_conversions,
        reason = "its type differs by platform"
    )]
    let number = i64::try_from(found.f_type).ok()?;
    kind_of(number)
}

#[cfg(target_os = "linux")]
fn kind_of(number: i64) -> Option<&'static str> {
    // On some platforms the number is a signed one of 32 bits.
    NETWORK.into_iter().find(|(known, _)| *known == number & 0xFFFF_FFFF).map(|(_, kind)| kind)
}

#[cfg(target_os = "macos")]
fn network_kind(directory: &Path) -> Option<&'static str> {
    /// `MNT_LOCAL`.
    const LOCAL: u32 = 0x1000;
    let found = rustix::fs::statfs(directory).ok()?;
    (found.f_flags & LOCAL == 0).then_some("not local")
}

#[cfg(windows)]
fn network_kind(directory: &Path) -> Option<&'static str> {
    use std::path::{Component, Prefix};
    // A drive that stands for a share shows what it is as well.
    let real = directory.canonicalize().ok()?;
    match real.components().next() {
        Some(Component::Prefix(prefix)) => {
            matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)).then_some("a share")
        }
        _ => None,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn network_kind(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_network_file_systems_are_known_and_those_of_local_ones_are_not() {
        assert_eq!(kind_of(0x6969), Some("NFS"));
        assert_eq!(kind_of(0xFE53_4D42_u32.cast_signed().into()), Some("SMB2"), "as a signed number of 32 bits");
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1] {
            assert_eq!(kind_of(local), None, "{local:x}");
        }
        assert!(refuse_network(&std::env::temp_dir()).is_ok());
    }
}
