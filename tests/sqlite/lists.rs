//! Lists of sessions and keys, whole and page by page, and what the store counts.

use proptest::prelude::*;
use smalltalk_native::{
    durability::Durability,
    reply::Reply,
    storage::{
        session::{Encoded, OrderBy, SessionFilter, SessionImage, Stats},
        sqlite::{KeyFilter, LastSession, Read, SessionPage, SqliteStore, Write},
    },
};

use crate::support::{image, list, open, save};

/// So far away that nothing reclaims what ends then.
const END: i64 = 1 << 50;

fn page(store: &SqliteStore, filter: &SessionFilter, after: Option<LastSession>) -> SessionPage {
    let (reply, page) = Reply::channel();
    store.read(Read::session_page(filter.clone(), after, reply), false);
    page.recv().unwrap().unwrap()
}

fn walk(store: &SqliteStore, filter: &SessionFilter) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let SessionPage { ids: next, last_value, .. } = page(store, filter, after);
        let Some((value, id)) = last_value.zip(next.last().cloned()) else { return ids };
        after = Some(LastSession { value, id, until: None });
        ids.extend(next);
    }
}

fn keys(store: &SqliteStore, prefix: &str, after: Option<&str>, limit: i64, now: i64) -> Vec<String> {
    let (reply, page) = Reply::channel();
    let filter = KeyFilter { prefix: prefix.into(), after: after.map(Into::into), limit, now };
    store.read(Read::key_page(filter, reply), false);
    page.recv().unwrap().unwrap()
}

fn set(store: &SqliteStore, key: &str, expires_at: Option<i64>) {
    let (reply, set) = Reply::channel();
    let value = Encoded { text: format!("{key:?}"), types: None };
    store.write(Write::set_key(key.into(), value, expires_at, reply), Durability::Process);
    set.recv().unwrap().unwrap();
}

fn stats(store: &SqliteStore, now: i64) -> Stats {
    let (reply, stats) = Reply::channel();
    store.read(Read::stats(now, reply), false);
    stats.recv().unwrap().unwrap()
}

/// Sessions in which most times are shared by several.
fn fill(store: &SqliteStore, count: i64) {
    let answers: Vec<_> = (0..count)
        .map(|number| {
            let id = format!("{}/{number}", if number % 3 == 0 { "a" } else { "é" });
            let agent = ["writer", "reader"].get(usize::try_from(number % 4).unwrap()).map(ToString::to_string);
            let times = SessionImage { created_at: number % 10, updated_at: number * 7 % 13, ..image(&id, &[]) };
            let (reply, saved) = Reply::channel();
            store.write(Write::save_session(SessionImage { active_agent: agent, ..times }, reply), Durability::Process);
            saved
        })
        .collect();
    answers.into_iter().for_each(|answer| assert!(answer.recv().unwrap().is_ok()));
}

#[test]
fn pages_together_are_the_list_in_every_order_and_with_every_filter() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    fill(&store, 1_000);
    let filters = [
        SessionFilter::default(),
        SessionFilter { active_agent: Some("writer".into()), ..SessionFilter::default() },
        SessionFilter { id_prefix: Some("é/1".into()), ..SessionFilter::default() },
        SessionFilter { created_after: Some(3), created_before: Some(5), ..SessionFilter::default() },
        SessionFilter { updated_after: Some(2), updated_before: Some(12), ..SessionFilter::default() },
    ];
    for filter in filters {
        for order_by in [OrderBy::UpdatedAt, OrderBy::CreatedAt, OrderBy::Id] {
            for ascending in [false, true] {
                let filter = SessionFilter { order_by, ascending, ..filter.clone() };
                let whole = list(&store, filter.clone());
                assert!(!whole.is_empty());
                let by_seven = SessionFilter { limit: Some(7), ..filter.clone() };
                assert_eq!(walk(&store, &by_seven), whole, "{filter:?}");
            }
        }
    }
}

#[test]
fn a_page_does_not_care_for_what_is_removed_or_added_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for id in ["a", "b", "c", "d"] {
        save(&store, &image(id, &[]), Durability::Process).unwrap();
    }
    let filter = SessionFilter { order_by: OrderBy::Id, ascending: true, limit: Some(2), ..SessionFilter::default() };
    assert_eq!(page(&store, &filter, None).ids, ["a", "b"]);
    let (reply, deleted) = Reply::channel();
    store.write(Write::delete_session("b".into(), reply), Durability::Process);
    assert!(deleted.recv().unwrap().unwrap());
    save(&store, &image("aa", &[]), Durability::Process).unwrap();
    let after = LastSession { value: 0, id: "b".into(), until: None };
    assert_eq!(page(&store, &filter, Some(after)).ids, ["c", "d"]);
}

