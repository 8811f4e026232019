//! The log of another process: read from its files as they grow, touching nothing.

mod growing;

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use self::growing::Growing;
use super::{
    checkpoint,
    directory::Layout,
    files,
    index::{Placed, Session, read},
    names,
    opening::index,
    owned::MOST_HANDLES,
    recovery::recover,
};
use crate::error::{Error, Result};

/// What a reader knows of the log.
#[derive(Debug)]
pub struct Visitor {
    /// Where the files are.
    pub layout: Layout,
    sessions: Mutex<HashMap<String, Known>>,
    /// So many files have been opened, at the most, that are still open.
    handles: AtomicUsize,
}

/// What it knows of a session.
#[derive(Debug)]
struct Known {
    session: Arc<Session>,
    /// The names of the closed files.
    closed: Vec<String>,
    growing: Option<Growing>,
    last_seq: Option<u64>,
}

/// As often a session is read anew when its owner moves its files meanwhile.
const TRIES: usize = 100;

/// As many bytes of a file are read to find its first event, unless there is none in them.
const FIRST_BYTES: usize = 4096;

impl Visitor {
    /// Nothing is read yet.
    pub fn new(layout: Layout) -> Self {
        Self { layout, sessions: Mutex::default(), handles: AtomicUsize::new(0) }
    }

