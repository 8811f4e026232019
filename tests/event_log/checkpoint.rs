//! A large log is open at once, and the index that makes it so is trusted only where it fits the files.

use std::{fs, path::PathBuf, time::Duration};

use smalltalk_native::event_log::{EventLog, LogOptions, ReplayFilter};

use crate::support::*;

const EVENTS: u64 = 3_000;

fn options(place: &Place) -> LogOptions {
    LogOptions { max_file_bytes: 400_000, ..place.options() }
}

/// A log of some files that are large enough to have their index kept, closed in order.
fn filled() -> Place {
    let place = Place::new();
    let log = EventLog::open(options(&place)).unwrap();
    let filler = format!(r#""{}""#, "x".repeat(400));
    for at in 0..EVENTS {
        let topic = format!("topic-{}", at % 3);
        let priority = if at % 10 == 0 { "critical" } else { "normal" };
        append_body(&log, SESSION, body(&topic, priority, at as f64, &filler)).unwrap();
    }
    close(&log);
    place
}

fn indexes(place: &Place) -> Vec<String> {
    names(&place.root.join("index"))
}

fn all_there(log: &EventLog, lost: usize) {
    let events = all(log, SESSION);
    assert_eq!(events.len(), usize::try_from(EVENTS).unwrap() - lost);
    let wanted = ReplayFilter { topics: Some(vec!["topic-1".into()]), critical_only: true, ..ReplayFilter::default() };
    let found = replay(log, SESSION, wanted);
    assert!(found.iter().all(|event| event["topic"] == "topic-1" && event["priority"] == "critical"));
    assert!(found.len() + lost >= 100 && found.len() <= 100);
}

fn reopened(place: &Place) -> EventLog {
    EventLog::open(options(place)).unwrap()
}

fn closed_files(place: &Place) -> Vec<PathBuf> {
    let files = names(&place.active()).into_iter().filter(|name| name.matches('.').count() == 2);
    files.map(|name| place.active().join(name)).collect()
}

#[test]
fn a_log_that_is_opened_with_its_indexes_says_the_same_and_goes_on() {
    let place = filled();
    assert!(indexes(&place).len() >= closed_files(&place).len());
    assert!(closed_files(&place).len() >= 3);
    let log = reopened(&place);
    assert_eq!(statistics(&log).events, EVENTS);
    assert_eq!(statistics(&log).recovery.events, EVENTS);
    let receipt = append(&log, SESSION, 7);
    assert_eq!(receipt.seq, EVENTS + 1);
    let last = replay(&log, SESSION, ReplayFilter { last: Some(2), ..ReplayFilter::default() });
    assert_eq!(seqs(&last), [EVENTS, EVENTS + 1]);
    let after = ReplayFilter { after_seq: Some(10.0), limit: Some(2), ..ReplayFilter::default() };
    assert_eq!(seqs(&replay(&log, SESSION, after)), [11, 12]);
    assert_eq!(all(&log, SESSION).len() as u64, EVENTS + 1);
    close(&log);
    let visitor = EventLog::visit(&place.root).unwrap();
    assert_eq!(all(&visitor, SESSION).len() as u64, EVENTS + 1);
}

#[test]
fn an_index_that_is_gone_or_damaged_anywhere_is_made_anew() {
    let place = filled();
    let name = indexes(&place).remove(0);
    let path = place.root.join("index").join(&name);
    let whole = fs::read(&path).unwrap();
    let step = whole.len() / 20 + 1;
    for at in (0..100).step_by(7).chain((100..whole.len()).step_by(step)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let log = reopened(&place);
        assert_eq!(statistics(&log).events, EVENTS, "byte {at}");
        all_there(&log, 0);
        close(&log);
    }
    for end in (0..whole.len()).step_by(step) {
        fs::write(&path, &whole[..end]).unwrap();
        let log = reopened(&place);
        all_there(&log, 0);
        close(&log);
    }
    fs::remove_dir_all(place.root.join("index")).unwrap();
    let log = reopened(&place);
    all_there(&log, 0);
    close(&log);
    assert!(!indexes(&place).is_empty());
}

#[test]
fn a_file_that_has_changed_is_read_again_and_what_is_damaged_is_reported() {
    let place = filled();
    let file = closed_files(&place).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let log = reopened(&place);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1);
    all_there(&log, 1);
    close(&log);
    let index = format!("{}.index", file.file_name().unwrap().to_str().unwrap());
    let log = reopened(&place);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1, "it is reported each time, for {index} does not hide it");
    close(&log);
}

