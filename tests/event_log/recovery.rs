//! Files that were cut, flipped, emptied or left alone.

use std::fs;

use crate::support::*;

/// A log of `lines` events that was closed in order, and the bytes of its file.
fn written(lines: u64) -> (Place, Vec<u8>) {
    let place = Place::new();
    let log = place.open();
    for payload in 1..=lines {
        append(&log, SESSION, payload);
    }
    close(&log);
    let bytes = fs::read(place.file()).unwrap();
    (place, bytes)
}

#[test]
fn cut_at_any_byte_it_opens_reports_and_has_lost_the_torn_line_only() {
    let (place, bytes) = written(2);
    for end in 0..bytes.len() {
        let copy = place.copy_of(&bytes[..end]);
        let log = copy.open();
        let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(payloads(&all(&log, SESSION)), (1..=whole).collect::<Vec<_>>(), "cut at {end}");
        let recovery = statistics(&log).recovery;
        let torn = end > 0 && bytes[end - 1] != b'\n';
        assert_eq!(recovery.torn.len(), usize::from(torn), "cut at {end}");
        assert!(recovery.damaged.is_empty());
        append(&log, SESSION, 99);
        let now = payloads(&all(&log, SESSION));
        assert_eq!((now.len() as u64, now.last()), (whole + 1, Some(&99)), "cut at {end}");
        close(&log);
        let again = copy.open();
        assert_eq!(payloads(&all(&again, SESSION)), now, "cut at {end}");
        assert!(statistics(&again).recovery.torn.is_empty());
    }
}

