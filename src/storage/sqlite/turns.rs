//! Opening one file after another: who opens a file at the same moment as others in the process waits for his turn, and for
//! nobody who opens another file.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Who is opening what. A name goes with the last one that has it.
static OPENING: Mutex<Option<HashMap<String, Arc<Mutex<()>>>>> = Mutex::new(None);

/// The place of one in the queue for a file.
pub struct Turn {
    name: String,
    queue: Arc<Mutex<()>>,
}

impl Turn {
    /// A place in the queue for the file at `path`, whose directory is there.
    pub fn of(path: &Path) -> Self {
        let name = key(path);
        let queue = Arc::clone(lock(&OPENING).get_or_insert_default().entry(name.clone()).or_default());
        Self { name, queue }
    }

    /// Waits for it. It lasts as long as what is given back.
    pub fn wait(&self) -> MutexGuard<'_, ()> {
        lock(&self.queue)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut opening = lock(&OPENING);
        // One is here, and one there.
        if Arc::strong_count(&self.queue) == 2
            && let Some(queues) = opening.as_mut()
        {
            queues.remove(&self.name);
        }
    }
}

/// The same for all names that a file has, also before it is there.
fn key(path: &Path) -> String {
    let in_directory = |_| -> io::Result<PathBuf> {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        Ok(fs::canonicalize(directory.unwrap_or(Path::new(".")))?.join(path.file_name().unwrap_or_default()))
    };
    let name = fs::canonicalize(path).or_else(in_directory).unwrap_or_else(|_| path.to_owned());
    // Two that differ in their letters' case only may be one. Where they are not, to wait for one another does no harm.
    name.to_string_lossy().to_lowercase()
}

/// Whoever panicked has left nothing half done in here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn one_file_is_opened_by_one_at_a_time_and_another_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["s.db", "other.db"].map(|name| directory.path().join(name));
        let first = Turn::of(&path);
        let opening = first.wait();
        drop(Turn::of(&other).wait());
        let (tell, told) = mpsc::channel();
        let (queued, is_queued) = mpsc::channel();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let turn = Turn::of(&path);
                queued.send(()).unwrap();
                let _opening = turn.wait();
                tell.send(()).unwrap();
            });
            is_queued.recv().unwrap();
            assert!(told.try_recv().is_err(), "it is not its turn yet");
            drop(opening);
            told.recv().unwrap();
        });
        drop(first);
        let known = |path: &Path| lock(&OPENING).as_ref().is_some_and(|queues| queues.contains_key(&key(path)));
        assert!(!known(&path) && !known(&other), "nobody opens them any more");
    }

    #[cfg(unix)]
    #[test]
    fn names_of_one_file_are_one_queue_before_it_is_there_and_after() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", directory.path().join("b")).unwrap();
        let paths = ["a", "b"].map(|name| directory.path().join(name).join("s.db"));
        let before = Turn::of(&paths[0]);
        fs::write(&paths[0], "").unwrap();
        for path in &paths {
            assert!(Arc::ptr_eq(&Turn::of(path).queue, &before.queue));
        }
    }
}