#[test]
fn a_page_passes_over_what_has_changed_since_the_first_where_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for id in ["a", "b", "c"] {
        save(&store, &image(id, &[]), Durability::Process).unwrap();
    }
    let filter = SessionFilter { order_by: OrderBy::Id, ascending: true, limit: Some(1), ..SessionFilter::default() };
    let first = page(&store, &filter, None);
    save(&store, &image("b", &[]), Durability::Process).unwrap();
    let after = |until| Some(LastSession { value: 0, id: "a".into(), until });
    assert_eq!(page(&store, &filter, after(Some(first.version))).ids, ["c"]);
    assert_eq!(page(&store, &filter, after(None)).ids, ["b"]);
}

#[test]
fn every_page_is_served_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let _store = open(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let wanted = [("", "updated_at"), ("", "created_at"), ("active_agent = 'a' AND", "updated_at")];
    for (condition, column) in wanted {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT id, {column} FROM sessions WHERE {condition} ({column}, id) < (5, 'x')
             ORDER BY {column} DESC, id DESC LIMIT 7"
        );
        let plan: Vec<String> =
            raw.prepare(&sql).unwrap().query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(plan.iter().all(|step| step.contains("SEARCH") && step.contains("COVERING INDEX")), "{plan:?}");
    }
}

#[test]
fn keys_come_in_order_page_by_page_without_those_whose_time_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    for key in ["b/1", "b/2", "b/3", "b", "c", "ä", "b/\u{10FFFF}x"] {
        set(&store, key, None);
    }
    set(&store, "b/25", Some(END));
    assert_eq!(keys(&store, "b/", None, 2, 0), ["b/1", "b/2"]);
    assert_eq!(keys(&store, "b/", Some("b/2"), 2, END - 1), ["b/25", "b/3"]);
    assert_eq!(keys(&store, "b/", Some("b/2"), 2, END), ["b/3", "b/\u{10FFFF}x"]);
    assert_eq!(keys(&store, "b/\u{10FFFF}", None, 2, 0), ["b/\u{10FFFF}x"]);
    assert_eq!(keys(&store, "", Some("b/3"), 10, 0), ["b/\u{10FFFF}x", "c", "ä"]);
}

#[test]
fn several_keys_are_read_at_once_in_the_order_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    set(&store, "a", None);
    set(&store, "b", Some(END));
    let get = |now| {
        let (reply, got) = Reply::channel();
        let names = ["b", "none", "a", "a"].map(String::from).to_vec();
        store.read(Read::keys(names, now, reply), false);
        let values: Vec<Option<Encoded>> = got.recv().unwrap().unwrap();
        values.into_iter().map(|value| value.map(|value| value.text)).collect::<Vec<_>>()
    };
    let text = |key: &str| Some(format!("{key:?}"));
    assert_eq!(get(END - 1), [text("b"), None, text("a"), text("a")]);
    assert_eq!(get(END), [None, None, text("a"), text("a")]);
}

#[test]
fn an_expired_key_counts_no_more_although_its_row_still_stands() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("s.db")).unwrap();
    save(&store, &image("one", &["1", "2"]), Durability::Process).unwrap();
    set(&store, "a", None);
    set(&store, "b", Some(END));
    let now = stats(&store, END - 1);
    assert_eq!((now.sessions, now.messages, now.keys), (1, 2, 2));
    assert_eq!(stats(&store, END).keys, 1);
    assert!(now.size_bytes > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_prefix_finds_what_begins_with_it(prefix in ".{0,3}", others in prop::collection::vec(".{1,5}", 1..30)) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory.path().join("s.db")).unwrap();
        let mut all: Vec<String> = others.iter().map(|rest| format!("{prefix}{rest}")).chain(others.clone()).collect();
        all.retain(|id| !id.is_empty());
        for id in &all {
            let (reply, _) = Reply::channel();
            store.write(Write::save_session(image(id, &[]), reply), Durability::Process);
            set(&store, id, None);
        }
        all.retain(|id| id.starts_with(&prefix));
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(&keys(&store, &prefix, None, -1, 0), &all);
        let id_prefix = Some(prefix);
        let filter = SessionFilter { id_prefix, order_by: OrderBy::Id, ascending: true, ..SessionFilter::default() };
        prop_assert_eq!(list(&store, filter), all);
    }
}