    /// A session as its files have it now; `None` where it has none.
    pub fn session(&self, id: &str) -> Result<Option<Arc<Session>>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        self.spare_handles(&mut sessions);
        if let Some(known) = sessions.get_mut(id)
            && self.advance(known)?
        {
            return Ok(Some(Arc::clone(&known.session)));
        }
        let before = sessions.remove(id);
        let Some(known) = self.read(id, before.as_ref())? else { return Ok(None) };
        let session = Arc::clone(&known.session);
        sessions.insert(id.to_owned(), known);
        Ok(Some(session))
    }

    /// Closes the files of all sessions, when there are many.
    fn spare_handles(&self, sessions: &mut HashMap<String, Known>) {
        if self.handles.load(Ordering::Relaxed) >= MOST_HANDLES {
            self.handles.store(0, Ordering::Relaxed);
            sessions.values_mut().filter_map(|known| known.growing.as_mut()).for_each(Growing::let_go);
        }
    }

    /// All sessions as their files have it now, by id.
    pub fn all(&self) -> Result<Vec<Arc<Session>>> {
        let names: HashSet<String> = files::file_names(&self.layout.active)?.into_iter().collect();
        for known in self.sessions.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            // While a file is being written, nobody looks whether closed ones are still there.
            if !known.closed.iter().all(|name| names.contains(name)) {
                known.growing = None;
            }
        }
        self.ids()?.iter().filter_map(|id| self.session(id).transpose()).collect()
    }

    /// The number of the newest event of a session; 0 where it has none.
    pub fn newest(&self, id: &str) -> Result<u64> {
        let last = |sessions: &HashMap<String, Known>| sessions.get(id).and_then(|known| known.last_seq);
        self.session(id)?;
        Ok(last(&self.sessions.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or(0))
    }

    /// Whether a file that was opened by its name just now is the one that the session is being written to, as far as is
    /// known: its owner may have begun another one meanwhile.
    pub fn is_growing(&self, session: &Session, file: &File) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let growing = sessions.get(&*session.id).and_then(|known| known.growing.as_ref());
        let opened = file.metadata().ok();
        growing.zip(opened).is_some_and(|(growing, opened)| growing.identity == files::identity(&opened))
    }

    /// Forgets what is known of a session: a file of it is no longer where it was.
    pub fn forget(&self, id: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The ids of all sessions with events, in order.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut ids = HashSet::new();
        for name in files::file_names(&self.layout.active)? {
            let Some(parsed) = names::parse(&name) else { continue };
            let id = match names::id_of(parsed.stem) {
                // A file is closed only where it has events.
                Some(id) if parsed.first_seq.is_some() || ids.contains(&id) => Some(id),
                known => self.first_id(&name, known.as_deref())?.filter(|id| names::stem_of(id) == parsed.stem),
            };
            ids.extend(id);
        }
        let mut ids: Vec<_> = ids.into_iter().collect();
        ids.sort();
        Ok(ids)
    }

    /// Whose file it is, by the first event in it, which has to be of `session` where that is known; `None` where it has none.
    fn first_id(&self, name: &str, session: Option<&str>) -> Result<Option<String>> {
        let path = self.layout.active.join(name);
        let Some(file) = files::open_found(&path)? else { return Ok(None) };
        let mut bytes = vec![0; FIRST_BYTES];
        let there = files::read_at(&file, &mut bytes, 0);
        bytes.truncate(there.map_err(|cause| Error::io(format!("reading {}", path.display()), &cause))?);
        if let Some(id) = id_in(&bytes, session) {
            return Ok(Some(id));
        }
        // Its first line is long, or damaged.
        Ok(if bytes.len() < FIRST_BYTES { None } else { id_in(&files::read_all(&path)?.unwrap_or_default(), session) })
    }

    /// Reads a session from scratch, but for closed files that are known. Where its owner begins a new file meanwhile, the
    /// one that was being written has another name: then once more.
    fn read(&self, id: &str, before: Option<&Known>) -> Result<Option<Known>> {
        let stem = names::stem_of(id);
        let path = self.layout.active.join(names::active_name(&stem));
        for _ in 0..TRIES {
            let growing = Growing::open(&path)?;
            self.handles.fetch_add(usize::from(growing.is_some()), Ordering::Relaxed);
            let closed = self.closed_names(&stem)?;
            if growing.is_none() && closed.is_empty() {
                return Ok(None);
            }
            if let Some(known) = self.read_files(id, &path, closed, growing, before)? {
                return Ok(Some(known));
            }
        }
        let cause = std::io::Error::other("its owner moves its files faster than they can be read");
        Err(Error::io(format!("reading session {id:?}"), &cause))
    }

    /// `None` where a file has been moved.
    fn read_files(
        &self,
        id: &str,
        path: &Path,
        closed: Vec<String>,
        mut growing: Option<Growing>,
        before: Option<&Known>,
    ) -> Result<Option<Known>> {
        let session = Session::new(id);
        // Events that are known go by the numbers that topics had then.
        session.adopt_topics(before.map(|known| &*known.session));
        let mut last_seq = None;
        for name in &closed {
            let path = self.layout.active.join(name);
            let known = before.and_then(|known| known.session.files().iter().find(|file| file.path == path).cloned());
            let placed = match known.filter(|file| file.closed) {
                Some(placed) => placed,
                None => match self.closed_file(&session, name, path, last_seq)? {
                    Some(placed) => placed,
                    None => return Ok(None),
                },
            };
            let summary = read(&placed.entries).summary;
            last_seq = (summary.count > 0).then_some(summary.last_seq).max(last_seq);
            session.files_mut().push(placed);
        }
        if let Some(file) = &mut growing {
            let placed = Placed { path: path.to_owned(), closed: false, bytes: 0, entries: Arc::default() };
            session.files_mut().push(placed);
            file.read_more(&session, &mut last_seq)?;
        }
        // The same file still: none was closed since we looked which ones are.
        if identity_at(path)? != growing.as_ref().map(|file| file.identity) {
            return Ok(None);
        }
        Ok(Some(Known { session: Arc::new(session), closed, growing, last_seq }))
    }

    /// A closed file that is new; `None` where it has been moved.
    fn closed_file(&self, session: &Session, name: &str, path: PathBuf, after: Option<u64>) -> Result<Option<Placed>> {
        let entries = if let Some(entries) = checkpoint::look(&self.layout, name, &path) {
            entries
        } else {
            let Some(bytes) = files::read_all(&path)? else { return Ok(None) };
            index(&recover(&bytes, Some(&session.id), after).found, &mut session.topics())
        };
        let bytes = files::look(&path)?.map_or(0, |found| found.len());
        Ok(Some(Placed { path, closed: true, bytes, entries: Arc::new(RwLock::new(entries)) }))
    }

    /// Reads what has been added; `false` where that is not all that has happened.
    fn advance(&self, known: &mut Known) -> Result<bool> {
        let stem = names::stem_of(&known.session.id);
        let path = self.layout.active.join(names::active_name(&stem));
        if identity_at(&path)? != known.growing.as_ref().map(|file| file.identity) {
            return Ok(false);
        }
        match &mut known.growing {
            // As long as it is being written, no other file has been closed.
            Some(file) => {
                self.handles.fetch_add(usize::from(!file.is_open()), Ordering::Relaxed);
                Ok(file.take_up(&path, &known.session)? && file.read_more(&known.session, &mut known.last_seq)?)
            }
            None => Ok(self.closed_names(&stem)? == known.closed),
        }
    }

    /// The closed files of a session, oldest first.
    fn closed_names(&self, stem: &str) -> Result<Vec<String>> {
        let mut closed: Vec<(u64, String)> = files::file_names(&self.layout.active)?
            .into_iter()
            .filter_map(|name| {
                let parsed = names::parse(&name).filter(|parsed| parsed.stem == stem)?;
                parsed.first_seq.map(|first| (first, name.clone()))
            })
            .collect();
        closed.sort();
        Ok(closed.into_iter().map(|(_, name)| name).collect())
    }
}

fn id_in(bytes: &[u8], session: Option<&str>) -> Option<String> {
    let first = recover(bytes, session, None).found.into_iter().next();
    first.map(|found| found.line.session_id.into_owned())
}

fn identity_at(path: &Path) -> Result<Option<(u64, u64)>> {
    Ok(files::look(path)?.filter(|found| !found.is_dir()).as_ref().map(files::identity))
}
