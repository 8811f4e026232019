use crossbeam_channel::{Receiver, bounded};

use super::*;

/// A count that takes longer than anybody waits.
const ENDLESS: &str =
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT count(*) FROM numbers";

fn asked(endings: &Endings, tag: Tag) -> (Arc<Ending>, Reply<i64>, Receiver<Result<i64>>) {
    let (reply, answer) = Reply::channel();
    let (ending, reply) = endings.take_on(reply.tagged(Some(tag)));
    (ending, reply, answer)
}

fn stop(endings: &Endings, tag: Tag) {
    endings.stop(&HashSet::from([tag]));
}

fn connection(under_way: &UnderWay) -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    let asks = under_way.clone();
    connection.progress_handler(100, Some(move || asks.is_to_end())).unwrap();
    connection
}

fn count(connection: &Connection, sql: &str) -> Result<i64> {
    connection.query_row(sql, [], |row| row.get(0)).map_err(|error| super::super::failure::failure("counting", &error))
}

#[test]
fn what_is_stopped_before_its_turn_is_answered_at_once_and_never_begun() {
    let (endings, under_way) = (Endings::default(), UnderWay::default());
    let connection = connection(&under_way);
    let (first, owed, answer) = asked(&endings, 1);
    let (second, _owed, _answer) = asked(&endings, 2);
    stop(&endings, 1);
    assert!(matches!(answer.try_recv().unwrap(), Err(Error::Stopped)));
    stop(&endings, 1);
    let done = under_way.during(&first, &connection, |_| panic!("nobody wants it"));
    owed.send(done);
    assert!(answer.try_recv().is_err(), "it was answered already");
    assert_eq!(under_way.during(&second, &connection, |_| Ok(7)).unwrap(), 7);
}

#[test]
fn a_statement_under_way_is_interrupted_and_what_comes_next_is_not() {
    let (endings, under_way) = (Endings::default(), UnderWay::default());
    let (first, owed, answer) = asked(&endings, 1);
    let (second, next_owed, next) = asked(&endings, 2);
    let (begun, has_begun) = bounded(0);
    let thread = std::thread::spawn(move || {
        let connection = connection(&under_way);
        owed.send(under_way.during(&first, &connection, |_| {
            begun.send(()).unwrap();
            count(&connection, ENDLESS)
        }));
        next_owed.send(under_way.during(&second, &connection, |ending| {
            // Late: what it was for is over.
            first.stop();
            ending.check()?;
            count(&connection, &ENDLESS.replace("FROM numbers)", "FROM numbers WHERE n < 100000)"))
        }));
    });
    has_begun.recv().unwrap();
    stop(&endings, 1);
    assert!(matches!(answer.recv().unwrap(), Err(Error::Stopped)));
    stop(&endings, 1);
    assert_eq!(next.recv().unwrap().unwrap(), 100_000);
    thread.join().unwrap();
}

#[test]
fn what_is_done_when_it_is_stopped_keeps_its_answer() {
    let (endings, under_way) = (Endings::default(), UnderWay::default());
    let connection = connection(&under_way);
    let (ending, owed, answer) = asked(&endings, 1);
    let done = under_way.during(&ending, &connection, |_| {
        stop(&endings, 1);
        Ok(7)
    });
    owed.send(done);
    assert_eq!(answer.try_recv().unwrap().unwrap(), 7);
    stop(&endings, 1);
    assert!(lock(&endings.open).works.is_empty());
}

#[test]
fn a_view_whose_end_was_interrupted_is_not_what_the_next_one_reads() {
    let (endings, under_way) = (Endings::default(), UnderWay::default());
    let connection = connection(&under_way);
    let (ending, ..) = asked(&endings, 1);
    let left: Result<()> = under_way.during(&ending, &connection, |ending| {
        run(&connection, "BEGIN")?;
        ending.stop();
        Err(Error::Busy)
    });
    assert!(matches!(left, Err(Error::Stopped)));
    assert!(connection.is_autocommit());
}

#[test]
fn a_close_ends_all_of_it_and_what_was_stopped_before_says_so() {
    let (endings, under_way) = (Endings::default(), UnderWay::default());
    let connection = connection(&under_way);
    let (first, ..) = asked(&endings, 1);
    let closed = under_way.during(&first, &connection, |_| {
        endings.close();
        count(&connection, ENDLESS)
    });
    assert!(matches!(closed, Err(Error::Closed("the store"))));
    let (second, ..) = asked(&endings, 2);
    assert!(matches!(under_way.during(&second, &connection, |_| Ok(())), Err(Error::Closed("the store"))));
    second.stop();
    assert!(matches!(second.check(), Err(Error::Stopped)));
}

#[test]
fn work_that_is_dropped_is_forgotten_and_answered() {
    let endings = Endings::default();
    let (_ending, owed, answer) = asked(&endings, 1);
    drop(owed);
    assert!(matches!(answer.try_recv().unwrap(), Err(Error::Panic { .. })));
    assert!(lock(&endings.open).works.is_empty());
}
