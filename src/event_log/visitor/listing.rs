//! Which files the sessions have: one look at their directory, for all of them.

use std::{collections::HashMap, path::Path};

use super::super::{files, names};
use crate::error::Result;

/// The files of all sessions, as they were at one moment.
#[derive(Debug, Default)]
pub struct Listing {
    by_stem: HashMap<String, Listed>,
}

/// Those of one session, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Oldest first.
    pub closed: Vec<String>,
    /// The one being written.
    pub growing: Option<String>,
}

impl Listing {
    /// As they are now.
    pub fn of(active: &Path) -> Result<Self> {
        let mut found = Vec::new();
        for name in files::file_names(active)? {
            if let Some(parsed) = names::parse(&name).filter(|parsed| names::is_of_session(parsed.stem)) {
                found.push((parsed.first_seq, parsed.stem.to_owned(), name));
            }
        }
        found.sort();
        let mut listing = Self::default();
        for (first_seq, stem, name) in found {
            let files = listing.by_stem.entry(stem).or_default();
            match first_seq {
                Some(_) => files.closed.push(name),
                None => files.growing = Some(name),
            }
        }
        Ok(listing)
    }

    /// All sessions that have files, by the stems of their names.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (&str, &Listed)> {
        self.by_stem.iter().map(|(stem, files)| (stem.as_str(), files))
    }

    /// The files of a session; `None` where it has none.
    pub fn files(&self, stem: &str) -> Option<&Listed> {
        self.by_stem.get(stem)
    }

    /// The closed ones, oldest first.
    pub fn closed(&self, stem: &str) -> &[String] {
        self.files(stem).map_or(&[], |files| &files.closed)
    }
}
