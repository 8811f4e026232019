use super::*;
use crate::event_log::append::Append;

fn writer(directory: &std::path::Path) -> Writer {
    let shared = Shared { catalog: Arc::default(), opened: Arc::default(), bell: Arc::default() };
    let (released, _) = crossbeam_channel::bounded(0);
    Writer::new(LogOptions::new(directory), shared, Before::default(), released)
}

#[test]
fn what_kept_the_log_from_opening_is_not_told_to_whoever_comes_when_it_is_over() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut writer = writer(directory.path());
    let lock = directory.path().join("lock");
    std::fs::create_dir(&lock).unwrap();
    // For a job that is withdrawn meanwhile: nobody hears of it.
    writer.prepare();
    std::fs::remove_dir(&lock).unwrap();
    let ((flush, flushed), (reply, appended)) = (Reply::channel(), Reply::channel());
    let body = r#"{"topic":"t","priority":"normal","timestamp":1}"#.into();
    let append = Append { session: "s".into(), body, id: None, durability: None, reply };
    let batch = vec![Job::Flush(flush), Job::Append(append.into())];
    if writer.is_unprepared(&batch[0]) {
        writer.prepare();
    }
    writer.handle(batch);
    flushed.recv().unwrap().unwrap();
    assert_eq!(appended.recv().unwrap().unwrap().seq, 1);
    writer.finish().unwrap();
}
