//! An owner that moves its files while they are read.

use super::*;

#[cfg(unix)]
#[test]
fn a_file_that_is_closed_between_the_listing_and_the_reading_of_all_is_missed_by_nobody() {
    let place = Place::new();
    place.write("s.1.jsonl", "s", 1);
    place.write("s.jsonl", "s", 2);
    place.close_meanwhile();
    let all = place.visitor.all().unwrap();
    assert_eq!(all.iter().map(|session| seqs(session)).collect::<Vec<_>>(), [[1, 2, 3]]);
    assert_eq!(place.seqs(), [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn what_all_has_read_by_its_listing_serves_nobody_else_before_it_is_confirmed() {
    for known in [false, true] {
        let place = Place::new();
        place.write("s.1.jsonl", "s", 1);
        place.write("s.jsonl", "s", 2);
        // Cannot be opened, and comes after the other one.
        std::os::unix::fs::symlink("z.1.jsonl", place.active.join("z.1.jsonl")).unwrap();
        if known {
            assert_eq!(place.seqs(), [1, 2]);
        }
        place.close_meanwhile();
        place.visitor.all().unwrap_err();
        assert_eq!(place.seqs(), [1, 2, 3], "known before: {known}");
    }
}

#[test]
fn a_listing_that_has_the_second_of_two_files_closed_meanwhile_and_not_the_first_is_not_gone_by() {
    let place = Place::new();
    place.write("s.1.jsonl", "s", 1);
    place.write("s.3.jsonl", "s", 3);
    let active = place.active.clone();
    // It was there before, where the listing had passed by.
    files::MEANWHILE.set(Some(Box::new(move || write(&active, "s.2.jsonl", "s", 2))));
    assert_eq!(place.seqs(), [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn what_is_known_of_a_file_is_not_taken_for_what_is_known_of_the_next_one_under_its_name() {
    let place = Place::new();
    place.write("s.jsonl", "s", 2);
    let held = place.visitor.session("s").unwrap().unwrap();
    let opened = || fs::File::open(place.active.join("s.jsonl")).unwrap();
    assert!(is_growing(&held, &opened()).unwrap());
    close(&place.active);
    // Somebody else looks meanwhile.
    assert_eq!(place.seqs(), [2, 3]);
    assert!(!is_growing(&held, &opened()).unwrap());
    assert_eq!(seqs(&held), [2]);
}

#[cfg(unix)]
#[test]
fn a_file_without_events_that_nobody_held_is_not_taken_for_the_same_one() {
    let place = Place::new();
    fs::write(place.active.join("s.jsonl"), "").unwrap();
    assert_eq!(place.seqs(), [0; 0]);
    place.visitor.seen().sessions.values_mut().filter_map(|known| known.growing.as_mut()).for_each(Growing::let_go);
    // One has been closed meanwhile, and the next one got the identity of that from before.
    place.write("s.2.jsonl", "s", 2);
    place.write("s.jsonl", "s", 3);
    assert_eq!(place.seqs(), [2, 3]);
}

#[cfg(unix)]
#[test]
fn topics_have_the_same_numbers_in_all_states_of_a_session_that_are_in_use() {
    let place = Place::new();
    place.write("s.jsonl", "s", 2);
    let held = place.visitor.session("s").unwrap().unwrap();
    close(&place.active);
    let now = place.visitor.session("s").unwrap().unwrap();
    // By whoever reads the index of a file that both know.
    let number = held.topics().number("stored");
    assert_eq!((seqs(&now), now.topics().find("stored")), (vec![2, 3], Some(number)));
}

#[test]
fn a_session_whose_names_were_in_no_listing_for_a_moment_is_found() {
    for of_all in [false, true] {
        let place = Place::new();
        place.write("other.jsonl", "other", 1);
        let active = place.active.clone();
        files::MEANWHILE.set(Some(Box::new(move || write(&active, "s.jsonl", "s", 1))));
        let ids = if of_all {
            place.visitor.all().unwrap().iter().map(|session| session.id.to_string()).collect()
        } else {
            place.visitor.ids().unwrap()
        };
        assert_eq!(ids, ["other", "s"]);
    }
}
