//! What is counted of messages is what the rows of sessions say, whatever has become of the messages themselves.

use std::path::Path;

use proptest::prelude::*;
use smalltalk_native::{
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Appendix, Expected, SessionImage},
        sqlite::{Read, SqliteStore, Verification, Write},
    },
};

use crate::support::{close, image, long, messages, open, raw, save, write};

fn ask<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> T {
    let (reply, answer) = Reply::channel();
    ask(reply);
    answer.recv().unwrap().unwrap()
}

fn verify(store: &SqliteStore) -> Verification {
    ask(|reply| store.verify(reply))
}

fn counted(store: &SqliteStore) -> i64 {
    ask(|reply| store.read(Read::stats(0, reply), false)).messages
}

/// Nothing is damaged and so many messages are counted, also by whoever opens the file next.
fn assert_clean(path: &Path, store: &SqliteStore, expected: i64, what: &str) {
    assert_eq!((verify(store).damaged, counted(store)), (Vec::new(), expected), "{what}");
    close(store);
    let anew = open(path).unwrap();
    assert_eq!((verify(&anew).damaged, counted(&anew)), (Vec::new(), expected), "{what}, anew");
    close(&anew);
}

fn delete(store: &SqliteStore) {
    assert!(write(store, |reply| Write::delete_session("s".into(), reply)).unwrap());
}

fn save_again(store: &SqliteStore, expected: Expected) {
    save(store, &SessionImage { expected, ..image("s", &["7", "8"]) }, Durability::Process).unwrap();
}

type Way = (&'static str, fn(&SqliteStore), i64);

/// How a session comes to an end, and how many messages are under its id then.
const WAYS: [Way; 7] = [
    ("saved over", |store| save_again(store, Expected::Anything), 2),
    ("saved over its version", |store| save_again(store, Expected::Version(2)), 2),
    (
        "saved over with others",
        |store| write(store, |reply| Write::save_sessions(vec![image("s", &["7"])], reply)).unwrap(),
        1,
    ),
    ("deleted", delete, 0),
    (
        "deleted with others",
        |store| assert_eq!(write(store, |reply| Write::delete_sessions(vec!["s".into()], reply)).unwrap(), 1),
        0,
    ),
    ("pruned", |store| assert_eq!(write(store, |reply| Write::prune(3, 10, reply)).unwrap().sessions, 1), 0),
    (
        "deleted and saved",
        |store| {
            delete(store);
            save_again(store, Expected::Nothing);
        },
        2,
    ),
];

/// A session `s` of five messages and one that is younger, of three.
fn two_sessions(path: &Path) -> SqliteStore {
    let store = open(path).unwrap();
    let young = SessionImage { updated_at: 100, ..image("young", &["1", "2", "3"]) };
    save(&store, &young, Durability::Process).unwrap();
    save(&store, &long("s", &messages(5, 10)), Durability::Process).unwrap();
    store
}

fn damage(path: &Path, sql: &str) {
    raw(path).execute_batch(&sql.replace("of_s", "session = (SELECT number FROM sessions WHERE id = 's')")).unwrap();
}

#[test]
fn a_session_that_has_other_messages_than_it_says_leaves_a_right_count_whatever_its_end() {
    let damages = [
        "DELETE FROM messages WHERE of_s AND position = 0",
        "DELETE FROM messages WHERE of_s AND position > 1048576",
        "DELETE FROM messages WHERE of_s",
        "INSERT INTO messages SELECT session, 7, data, types, crc FROM messages WHERE of_s AND position = 0",
    ];
    for sql in damages {
        for (what, end, left) in WAYS {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("s.db");
            close(&two_sessions(&path));
            damage(&path, sql);
            let store = open(&path).unwrap();
            assert!(!verify(&store).damaged.is_empty());
            end(&store);
            assert_clean(&path, &store, 3 + left, &format!("{sql}: {what}"));
        }
    }
}

#[test]
fn so_does_one_that_lacks_messages_and_gets_others() {
    for sql in ["DELETE FROM messages WHERE of_s AND position = 0", "DELETE FROM messages WHERE of_s"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = two_sessions(&path);
        damage(&path, sql);
        append(&store);
        assert_eq!(counted(&store), 9);
        save_again(&store, Expected::Anything);
        assert_clean(&path, &store, 5, sql);
    }
}

fn append(store: &SqliteStore) {
    let messages = image("s", &["9"]).messages.remove(0);
    let appendix = Appendix { id: "s".into(), messages, count: 1, now: (2, String::new()), stamp: 2 };
    write(store, |reply| Write::append_messages(appendix, reply)).unwrap();
}

#[test]
fn what_is_pruned_is_told_as_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = two_sessions(&path);
    damage(&path, "DELETE FROM messages WHERE of_s AND position > 1048576");
    assert_eq!(write(&store, |reply| Write::prune(3, 10, reply)).unwrap().messages, 2);
}

