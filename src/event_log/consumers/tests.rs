use super::*;

fn open(layout: &Layout) -> Result<Position> {
    Position::open(layout, "s/1", "mailer", Durability::Process)
}

#[test]
fn a_position_grows_and_is_there_again() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let mut position = open(&layout).unwrap();
    assert_eq!(position.seq(), 0);
    for seq in [3, 7, 5, u64::MAX] {
        position.advance(seq).unwrap();
    }
    drop(position);
    assert_eq!(open(&layout).unwrap().seq(), u64::MAX);
}

#[test]
fn the_names_that_lead_to_a_position_are_synced_whoever_made_them() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let place = directory_of(&layout, "s/1");
    // As somebody left it who was killed before anything was synced.
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("mailer.json"), "").unwrap();
    files::SYNCED.take();
    let mut position = open(&layout).unwrap();
    let names = files::SYNCED.take();
    for expected in [place.as_path(), place.parent().unwrap(), directory.path()] {
        assert!(names.contains(&expected.to_owned()), "{} is missing in {names:?}", expected.display());
    }
    position.advance(1).unwrap();
    drop(position);
    open(&layout).unwrap();
    assert!(files::SYNCED.take().is_empty(), "once is enough");
}

#[test]
fn what_was_acknowledged_without_the_disk_is_on_it_for_who_asks_for_that() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    open(&layout).unwrap().advance(7).unwrap();
    files::SYNCED.take();
    let mut position = Position::open(&layout, "s/1", "mailer", Durability::Power).unwrap();
    assert_eq!(files::SYNCED.take(), [directory_of(&layout, "s/1").join("mailer.json")]);
    position.advance(7).unwrap();
}

#[cfg(unix)]
#[test]
fn a_position_that_nobody_would_find_again_is_not_acknowledged() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::TempDir::new().unwrap();
        let layout = Layout::new(directory.path());
        let mut held = Position::open(&layout, "s/1", "mailer", durability).unwrap();
        held.advance(3).unwrap();
        fs::remove_dir_all(layout.root.join("consumers")).unwrap();
        assert_eq!(held.advance(9).unwrap_err().code(), "ERR_IO");
        assert_eq!(held.seq(), 3);
        let mut other = open(&layout).unwrap();
        other.advance(1).unwrap();
        assert_eq!(held.advance(9).unwrap_err().code(), "ERR_IO", "the name is another one's");
        drop((held, other));
        assert_eq!(open(&layout).unwrap().seq(), 1);
    }
}

#[test]
fn one_at_a_time_and_the_other_hears_who() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let held = open(&layout).unwrap();
    let error = open(&layout).unwrap_err();
    assert_eq!((error.code(), error.owner()), ("ERR_LOCKED", Some(std::process::id())));
    drop(held);
    open(&layout).unwrap();
}

#[test]
fn what_somebody_holds_outlasts_that_its_session_is_erased() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let mut held = open(&layout).unwrap();
    drop(Position::open(&layout, "s/1", "other", Durability::Process).unwrap());
    assert_eq!(erase(&layout, "s/1").unwrap(), 1, "the other one");
    assert_eq!(open(&layout).unwrap_err().code(), "ERR_LOCKED");
    held.advance(7).unwrap();
    drop(held);
    assert_eq!(open(&layout).unwrap().seq(), 7);
    assert_eq!(erase(&layout, "s/1").unwrap(), 1);
    assert!(!directory_of(&layout, "s/1").exists(), "it is named after the session");
    assert_eq!(erase(&layout, "s/1").unwrap(), 0);
    assert_eq!(open(&layout).unwrap().seq(), 0);
}

#[cfg(unix)]
#[test]
fn whoever_opens_a_position_while_it_is_erased_holds_the_file_that_is_there() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let over = std::sync::atomic::AtomicBool::new(false);
    let over = &over;
    std::thread::scope(|scope| {
        let erasing = &layout;
        scope.spawn(move || {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                erase(erasing, "s/1").unwrap();
            }
        });
        let mut opened = 0;
        while opened < 500 {
            // The other one has its lock for a moment.
            let Ok(position) = open(&layout) else { continue };
            let there = files::look(&position.path).unwrap().map(|found| found.identity);
            let ours = files::identity(&position.file, &position.path).unwrap();
            if there != Some(ours) {
                over.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("the file has no name any more");
            }
            opened += 1;
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn whichever_byte_is_damaged_the_position_is_the_last_or_the_one_before() {
    let directory = tempfile::TempDir::new().unwrap();
    let layout = Layout::new(directory.path());
    let mut position = open(&layout).unwrap();
    position.advance(41).unwrap();
    position.advance(42).unwrap();
    let path = position.path.clone();
    drop(position);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(whole.len(), 3 * LINE);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let seq = open(&layout).unwrap().seq();
        assert!(seq == 42 || seq == 41, "byte {at}: {seq}");
    }
    for end in 0..whole.len() {
        std::fs::write(&path, &whole[..end]).unwrap();
        assert!([0, 41, 42].contains(&open(&layout).unwrap().seq()), "cut at {end}");
    }
}
