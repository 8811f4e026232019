//! Random saves, changes, appends and removals against a vector.

use std::collections::BTreeMap;

use proptest::prelude::*;
use smalltalk_native::{
    Error,
    durability::Durability,
    storage::{
        session::{Appendix, Expected, Lines, SessionChanges, SessionImage},
        sqlite::Write,
    },
};

use crate::support::{assert_counts_are_true, close, get, image, open, save, texts, write};

const SPACING: i64 = 1 << 20;

#[derive(Debug, Clone)]
enum Operation {
    /// A full save of so many messages.
    Save(usize),
    /// Which messages are removed, which are written anew, and where new ones come in: shares of what is there.
    Change {
        removed: Vec<bool>,
        rewritten: Vec<bool>,
        inserted: Vec<bool>,
    },
    /// Changes to a state that is not stored.
    Stale,
    Append(usize),
    Delete,
    SetKeys(u8),
    DeleteKey(u8),
    Clear,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let flags = || prop::collection::vec(any::<bool>(), 8);
    prop_oneof![
        3 => (0..6usize).prop_map(Operation::Save),
        8 => (flags(), flags(), flags())
            .prop_map(|(removed, rewritten, inserted)| Operation::Change { removed, rewritten, inserted }),
        1 => Just(Operation::Stale),
        3 => (0..4usize).prop_map(Operation::Append),
        1 => Just(Operation::Delete),
        2 => (0..5u8).prop_map(Operation::SetKeys),
        1 => (0..5u8).prop_map(Operation::DeleteKey),
        1 => prop_oneof![4 => Just(Operation::Reopen), 1 => Just(Operation::Clear)],
    ]
}

/// A session as the face knows it: positions with texts, and the state.
#[derive(Default)]
struct Known {
    messages: BTreeMap<i64, String>,
    stamp: i64,
}

/// Makes texts and stamps that were never there before.
struct Fresh(i64);

impl Fresh {
    fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }

    fn text(&mut self) -> String {
        let number = self.next();
        format!("\"{number}{}\"", "—".repeat(usize::try_from(number % 40).unwrap()))
    }
}

fn flag(flags: &[bool], at: usize) -> bool {
    flags[at % flags.len()]
}

fn lines<'text>(texts: impl IntoIterator<Item = &'text String>) -> Lines {
    let mut lines = Lines::default();
    for (at, text) in texts.into_iter().enumerate() {
        lines.push(text, (at % 2 == 0).then_some(r#"{"":"Date"}"#));
    }
    lines
}

fn changes(known: &mut Known, fresh: &mut Fresh, flags: (&[bool], &[bool], &[bool])) -> SessionChanges {
    let (removed, rewritten, inserted) = flags;
    let base_stamp = known.stamp;
    let mut gone = Vec::new();
    let mut written = BTreeMap::new();
    let before: Vec<i64> = known.messages.keys().copied().collect();
    for (at, &position) in before.iter().enumerate() {
        if flag(removed, at) {
            gone.push((position, position));
            known.messages.remove(&position);
        } else if flag(rewritten, at) {
            written.insert(position, fresh.text());
        }
        let next = before.get(at + 1).copied().unwrap_or(position + 2 * SPACING);
        if flag(inserted, at) && next - position > 1 {
            written.insert(position + (next - position) / 2, fresh.text());
        }
    }
    if flag(inserted, before.len()) {
        written.insert(before.first().map_or(0, |first| first - SPACING), fresh.text());
    }
    known.messages.extend(written.clone());
    known.stamp = fresh.next();
    SessionChanges {
        id: "s".into(),
        head: image("s", &[]).head,
        active_agent: None,
        created_at: fresh.next() % 3,
        updated_at: known.stamp,
        base_stamp,
        stamp: known.stamp,
        removed: gone,
        positions: written.keys().copied().collect(),
        messages: lines(written.values()),
        message_count: i64::try_from(known.messages.len()).unwrap(),
        expected: Expected::Anything,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_order_of_changes_leaves_what_a_vector_would_hold(operations in prop::collection::vec(operation(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = open(&path).unwrap();
        let mut fresh = Fresh(0);
        let mut known: Option<Known> = None;
        // Never touched, whatever happens to the other.
        save(&store, &image("bystander", &["1", "2"]), Durability::Process).unwrap();
        let mut bystander = true;
        for operation in operations {
            match (operation, &mut known) {
                (Operation::Save(count), known) => {
                    let texts: Vec<String> = (0..count).map(|_| fresh.text()).collect();
                    let stamp = fresh.next();
                    let messages = texts.chunks(2).map(lines).collect();
                    save(&store, &SessionImage { stamp, messages, ..image("s", &[]) }, Durability::Process).unwrap();
                    *known = Some(Known { messages: (0..).step_by(1 << 20).zip(texts).collect(), stamp });
                }
                (Operation::Change { removed, rewritten, inserted }, Some(known)) => {
                    let changes = changes(known, &mut fresh, (&removed, &rewritten, &inserted));
                    let version = write(&store, |reply| Write::save_changes(changes, reply)).unwrap();
                    prop_assert!(version.is_some());
                }
                (Operation::Stale, known) => {
                    let mut unused = Known::default();
                    let mut changes = changes(&mut unused, &mut fresh, (&[true], &[true], &[true]));
                    changes.base_stamp = known.as_ref().map_or(0, |known| known.stamp + 1);
                    prop_assert_eq!(write(&store, |reply| Write::save_changes(changes, reply)).unwrap(), None);
                }
                (Operation::Append(count), known) => {
                    let texts: Vec<String> = (0..count).map(|_| fresh.text()).collect();
                    let stamp = fresh.next();
                    let count = i64::try_from(count).unwrap();
                    let appendix = Appendix { id: "s".into(), messages: lines(&texts), count, now: (1, String::new()), stamp };
                    let outcome = write(&store, |reply| Write::append_messages(appendix, reply));
                    match known {
                        None => prop_assert!(matches!(outcome, Err(Error::SessionUnknown(_)))),
                        Some(known) => {
                            let appended = outcome.unwrap();
                            known.messages.extend((appended.first_position..).step_by(1 << 20).zip(texts));
                            prop_assert_eq!(appended.count, i64::try_from(known.messages.len()).unwrap());
                            prop_assert_eq!(appended.previous_stamp, known.stamp);
                            known.stamp = stamp;
                        }
                    }
                }
                (Operation::Delete, known) => {
                    let there = write(&store, |reply| Write::delete_session("s".into(), reply)).unwrap();
                    prop_assert_eq!(there, known.take().is_some());
                }
                (Operation::SetKeys(count), _) => {
                    let keys: Vec<String> = (0..count).map(|key| key.to_string()).collect();
                    let values = lines(&keys);
                    write(&store, |reply| Write::set_keys(keys, values, None, reply)).unwrap();
                }
                (Operation::DeleteKey(key), _) => {
                    write(&store, |reply| Write::delete_key(key.to_string(), 0, reply)).unwrap();
                }
                (Operation::Clear, known) => {
                    write(&store, Write::clear).unwrap();
                    *known = None;
                    bystander = false;
                }
                (Operation::Reopen, _) => {
                    close(&store);
                    store = open(&path).unwrap();
                }
                (Operation::Change { .. }, None) => {}
            }
            let stored = get(&store, "s").unwrap().map(|_| texts(&store, "s"));
            prop_assert_eq!(stored, known.as_ref().map(|known| known.messages.values().cloned().collect()));
            prop_assert_eq!(get(&store, "bystander").unwrap().is_some(), bystander);
            assert_counts_are_true(&path);
        }
    }
}
