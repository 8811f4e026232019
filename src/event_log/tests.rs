use super::*;

#[test]
fn a_replay_that_is_ended_while_it_reads_lets_go_of_its_files_afterwards() {
    let directory = tempfile::TempDir::new().unwrap();
    let log = EventLog::open(LogOptions::new(directory.path())).unwrap();
    let (reply, appended) = Reply::channel();
    log.append("s".into(), r#"{"topic":"t","priority":"normal","timestamp":1}"#.into(), None, None, reply);
    appended.recv().unwrap().unwrap();
    let replay = log.replay("s".into(), ReplayFilter::default()).unwrap();
    let reading = replay.cursor.lock().unwrap();
    replay.release();
    drop(reading);
    let (reply, pulled) = Reply::channel();
    replay.pull(reply);
    assert_eq!(pulled.recv().unwrap().unwrap(), None);
}
