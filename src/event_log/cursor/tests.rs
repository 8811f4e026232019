use super::*;
use std::sync::{Arc, RwLock};

use crate::event_log::index::{Entries, Placed, Session, write};

fn entry(seq: u64, topic: u32) -> Entry {
    Entry { offset: seq * 100, seq, timestamp: 0.0, length: 100, topic, critical: false }
}

/// Numbers a topic and publishes an event of it, as the writer does.
fn publish(session: &Session, entries: &RwLock<Entries>, seq: u64, topic: &str) {
    let number = session.topics().number(topic);
    write(entries).push(entry(seq, number));
}

#[test]
fn an_event_whose_topic_is_new_while_a_replay_begins_is_not_passed_over_for_a_later_one() {
    let session = Arc::new(Session::new("s"));
    let entries: Arc<RwLock<Entries>> = Arc::default();
    publish(&session, &entries, 1, "known");
    let placed =
        Placed { path: "s.jsonl".into(), going: None, closed: false, bytes: 100, entries: Arc::clone(&entries) };
    let topics = Some(vec!["known".to_owned(), "new".to_owned()]);
    let filter = ReplayFilter { topics, ..ReplayFilter::default() };
    let directory = tempfile::TempDir::new().unwrap();
    let view = View::Owned(Arc::default(), Arc::new(crate::event_log::directory::Layout::new(directory.path())));
    let mut cursor = Cursor::new(view, "s".to_owned(), filter);
    let part = Part::of(&placed, &session).unwrap();
    MEANWHILE.set(Some(Box::new(move || {
        publish(&session, &entries, 2, "new");
        publish(&session, &entries, 3, "known");
    })));
    assert!(cursor.add(part, &mut usize::MAX.clone()).unwrap());
    assert!(MEANWHILE.take().is_none(), "it has been called");
    let mut part = cursor.parts.pop_front().unwrap();
    let brought: Vec<u64> = cursor.choose(&mut part).iter().map(|entry| entry.seq).collect();
    // Whoever goes on behind the last one that was brought gets the others.
    assert_eq!(brought, [1]);
}