#[test]
fn a_flipped_byte_costs_its_line_is_reported_and_kept_aside() {
    let (place, bytes) = written(40);
    // Every byte is flipped where the lines are searched; here it is one byte of each line, and a few newlines.
    for at in (0..bytes.len()).step_by(61).chain([bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x15;
        let copy = place.copy_of(&damaged);
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let log = copy.open();
        let kept: Vec<u64> = payloads(&all(&log, SESSION)).into_iter().filter(|payload| *payload != line).collect();
        assert_eq!(kept, (1..=40).filter(|payload| *payload != line).collect::<Vec<_>>(), "byte {at}");
        let found = statistics(&log).recovery.damaged;
        assert_eq!(found.len(), 1, "byte {at}");
        let (start, length) = (usize::try_from(found[0].offset).unwrap(), usize::try_from(found[0].bytes).unwrap());
        assert_eq!(
            fs::read(copy.root.join(found[0].copy.as_ref().unwrap())).unwrap(),
            damaged[start..start + length],
            "byte {at}"
        );
    }
}

#[test]
fn behind_a_damaged_newline_the_log_goes_on_and_nothing_is_copied_aside_twice() {
    let (place, mut bytes) = written(3);
    let last = bytes.len() - 1;
    bytes[last] = b'x';
    let copy = place.copy_of(&bytes);
    let before = now_micros();
    for round in 0..4 {
        let log = copy.open();
        let kept = payloads(&all(&log, SESSION));
        assert_eq!(kept, (1..=3).chain(10..10 + round).collect::<Vec<_>>());
        assert!(append(&log, SESSION, 10 + round).seq >= before, "what is damaged may have been a higher number");
        close(&log);
    }
    assert_eq!(names(&copy.root.join("quarantine")).len(), 1);
    let file = fs::read(copy.file()).unwrap();
    assert!(file.starts_with(&bytes), "a damaged file is never rewritten");
    assert_eq!(file[bytes.len()], b'\n', "what comes behind has a line of its own");
}

#[test]
fn an_empty_file_and_foreign_files_harm_nothing() {
    let (place, _) = written(2);
    let copy = place.copy_of(b"");
    fs::write(copy.active().join("notes.txt"), "mine").unwrap();
    fs::write(copy.active().join("long%~00.jsonl"), "no line at all\n").unwrap();
    let log = copy.open();
    assert_eq!(all(&log, SESSION), Vec::<serde_json::Value>::new());
    append(&log, SESSION, 1);
    close(&log);
    assert_eq!(fs::read_to_string(copy.active().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn files_of_others_keep_every_byte_and_are_no_sessions() {
    let texts = [
        r#"{"un":"terminated"}"#,
        "{\"my\":\"own\"}\n{\"un\":\"terminated\"}",
        "lines\nof\ntext\n",
        "{\"a\":{\"seq\":1",
        "\n",
    ];
    for text in texts {
        for name in ["notes.jsonl", "notes.5.jsonl"] {
            let (place, _) = written(2);
            let foreign = place.active().join(name);
            fs::write(&foreign, text).unwrap();
            let beside_ours = place.active().join("s.9.jsonl");
            fs::write(&beside_ours, text).unwrap();
            let log = place.open();
            assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), [SESSION], "{text}");
            assert_eq!(append(&log, SESSION, 3).seq, 3, "{text}");
            assert_eq!(payloads(&all(&log, SESSION)), [1, 2, 3]);
            let recovery = statistics(&log).recovery;
            assert!(recovery.torn.is_empty() && recovery.damaged.is_empty(), "{text}: {recovery:?}");
            wait(|reply| log.cleanup(std::time::Duration::ZERO, reply)).unwrap();
            for _ in 0..3 {
                let refused = append_body(&log, "notes", body("t", "normal", 1.0, "1")).err().map(|error| error.code());
                assert_eq!(refused, (name == "notes.jsonl").then_some("ERR_IO"), "{text}");
            }
            close(&log);
            assert_eq!(fs::read_to_string(&foreign).unwrap(), text);
            assert_eq!(fs::read_to_string(&beside_ours).unwrap(), text);
        }
    }
}

#[test]
fn a_session_whose_only_line_is_damaged_stays_a_session() {
    let (place, bytes) = written(1);
    for at in (0..bytes.len() - 1).step_by(6).chain(bytes.len() - 20..bytes.len() - 1) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let copy = place.copy_of(&damaged);
        let log = copy.open();
        append(&log, SESSION, 2);
        assert_eq!(payloads(&all(&log, SESSION)), [2], "byte {at}");
        assert_eq!(statistics(&log).recovery.damaged.len(), 1, "byte {at}");
    }
    // A hole where the disk never got the first line.
    let copy = place.copy_of(&[0; 5000]);
    let log = copy.open();
    append(&log, SESSION, 2);
    assert_eq!(payloads(&all(&log, SESSION)), [2]);
}

#[test]
fn a_file_of_long_name_tells_its_session_by_its_lines() {
    let place = Place::new();
    let id = "Ä".repeat(256);
    let log = place.open();
    append(&log, &id, 1);
    close(&log);
    let log = place.open();
    append(&log, &id, 2);
    assert_eq!(payloads(&all(&log, &id)), [1, 2]);
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), [id]);
    assert_eq!(names(&place.active()).len(), 1);
}

#[test]
fn a_line_that_is_damaged_while_the_log_is_open_costs_itself_and_is_reported_once() {
    use smalltalk_native::event_log::ReplayFilter;

    let (place, mut bytes) = written(6);
    let log = place.open();
    assert_eq!(payloads(&all(&log, SESSION)), [1, 2, 3, 4, 5, 6]);
    let starts: Vec<usize> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .scan(0, |at, length| {
            *at += length;
            Some(*at - length)
        })
        .collect();
    // Two neighbours, one of them a newline early, and one by itself.
    for at in [starts[1] + 20, starts[2] + 20, starts[4] + 20] {
        bytes[at] ^= 1;
    }
    fs::write(place.file(), &bytes).unwrap();
    for _ in 0..2 {
        assert_eq!(payloads(&all(&log, SESSION)), [1, 4, 6]);
    }
    let limited = ReplayFilter { limit: Some(2), ..ReplayFilter::default() };
    assert_eq!(payloads(&replay(&log, SESSION, limited)), [1, 4], "what is skipped does not count");
    let found = statistics(&log).recovery.damaged;
    let places: Vec<_> = found.iter().map(|damage| (damage.offset as usize, damage.bytes as usize)).collect();
    let size = |line: usize| starts[line + 1] - starts[line] - 1;
    assert_eq!(places, [(starts[1], size(1) + 1 + size(2)), (starts[4], size(4))]);
    assert!(found.iter().all(|damage| damage.file == "s.jsonl" && damage.copy.is_none()));
    assert!(append(&log, SESSION, 7).seq > 6);
    close(&log);
    let again = place.open();
    assert_eq!(payloads(&all(&again, SESSION)), [1, 4, 6, 7]);
    let found = statistics(&again).recovery.damaged;
    assert!(found.len() == 2 && found.iter().all(|damage| damage.copy.is_some()));
}

