//! Positions of consumers that a cleanup removes, or leaves.

use super::{
    cleaning::{append_to, ask, many},
    *,
};
use crate::event_log::consumers::{Position, directory_of};

#[test]
fn positions_go_where_nothing_of_their_session_is_left_and_nobody_has_asked_for_them_for_long() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let layout = owned.around.layout.clone();
    let position = |session: &str, consumer: &str, seq: u64| {
        let mut position = Position::open(&layout, session, consumer, Durability::Process).unwrap();
        position.advance(seq).unwrap();
        position
    };
    let long = "A".repeat(300);
    append(&mut owned, Durability::Process).unwrap();
    std::fs::create_dir_all(layout.archive.join("2999-11-23")).unwrap();
    std::fs::write(layout.archive.join("2999-11-23/archived.1.jsonl"), "").unwrap();
    for session in ["s", "archived", "gone", &long] {
        drop(position(session, "mailer", 700));
    }
    let held = position("gone", "held", 900);
    let place = directory.path().join("consumers");
    for foreign in ["notes.txt", "notes.json"] {
        std::fs::write(place.join("gone").join(foreign), "mine").unwrap();
    }
    let cleaned = |owned: &mut Owned| {
        // As long as the session's event is kept.
        clean(owned, Duration::from_secs(u64::from(u32::MAX))).unwrap();
        files::names(&place)
            .unwrap()
            .into_iter()
            .map(|stem| files::names(&place.join(stem)).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(cleaned(&mut owned).len(), 4, "somebody may still ask for them");
    let later = std::time::SystemTime::now() - owned.around.options.max_retention - Duration::from_secs(60);
    for stem in files::names(&place).unwrap() {
        for name in files::names(&place.join(&stem)).unwrap() {
            files::open_to_mend(&place.join(&stem).join(name)).unwrap().set_modified(later).unwrap();
        }
    }
    assert_eq!(
        cleaned(&mut owned),
        [vec!["mailer.json"], vec!["held.json", "notes.json", "notes.txt"], vec!["mailer.json"]]
    );
    assert!(append_to(&mut owned, "gone") > 700, "a number that was acknowledged comes never again");
    drop(held);
    let kept = Position::open(&layout, "s", "mailer", Durability::Process).unwrap();
    assert_eq!((kept.seq(), Position::open(&layout, "gone", "held", Durability::Process).unwrap().seq()), (700, 900));
    owned.close().unwrap();
}

/// A position that nobody has asked for as long as any event could have been kept.
fn old_position(owned: &Owned, session: &str, consumer: &str, seq: u64) -> std::path::PathBuf {
    let layout = &owned.around.layout;
    Position::open(layout, session, consumer, Durability::Process).unwrap().advance(seq).unwrap();
    let path = directory_of(layout, session).join(format!("{consumer}.json"));
    let later = std::time::SystemTime::now() - owned.around.options.max_retention - Duration::from_secs(60);
    files::open_to_mend(&path).unwrap().set_modified(later).unwrap();
    path
}

#[test]
fn what_is_no_position_or_cannot_be_removed_keeps_no_other_position_and_fails_no_cleanup() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 1);
    let [stuck, last] = ["aa", "zz"].map(|name| old_position(&owned, "gone", name, 7));
    let [removed, other] = [("gone", 900), ("other", 1)].map(|(name, seq)| old_position(&owned, name, "mailer", seq));
    std::fs::write(directory.path().join("consumers/notes"), "mine").unwrap();
    files::STUCK.set(vec!["gone/aa.json", "gone/zz.json"]);
    let report = clean(&mut owned, Duration::from_secs(3600));
    files::STUCK.take();
    assert_eq!(report.unwrap().archived, 1);
    assert_eq!([&stuck, &removed, &last, &other].map(|path| path.exists()), [true, false, true, false]);
    assert!(append_to(&mut owned, "gone") > 900, "a number that was acknowledged comes never again");
    owned.close().unwrap();
}

#[test]
fn where_positions_cannot_be_listed_a_cleanup_does_everything_else() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 3);
    std::fs::write(directory.path().join("consumers"), "mine").unwrap();
    assert_eq!(clean(&mut owned, Duration::from_secs(3600)).unwrap().archived, 3);
    owned.close().unwrap();
}

