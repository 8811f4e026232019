#[cfg(unix)]
mod silent;

use super::*;
use crate::event_log::consumers::Position;

fn wait<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Result<T> {
    let (reply, answer) = Reply::channel();
    ask(reply);
    answer.recv().unwrap()
}

#[test]
fn a_replay_that_is_ended_while_it_reads_lets_go_of_its_files_afterwards() {
    let directory = tempfile::TempDir::new().unwrap();
    let log = EventLog::open(LogOptions::new(directory.path())).unwrap();
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
    wait(|reply| log.append("s".into(), body, None, None, reply)).unwrap();
    let replay = log.replay("s".into(), ReplayFilter::default()).unwrap();
    let reading = replay.cursor.lock().unwrap();
    replay.release();
    drop(reading);
    assert_eq!(wait(|answer| replay.pull(answer)).unwrap(), None);
}

#[test]
fn a_wait_that_is_refused_leaves_nothing_behind() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("lock")).unwrap();
    let owner = EventLog::open(LogOptions::new(directory.path())).unwrap();
    assert_eq!(wait(|reply| owner.wait("s".into(), 0, 1, reply)).unwrap_err().code(), "ERR_IO");
    assert_eq!(owner.side.bell().expected(), 0);
    let visitor = EventLog::visit(directory.path()).unwrap();
    for log in [owner, visitor] {
        wait(|reply| log.close(reply)).unwrap();
        assert_eq!(wait(|reply| log.wait("s".into(), 0, 2, reply)).unwrap_err().code(), "ERR_CLOSED");
        assert_eq!(log.side.bell().expected(), 0);
    }
}

#[test]
fn a_consumer_that_is_opened_after_somebody_gave_it_up_holds_its_name_from_nobody() {
    let directory = tempfile::TempDir::new().unwrap();
    let log = EventLog::open(LogOptions::new(directory.path())).unwrap();
    let consumer = || log.consumer("s".into(), "reader".into(), Durability::Process).unwrap();
    let given_up = consumer();
    wait(|answer| given_up.close(answer)).unwrap();
    assert!(matches!(wait(|answer| given_up.open(answer)), Err(Error::Closed(_))));
    assert_eq!(wait(|answer| consumer().open(answer)).unwrap(), 0);
}

#[test]
fn what_was_acknowledged_without_a_sync_has_one_after_a_flush_a_close_and_on_the_way_out() {
    let directory = tempfile::TempDir::new().unwrap();
    // No sync comes by itself.
    let options =
        LogOptions { fsync_interval: Duration::from_secs(3600), ..LogOptions::new(directory.path().join("events")) };
    let owner = EventLog::open(options.clone()).unwrap();
    append(&owner, 1);
    let visitor = EventLog::visit_with(&options).unwrap();
    for (log, name) in [(owner, "one"), (visitor, "other")] {
        let consumer = |name: &str| {
            let consumer = log.consumer("s".into(), name.into(), Durability::Process).unwrap();
            wait(|answer| consumer.open(answer)).unwrap();
            consumer
        };
        let advance = |consumer: &crate::event_log::Consumer, seq| {
            wait(|answer| consumer.acknowledge(seq, answer)).unwrap();
            Arc::clone(consumer.position.lock().unwrap().as_ref().unwrap().unsynced().unwrap())
        };
        let (kept, closed) = (consumer(name), consumer(&format!("{name}-closed")));
        let written = advance(&kept, 1);
        assert!(written.waits());
        wait(|answer| log.flush(answer)).unwrap();
        assert!(!written.waits(), "flushed");
        let written = advance(&closed, 1);
        wait(|answer| closed.close(answer)).unwrap();
        assert!(!written.waits(), "closed");
        let written = advance(&kept, 2);
        assert!(written.waits());
        assert!(log.drain(Duration::from_secs(60)));
        assert!(!written.waits(), "on the way out");
        // However long somebody has the consumer still.
        assert!(log.side.reader().drain(Duration::from_secs(60)));
        wait(|answer| log.side.positions().sync(answer)).unwrap();
        assert!(log.side.positions().are_closed(), "no thread is left");
    }
}

#[test]
fn a_position_that_somebody_has_left_without_a_sync_has_one_as_if_it_were_acknowledged_anew() {
    let directory = tempfile::TempDir::new().unwrap();
    let options = LogOptions { fsync_interval: Duration::from_secs(3600), ..LogOptions::new(directory.path()) };
    let log = EventLog::open(options).unwrap();
    for (seq, waits) in [(0, false), (7, true)] {
        // Killed thereafter.
        let layout = log.side.view().layout().clone();
        Position::open(&layout, "s", "c", Durability::Process).unwrap().advance(seq).unwrap();
        let consumer = log.consumer("s".into(), "c".into(), Durability::Process).unwrap();
        assert_eq!(wait(|answer| consumer.open(answer)).unwrap(), seq);
        let written = Arc::clone(consumer.position.lock().unwrap().as_ref().unwrap().unsynced().unwrap());
        assert_eq!(written.waits(), waits);
        wait(|answer| log.flush(answer)).unwrap();
        assert!(!written.waits());
        wait(|answer| consumer.close(answer)).unwrap();
    }
}

