//! Messages for the end of a session.

use smalltalk_native::{
    Error, Result,
    durability::Durability,
    storage::{
        session::{Appended, Appendix, Encoded, Lines, SessionImage},
        sqlite::{SqliteStore, Write},
    },
};

use crate::support::{assert_counts_are_true, get, image, open, raw, save, texts, write};

const SPACING: i64 = 1 << 20;

fn append(store: &SqliteStore, messages: &[&str], now: (i64, &str)) -> Result<Appended> {
    let mut lines = Lines::default();
    for message in messages {
        lines.push(message, None);
    }
    let count = i64::try_from(messages.len()).unwrap();
    let appendix = Appendix { id: "s".into(), messages: lines, count, now: (now.0, now.1.into()), stamp: 5 };
    write(store, |reply| Write::append_messages(appendix, reply))
}

#[test]
fn messages_go_behind_the_last_one_and_the_answer_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let version = save(&store, &image("s", &["0", "1"]), Durability::Process).unwrap();
    let first = append(&store, &["2", "3"], (9, "now")).unwrap();
    assert_eq!(first, Appended { count: 4, first_position: 2 * SPACING, previous_stamp: 1 });
    let second = append(&store, &["4"], (9, "now")).unwrap();
    assert_eq!(second, Appended { count: 5, first_position: 4 * SPACING, previous_stamp: 5 });
    assert_eq!(texts(&store, "s"), ["0", "1", "2", "3", "4"]);
    let now: i64 = raw(&path).query_row("SELECT version FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(now, version + 2);
    assert_counts_are_true(&path);
}

#[test]
fn an_empty_session_begins_at_the_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    save(&store, &image("s", &[]), Durability::Process).unwrap();
    assert_eq!(append(&store, &["0"], (1, "now")).unwrap().first_position, 0);
}

#[test]
fn the_last_change_becomes_the_later_of_the_stored_one_and_now() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let text = r#"{"updatedAt":"stored","messages":[],"context":{"updatedAt":"inner"}}"#;
    let head = Encoded { text: text.into(), types: Some(r#"{"/updatedAt":"Date"}"#.into()) };
    save(&store, &SessionImage { head, updated_at: 100, ..image("s", &[]) }, Durability::Process).unwrap();
    let data = || get(&store, "s").unwrap().unwrap().head;
    let column = || raw(&path).query_row("SELECT updated_at FROM sessions", [], |row| row.get::<_, i64>(0)).unwrap();
    append(&store, &["0"], (99, "earlier")).unwrap();
    assert_eq!((data().text.as_str(), column()), (text, 100));
    append(&store, &["1"], (101, "later")).unwrap();
    assert_eq!(data().text, text.replace("stored", "later"));
    assert_eq!((data().types.as_deref(), column()), (Some(r#"{"/updatedAt":"Date"}"#), 101));
}

#[test]
fn what_cannot_be_appended_to_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open(&path).unwrap();
    let unknown = append(&store, &["0"], (1, "now")).unwrap_err();
    assert_eq!((unknown.code(), unknown.retryable()), ("ERR_SESSION_UNKNOWN", false));
    save(&store, &image("s", &[]), Durability::Process).unwrap();
    let appendix = Appendix { id: "s".into(), messages: Lines::default(), count: 1, now: (1, "now".into()), stamp: 5 };
    let uneven = write(&store, |reply| Write::append_messages(appendix, reply));
    assert!(matches!(uneven, Err(Error::OptionInvalid(_))));
    raw(&path).execute("UPDATE sessions SET updated_at = 77", []).unwrap();
    assert!(matches!(append(&store, &["0"], (1, "now")), Err(Error::Corrupt { .. })));
}