#[test]
fn what_is_cut_off_while_the_log_is_open_is_skipped_as_well() {
    let (place, bytes) = written(3);
    let log = place.open();
    assert_eq!(all(&log, SESSION).len(), 3);
    fs::OpenOptions::new().write(true).open(place.file()).unwrap().set_len(bytes.len() as u64 - 30).unwrap();
    assert_eq!(payloads(&all(&log, SESSION)), [1, 2]);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1);
}

#[test]
fn a_piece_of_nothing_but_damage_does_not_end_a_replay() {
    let (place, mut bytes) = written(1500);
    let log = place.open();
    assert_eq!(all(&log, SESSION).len(), 1500);
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    for start in starts.take(1400).collect::<Vec<_>>() {
        bytes[start + 20] ^= 1;
    }
    fs::write(place.file(), &bytes).unwrap();
    let left: Vec<u64> = std::iter::once(1).chain(1402..=1500).collect();
    assert_eq!(payloads(&all(&log, SESSION)), left);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1, "neighbours are one");
}

#[test]
fn a_directory_whose_mark_is_unreadable_counts_as_left_in_disorder() {
    let (place, _) = written(1);
    fs::write(place.root.join("closed.json"), "{").unwrap();
    fs::write(place.root.join(".metadata.json.0.tmp"), "left by a kill").unwrap();
    let log = place.open();
    assert!(!statistics(&log).recovery.clean);
    assert!(!names(&place.root).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn files_whose_names_no_session_has_keep_every_byte_whatever_is_in_them() {
    let (place, bytes) = written(3);
    let torn = &bytes[..bytes.len() - 1];
    let lines: &[u8] = b"{\"seq\":1,\"mine\":\"first\"}\n{\"seq\":2,\"mine\":\"second\"}";
    let digest = "0".repeat(64);
    let theirs = [
        ("My Export.jsonl".to_owned(), lines),
        ("S.jsonl".to_owned(), lines),
        ("S.1.jsonl".to_owned(), lines),
        ("%zz.jsonl".to_owned(), lines),
        ("Copy of s.jsonl".to_owned(), torn),
        ("s%~00.jsonl".to_owned(), torn),
        ("Copy%~".to_owned() + &digest + ".jsonl", torn),
        ("s%~".to_owned() + &digest + ".jsonl", torn),
        // Such a name may be a session's, but that of no event in it.
        ("s".repeat(120) + "%~" + &digest + ".jsonl", torn),
    ];
    let theirs = theirs.map(|(name, text)| (place.active().join(name), text));
    for (file, text) in &theirs {
        fs::write(file, text).unwrap();
    }
    let log = place.open();
    assert_eq!(wait(|reply| log.sessions(reply)).unwrap(), [SESSION]);
    let found = statistics(&log).recovery;
    assert_eq!((found.events, found.torn.len()), (3, 0));
    let told: Vec<_> = found.damaged.iter().map(|damage| damage.file.clone()).collect();
    assert!(told.len() == 1 && told[0].starts_with("ssss"), "{told:?}");
    assert_eq!(append(&log, SESSION, 4).seq, 4);
    close(&log);
    for (file, text) in &theirs {
        assert_eq!(fs::read(file).unwrap(), *text, "{}", file.display());
    }
}
