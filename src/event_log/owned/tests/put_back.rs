//! An archive is looked at after a close in order only where it may have what an earlier state of the files does not.

use super::{cleaning::append_to, *};
use crate::event_log::stamp::Stamp;

/// A log in a directory, of which a session is in the archive and one is not.
struct Place(tempfile::TempDir);

/// Once a change of the archive would show in its state.
fn close(owned: Owned) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Stamp::of(&owned.around.layout.archive.join("2025-11-23")).is_none() {
        assert!(Instant::now() < deadline, "the archive never stands still");
        std::thread::yield_now();
    }
    owned.close().unwrap();
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::TempDir::new().unwrap());
        let mut owned = open(place.0.path());
        append_to(&mut owned, "archived");
        clean(&mut owned, Duration::from_secs(3600)).unwrap();
        append_to(&mut owned, "s");
        close(owned);
        place
    }

    /// How many directories an opening lists.
    fn listed(&self) -> usize {
        files::LISTED.set(0);
        let owned = open(self.0.path());
        let listed = files::LISTED.get();
        assert!(owned.report.clean);
        close(owned);
        listed
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }
}

#[test]
fn an_archive_costs_no_more_than_a_look_at_its_days_as_long_as_all_is_as_it_was() {
    let place = Place::new();
    let least = place.listed();
    assert_eq!(place.listed(), least);
    let earlier = ["active/s.jsonl", "closed.json"].map(|name| (name, place.read(name)));
    let mut owned = open(place.0.path());
    append_to(&mut owned, "s");
    close(owned);
    assert_eq!(place.listed(), least);
    place.write(earlier[0].0, &earlier[0].1);
    // Each of its days. Which there are is looked up in any case.
    assert_eq!(place.listed(), least + 1, "it ends earlier");
    assert_eq!(place.listed(), least);
    let mut owned = open(place.0.path());
    let given = append_to(&mut owned, "s");
    clean(&mut owned, Duration::from_secs(3600)).unwrap();
    close(owned);
    for (name, bytes) in &earlier {
        place.write(name, bytes);
    }
    let mut owned = open(place.0.path());
    assert!(append_to(&mut owned, "s") > given, "the archive has it");
    close(owned);
    assert_eq!(place.listed(), least);
    place.write("archive/2025-11-23/x.9.jsonl", b"");
    // Once more the days there are, and each of them.
    assert_eq!(place.listed(), least + 2, "something has come to the archive");
    assert_eq!(place.listed(), least);
    // As an older version leaves it.
    place.write("closed.json", br#"{"highestSeq":9,"everywhere":false}"#);
    assert!(place.listed() > least);
}