#[test]
fn a_session_that_has_events_again_between_two_slices_keeps_its_positions() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = many(directory.path(), 1);
    let long = "A".repeat(300);
    let back = ["back", &long].map(|session| old_position(&owned, session, "mailer", 1));
    // Those that are named last go first.
    let gone: Vec<_> = (0..9).map(|number| old_position(&owned, &format!("gone{number}"), "mailer", 1)).collect();
    let answer = ask(&mut owned);
    while gone.iter().all(|path| path.exists()) {
        owned.clean_some();
    }
    for session in ["back", &long] {
        let seq = append_to(&mut owned, session);
        old_position(&owned, session, "mailer", seq);
    }
    while !owned.cleanups.is_empty() {
        owned.clean_some();
    }
    answer.recv().unwrap().unwrap();
    assert!(back.iter().all(|path| path.exists()) && !gone.iter().any(|path| path.exists()));
    owned.close().unwrap();
}

/// The days of the archive that are named here are not over for so long.
#[cfg(unix)]
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 365 * 86_400);

#[cfg(unix)]
#[test]
fn positions_stay_where_it_is_not_known_what_the_archive_has_of_their_session() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let [day, archive] = ["archive/2025-11-23", "archive"].map(|name| directory.path().join(name));
    let hidden = directory.path().join("hidden");
    std::fs::create_dir_all(&day).unwrap();
    std::fs::write(day.join("away.1.jsonl"), "").unwrap();
    owned.around.options.max_retention = FIFTY_YEARS;
    let path = old_position(&owned, "away", "mailer", 1);
    for away in [&day, &archive] {
        for target in [away.clone(), directory.path().join("nowhere")] {
            std::fs::rename(away, &hidden).unwrap();
            symlink(target, away).unwrap();
            assert_eq!(clean(&mut owned, Duration::from_secs(3600)).unwrap_err().code(), "ERR_IO");
            assert!(path.exists(), "{} is away", away.display());
            std::fs::remove_file(away).unwrap();
            std::fs::rename(&hidden, away).unwrap();
        }
    }
    std::fs::remove_file(day.join("away.1.jsonl")).unwrap();
    clean(&mut owned, Duration::from_secs(3600)).unwrap();
    assert!(!path.exists());
    owned.close().unwrap();
}

#[cfg(unix)]
#[test]
fn positions_stay_where_the_archive_goes_away_between_two_slices() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let [archive, disk] = ["archive", "disk"].map(|name| directory.path().join(name));
    for day in ["2025-11-21", "2025-11-22", "2025-11-23"] {
        std::fs::create_dir_all(disk.join(day)).unwrap();
        std::fs::write(disk.join(day).join("away.1.jsonl"), "").unwrap();
    }
    std::os::unix::fs::symlink(&disk, &archive).unwrap();
    owned.around.options.max_retention = FIFTY_YEARS;
    let path = old_position(&owned, "away", "mailer", 1);
    // Once when it begins, and each day; then who has positions, and for which of them the archive has events.
    after_listings(1 + 3 + 2, move || std::fs::remove_file(archive).unwrap());
    clean(&mut owned, Duration::from_secs(3600)).unwrap();
    assert!(!path.exists(), "whoever removes the link has removed the archive");
    let path = old_position(&owned, "away", "mailer", 1);
    let archive = directory.path().join("archive");
    std::os::unix::fs::symlink(&disk, &archive).unwrap();
    after_listings(1 + 3 + 2, move || std::fs::rename(&disk, disk.with_file_name("away")).unwrap());
    clean(&mut owned, Duration::from_secs(3600)).unwrap();
    assert!(path.exists());
    owned.close().unwrap();
}

#[cfg(unix)]
#[test]
fn an_archive_that_goes_away_while_a_session_is_erased_from_it_is_no_empty_one() {
    use crate::event_log::erase::erase;
    let directory = tempfile::TempDir::new().unwrap();
    let mut owned = open(directory.path());
    let [archive, disk] = ["archive", "disk"].map(|name| directory.path().join(name));
    let file = disk.join("2025-11-23/s.1.jsonl");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&disk, archive).unwrap();
    let away = disk.with_file_name("away");
    let (from, to) = (disk.clone(), away.clone());
    // The active files, and the days; the rest is not there.
    after_listings(2, move || std::fs::rename(from, to).unwrap());
    assert_eq!(erase(&mut owned, "s").unwrap_err().code(), "ERR_IO");
    std::fs::rename(away, disk).unwrap();
    assert!(erase(&mut owned, "s").unwrap());
    assert!(!file.exists());
    owned.close().unwrap();
}

/// Does something as soon as this thread has listed so many directories.
#[cfg(unix)]
fn after_listings(count: usize, then: impl FnOnce() + 'static) {
    files::MEANWHILE.set(Some(Box::new(move || if count == 1 { then() } else { after_listings(count - 1, then) })));
}
