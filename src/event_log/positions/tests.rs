use super::*;

/// A file and what is told of it.
fn written(directory: &tempfile::TempDir, name: &str) -> Arc<Written> {
    let path = directory.path().join(name);
    std::fs::write(&path, "").unwrap();
    Written::at(path)
}

/// One that no system looks at.
fn failing(directory: &tempfile::TempDir) -> Arc<Written> {
    Written::at(directory.path().join("no\0name"))
}

fn noted(syncing: &mut Syncing, written: &Arc<Written>) {
    written.waits.store(true, Ordering::Release);
    syncing.handle(vec![Job::Note(Arc::clone(written))]);
}

fn sync(syncing: &mut Syncing) -> Result<()> {
    let (replies, answers): (Vec<_>, Vec<_>) = (0..2).map(|_| Reply::channel()).unzip();
    syncing.handle(replies.into_iter().map(Job::Sync).collect());
    let mut all = answers.into_iter().map(|answer| answer.recv().unwrap());
    let (first, second) = (all.next().unwrap(), all.next().unwrap());
    assert_eq!(first.is_ok(), second.is_ok());
    first
}

#[test]
fn what_was_written_is_synced_in_time_once_and_for_whoever_asks() {
    let directory = tempfile::TempDir::new().unwrap();
    let [one, other] = ["one", "other"].map(|name| written(&directory, name));
    let mut syncing = Syncing::new(Arc::new(Mutex::new(Duration::from_secs(3600))));
    assert_eq!(syncing.wake_at(), None);
    noted(&mut syncing, &one);
    let at = syncing.wake_at().unwrap();
    noted(&mut syncing, &other);
    assert_eq!(syncing.wake_at(), Some(at), "the first one says when");
    files::SYNCED.take();
    syncing.tick();
    assert_eq!(files::SYNCED.take(), [one.path.clone(), other.path.clone()]);
    assert_eq!((one.waits(), other.waits(), syncing.wake_at()), (false, false, None));
    noted(&mut syncing, &one);
    sync(&mut syncing).unwrap();
    assert_eq!(files::SYNCED.take(), std::slice::from_ref(&one.path));
    noted(&mut syncing, &other);
    syncing.finish().unwrap();
    assert_eq!(files::SYNCED.take(), std::slice::from_ref(&other.path));
}

#[test]
fn none_waits_longer_than_what_is_said_since() {
    let directory = tempfile::TempDir::new().unwrap();
    let [one, other] = ["one", "other"].map(|name| written(&directory, name));
    let interval = Arc::new(Mutex::new(Duration::from_secs(3600)));
    let mut syncing = Syncing::new(Arc::clone(&interval));
    noted(&mut syncing, &one);
    *interval.lock().unwrap() = Duration::from_secs(60);
    noted(&mut syncing, &other);
    assert!(syncing.wake_at().unwrap() <= Instant::now() + Duration::from_secs(60));
    sync(&mut syncing).unwrap();
}

#[test]
fn one_that_has_gone_is_no_failure_and_one_that_fails_is_told_to_who_asks_next() {
    let directory = tempfile::TempDir::new().unwrap();
    let gone = written(&directory, "gone");
    std::fs::remove_file(&gone.path).unwrap();
    let mut syncing = Syncing::new(Arc::new(Mutex::new(Duration::ZERO)));
    noted(&mut syncing, &gone);
    sync(&mut syncing).unwrap();
    #[cfg(unix)]
    {
        // Whoever opened it would wait for somebody who reads.
        assert!(std::process::Command::new("mkfifo").arg(&gone.path).status().unwrap().success());
        noted(&mut syncing, &gone);
        sync(&mut syncing).unwrap();
    }
    noted(&mut syncing, &failing(&directory));
    syncing.tick();
    assert_eq!(sync(&mut syncing).unwrap_err().code(), "ERR_IO");
    sync(&mut syncing).unwrap();
}

#[test]
fn who_has_written_to_none_waits_for_no_thread() {
    let positions = Arc::new(Positions::new(Duration::ZERO));
    let (reply, answer) = Reply::channel();
    positions.then_sync(reply).send(Ok(()));
    answer.try_recv().unwrap().unwrap();
    let (reply, answer) = Reply::channel();
    positions.note(&Written::at(PathBuf::from("nowhere")));
    positions.then_sync(reply).send(Err(Error::Timeout("a test")));
    assert_eq!(answer.try_recv().unwrap().unwrap_err().code(), "ERR_TIMEOUT", "what failed is told at once");
}

#[test]
fn a_failure_is_logged_once_however_long_nobody_asks() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("told");
    let told = std::fs::File::create(&path).unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(move || told.try_clone().unwrap()).finish();
    let one = written(&directory, "one");
    let mut syncing = Syncing::new(Arc::new(Mutex::new(Duration::ZERO)));
    tracing::subscriber::with_default(subscriber, || {
        noted(&mut syncing, &failing(&directory));
        syncing.tick();
        for _ in 0..3 {
            noted(&mut syncing, &one);
            syncing.tick();
        }
    });
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
    assert_eq!(sync(&mut syncing).unwrap_err().code(), "ERR_IO");
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_opened_is_tried_again_and_has_not_failed_before() {
    let directory = tempfile::TempDir::new().unwrap();
    let one = written(&directory, "one");
    let mut syncing = Syncing::new(Arc::new(Mutex::new(Duration::ZERO)));
    noted(&mut syncing, &one);
    files::ROOM.set(Some((directory.path().to_owned(), 0)));
    syncing.tick();
    assert!(one.waits() && syncing.wake_at().is_some());
    assert!(matches!(sync(&mut syncing), Err(Error::Exhausted { .. })), "it is not on the disk");
    syncing.tick();
    files::ROOM.take();
    sync(&mut syncing).unwrap();
    assert!(!one.waits());
}

#[test]
fn a_close_ends_the_thread_and_whoever_asks_then_waits_for_its_end() {
    let directory = tempfile::TempDir::new().unwrap();
    for (written, is_synced) in [(written(&directory, "one"), true), (failing(&directory), false)] {
        let positions = Arc::new(Positions::new(Duration::from_secs(3600)));
        positions.note(&written);
        positions.close();
        let (reply, answer) = Reply::channel();
        positions.sync(reply);
        assert_eq!(answer.recv().unwrap().is_ok(), is_synced);
        assert!(positions.are_closed());
        let (reply, answer) = Reply::channel();
        positions.sync(reply);
        assert_eq!(answer.try_recv().unwrap().is_ok(), is_synced, "nobody waits any more");
    }
}

#[test]
fn what_waited_for_a_thread_that_panicked_is_synced_by_whoever_writes_it_next() {
    let directory = tempfile::TempDir::new().unwrap();
    let positions = Arc::new(Positions::new(Duration::from_secs(3600)));
    let one = written(&directory, "one");
    positions.note(&one);
    positions.sync(Reply::new(|_: Result<()>| panic!("planted")));
    // What it drops while it panics is answered before it counts as gone.
    while positions.worker.get().unwrap().as_ref().unwrap().room(0).is_ok() {
        std::thread::yield_now();
    }
    // Written to and noted behind the last sync, and in nobody's hands since.
    one.waits.store(true, Ordering::Release);
    files::SYNCED.take();
    positions.note(&one);
    assert_eq!(files::SYNCED.take(), std::slice::from_ref(&one.path));
    assert!(!one.waits());
}