/// What a prune does in the end; how many messages it removes.
fn tidy(store: &SqliteStore) -> i64 {
    let found = ask(|reply| store.orphans(reply));
    let mut removed = 0;
    for number in found.numbers {
        loop {
            let pruned = write(store, |reply| Write::remove_orphans(number, reply)).unwrap();
            removed += pruned.messages;
            if !pruned.more {
                break;
            }
        }
    }
    if found.miscounted {
        write(store, Write::count_messages).unwrap();
    }
    removed
}

#[test]
fn messages_that_a_damaged_row_leaves_behind_are_counted_no_more() {
    let rows = ["data = replace(data, 's', 'z')", "number = 1000", "message_count = 4", "message_count = -1 << 62"];
    for row in rows {
        for (what, end, left) in WAYS {
            if matches!(what, "pruned" | "saved over its version") {
                continue;
            }
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("s.db");
            let store = two_sessions(&path);
            damage(&path, &format!("UPDATE sessions SET {row} WHERE id = 's'"));
            assert!(!ask(|reply| store.orphans(reply)).miscounted, "{row}: a damaged row may say anything");
            end(&store);
            if !row.starts_with("message_count") {
                assert_eq!(counted(&store), 3 + left, "{row}: {what}");
            }
            assert_eq!(tidy(&store), 5, "{row}: {what}");
            assert_clean(&path, &store, 3 + left, &format!("{row}: {what}"));
        }
    }
}

#[test]
fn a_count_that_is_wrong_is_found_out_and_put_right() {
    let counts = [
        "UPDATE counters SET value = value + 7 WHERE name = 'messages'",
        "UPDATE counters SET value = -3 WHERE name = 'messages'",
        "DELETE FROM counters WHERE name = 'messages'",
    ];
    for sql in counts {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = two_sessions(&path);
        assert!(!ask(|reply| store.orphans(reply)).miscounted);
        damage(&path, sql);
        assert!(ask(|reply| store.orphans(reply)).miscounted, "{sql}");
        assert_eq!(tidy(&store), 0);
        assert!(!ask(|reply| store.orphans(reply)).miscounted, "{sql}");
        assert_clean(&path, &store, 8, sql);
    }
}

#[test]
fn nothing_is_counted_anew_where_a_session_is_damaged_or_lost() {
    for sql in ["UPDATE sessions SET message_count = 9 WHERE id = 's'", "DELETE FROM sessions WHERE id = 's'"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = two_sessions(&path);
        damage(&path, sql);
        assert!(!ask(|reply| store.orphans(reply)).miscounted, "{sql}");
        write(&store, Write::count_messages).unwrap();
        assert_eq!(counted(&store), 8, "{sql}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Save(u8, usize),
    Append(u8),
    Delete(u8),
    /// Messages at every so manieth place are gone.
    Lose(u8, i64),
    Tidy,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, 0..6usize).prop_map(|(id, count)| Step::Save(id, count)),
        2 => (0..3u8).prop_map(Step::Append),
        2 => (0..3u8).prop_map(Step::Delete),
        4 => (0..3u8, 1..4i64).prop_map(|(id, every)| Step::Lose(id, every)),
        1 => Just(Step::Tidy),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_count_is_that_of_the_rows_of_sessions_whatever_is_lost(steps in prop::collection::vec(step(), 1..30)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = open(&path).unwrap();
        for step in steps {
            match step {
                Step::Save(id, count) => {
                    save(&store, &long(&id.to_string(), &messages(count, 5)), Durability::Process).unwrap();
                }
                Step::Append(id) => {
                    let messages = image("", &["9"]).messages.remove(0);
                    let appendix = Appendix { id: id.to_string(), messages, count: 1, now: (2, String::new()), stamp: 2 };
                    let _ = write(&store, |reply| Write::append_messages(appendix, reply));
                }
                Step::Delete(id) => {
                    write(&store, |reply| Write::delete_session(id.to_string(), reply)).unwrap();
                }
                Step::Lose(id, every) => {
                    let lose = "DELETE FROM messages WHERE (position >> 20) % ?2 = 0
                                    AND session = (SELECT number FROM sessions WHERE id = ?1)";
                    raw(&path).execute(lose, (id.to_string(), every)).unwrap();
                }
                Step::Tidy => prop_assert_eq!(tidy(&store), 0),
                Step::Reopen => {
                    close(&store);
                    store = open(&path).unwrap();
                }
            }
            let said: i64 = raw(&path)
                .query_row("SELECT coalesce(sum(message_count), 0) FROM sessions", [], |row| row.get(0))
                .unwrap();
            prop_assert_eq!(counted(&store), said);
        }
        for id in 0..3u8 {
            save(&store, &image(&id.to_string(), &["1", "2"]), Durability::Process).unwrap();
        }
        assert_clean(&path, &store, 6, "all saved over");
    }
}