fn append(log: &EventLog, payload: u64) {
    let body = format!(r#"{{"topic":"t","priority":"normal","timestamp":1,"payload":{payload}}}"#);
    wait(|reply| log.append("s".into(), body, None, None, reply)).unwrap();
}

/// How many events a replay brings, or the code of what keeps it from that.
#[cfg(unix)]
fn replayed(log: &EventLog) -> std::result::Result<usize, &'static str> {
    let replay = log.replay("s".into(), ReplayFilter::default()).unwrap();
    let piece = wait(|answer| replay.pull(answer)).map_err(|error| error.code())?;
    Ok(piece.map_or(0, |piece| piece.matches("\"seq\":").count()))
}

#[cfg(unix)]
#[test]
fn an_owner_that_only_reads_notices_that_it_has_lost_its_log() {
    let directory = tempfile::TempDir::new().unwrap();
    let [root, aside] = ["events", "aside"].map(|name| directory.path().join(name));
    // Nothing that a thread does by itself notices it first.
    let never = Duration::from_secs(3600);
    let open = |path| {
        let options = LogOptions { fsync_interval: never, cleanup_interval: Duration::ZERO, ..LogOptions::new(path) };
        EventLog::open(options).unwrap()
    };
    let one = open(&root);
    append(&one, 1);
    assert_eq!(replayed(&one), Ok(1));
    // Under another path the process takes it for another log.
    std::fs::remove_file(root.join("lock")).unwrap();
    std::fs::rename(&root, &aside).unwrap();
    let other = open(&aside);
    append(&other, 2);
    // What it has found is synced by then, and its thread has nothing to do that would have it look for its lock.
    wait(|reply| other.flush(reply)).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    assert_eq!(replayed(&one), Err("ERR_IO"), "what the new owner has written would be missing");
    assert_eq!(replayed(&one), Err("ERR_LOCKED"));
    std::fs::remove_file(root.join("lock")).unwrap();
    assert_eq!(replayed(&one), Ok(2));
}

#[cfg(unix)]
#[test]
fn a_replay_that_was_begun_before_the_log_was_lost_goes_on() {
    let directory = tempfile::TempDir::new().unwrap();
    let log = EventLog::open(LogOptions::new(directory.path())).unwrap();
    (0..1000).for_each(|payload| append(&log, payload));
    let replay = log.replay("s".into(), ReplayFilter::default()).unwrap();
    let mut events = 0;
    while let Some(piece) = wait(|answer| replay.pull(answer)).unwrap() {
        events += piece.matches("\"seq\":").count();
        let _ = std::fs::remove_file(directory.path().join("lock"));
    }
    assert_eq!(events, 1000);
}

#[test]
fn a_sync_that_failed_is_told_to_each_handle_and_a_dropped_one_keeps_it_from_nobody() {
    let directory = tempfile::TempDir::new().unwrap();
    let open = || EventLog::open(LogOptions::new(directory.path())).unwrap();
    let [one, other, dropped] = [(); 3].map(|()| open());
    append(&one, 1);
    let core = one.side.core().unwrap();
    core.doubts.raise("a disk that lies".into());
    drop((core, dropped));
    let flushed = |log: &EventLog| wait(|reply| log.flush(reply)).map_err(|error| error.code());
    let closed = |log: &EventLog| wait(|reply| log.close(reply)).map_err(|error| error.code());
    assert_eq!([flushed(&other), flushed(&other)], [Err("ERR_INDETERMINATE"), Ok(())]);
    let later = open();
    assert_eq!([flushed(&later), closed(&other)], [Ok(()), Ok(())]);
    assert_eq!([closed(&later), closed(&one)], [Ok(()), Err("ERR_INDETERMINATE")], "it has not heard of it");
    assert!(!directory.path().join("closed.json").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn who_only_reads_holds_no_file_after_the_close() {
    let directory = tempfile::TempDir::new().unwrap();
    let owner = EventLog::open(LogOptions::new(directory.path())).unwrap();
    append(&owner, 1);
    wait(|reply| owner.close(reply)).unwrap();
    let below = directory.path().canonicalize().unwrap();
    let held = || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap();
        all.filter_map(|held| std::fs::read_link(held.unwrap().path()).ok())
            .filter(|file| file.starts_with(&below))
            .count()
    };
    let log = EventLog::visit(directory.path()).unwrap();
    assert_eq!(wait(|reply| log.statistics(reply)).unwrap().events, 1);
    assert_eq!(held(), 1, "what is being written stays open");
    wait(|reply| log.close(reply)).unwrap();
    assert_eq!(held(), 0);
}