#[test]
fn a_line_that_a_disk_damaged_in_silence_costs_itself() {
    let place = filled();
    let file = closed_files(&place).remove(0);
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(written).unwrap();
    let log = reopened(&place);
    assert!(statistics(&log).recovery.damaged.is_empty(), "nobody has looked");
    all_there(&log, 1);
    assert_eq!(statistics(&log).recovery.damaged.len(), 1);
    let report = wait(|reply| log.verify(None, reply)).unwrap();
    assert_eq!((report.events, report.damaged.len()), (EVENTS - 1, 1));
}

#[test]
fn after_a_kill_the_file_being_written_is_read_and_the_closed_ones_are_not() {
    let place = filled();
    let log = reopened(&place);
    append(&log, SESSION, 1);
    close(&log);
    place.forget_the_close();
    let mut bytes = fs::read(place.file()).unwrap();
    bytes.extend_from_slice(b"{\"seq\":");
    fs::write(place.file(), bytes).unwrap();
    let log = reopened(&place);
    let found = statistics(&log).recovery;
    assert_eq!((found.clean, found.torn.len(), found.events), (false, 1, EVENTS + 1));
    assert!(append(&log, SESSION, 2).seq > 1_000_000_000);
}

#[test]
fn an_index_leaves_with_its_file() {
    let place = filled();
    fs::write(place.root.join("index/nobody.jsonl.index"), "x").unwrap();
    let log = reopened(&place);
    assert!(wait(|reply| log.cleanup(Duration::from_millis(1), reply)).unwrap().archived > 0);
    assert!(closed_files(&place).is_empty());
    assert!(indexes(&place).is_empty(), "{:?}", indexes(&place));
    let archived = ReplayFilter { archived: true, ..ReplayFilter::default() };
    assert_eq!(replay(&log, SESSION, archived).len() as u64, EVENTS);
}

#[test]
fn an_index_names_the_topics_of_its_file_and_no_others() {
    let place = Place::new();
    let log = EventLog::open(options(&place)).unwrap();
    let filler = format!(r#""{}""#, "x".repeat(400));
    for at in 0..EVENTS {
        // Half of them come once, the others in another order in each file.
        let topic = if at % 2 == 0 { format!("often-{}", at % 7 % 2) } else { format!("once-{at}.") };
        append_body(&log, SESSION, body(&topic, "normal", 1.0, &filler)).unwrap();
    }
    close(&log);
    let log = reopened(&place);
    for file in closed_files(&place) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let index = fs::read(place.root.join("index").join(format!("{name}.index"))).unwrap();
        let [text, index] = [fs::read(&file).unwrap(), index].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(index.matches("once-").count(), text.matches("once-").count(), "{name}");
        assert_eq!(index.matches("often-").count(), 2, "{name}");
    }
    let seqs_of = |topic: String| {
        seqs(&replay(&log, SESSION, ReplayFilter { topics: Some(vec![topic]), ..ReplayFilter::default() }))
    };
    for at in (1..EVENTS).step_by(100) {
        assert_eq!(seqs_of(format!("once-{at}.")), [at + 1]);
    }
    let often = (0..EVENTS).filter(|at| at % 2 == 0 && at % 7 % 2 == 1).map(|at| at + 1);
    assert_eq!(seqs_of("often-1".into()), often.collect::<Vec<_>>());
}
