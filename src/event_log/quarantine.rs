//! Copies of damaged bytes, for whoever wants to look at them; the log itself never needs one.

use super::{directory::Layout, files};
use crate::error::Result;

const EXTENSION: &str = ".damaged";

/// Keeps a copy as a whole, on the disk, and gives its name, below the log's directory. What is damaged in the same place is
/// copied once; a copy that says something else, such as one that was cut short, stays, and this one is numbered.
pub fn keep(layout: &Layout, of: &str, bytes: &[u8]) -> Result<String> {
    let numbered = |number| if number == 0 { String::new() } else { format!("-{number}") };
    let mut names = (0_u32..).map(|number| format!("{of}{}{EXTENSION}", numbered(number)));
    files::create_directory(&layout.quarantine)?;
    loop {
        let name = names.next().unwrap_or_default();
        match files::read_all(&layout.quarantine.join(&name))? {
            Some(kept) if kept != bytes => continue,
            Some(_) => {}
            None => {
                files::replace(&layout.quarantine, &name, bytes)?;
                tracing::warn!(target: "smalltalk::event_log", copy = name, bytes = bytes.len(), "copied damaged bytes aside");
            }
        }
        return Ok(format!("quarantine/{name}"));
    }
}

/// Removes what a process left that died while it made a copy. One that stays is in nobody's way.
pub fn remove_strays(layout: &Layout) {
    if let Err(error) = files::remove_temporaries(&layout.quarantine) {
        tracing::warn!(target: "smalltalk::event_log", %error, "could not tidy the quarantine");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_can_be_kept_whole() {
        let directory = tempfile::TempDir::new().unwrap();
        let layout = Layout::new(directory.path());
        // A stem, a number that leapt, an offset.
        let of = format!("{}.{}.{}", "s".repeat(186), 1_u64 << 53, u64::from(u32::MAX));
        let name = keep(&layout, &of, b"damaged").unwrap();
        assert_eq!(files::read_all(&directory.path().join(name)).unwrap().unwrap(), b"damaged");
        assert_eq!(files::names(&layout.quarantine).unwrap().len(), 1);
    }
}
