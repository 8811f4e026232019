//! The writing end of one session: hands out numbers and adds lines to the file.

mod closing;
mod safety;

use std::{
    cell::OnceCell,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use super::{
    append::{Item, Parcel, Receipt},
    bell::Bell,
    catalog::Catalog,
    checkpoint,
    current::Current,
    directory::Layout,
    doubts::Doubts,
    files,
    ids::Ids,
    index::{Entries, Entry, Placed, Session, read, write},
    journal::Journal,
    keeper::Keeper,
    names,
    opening::Loaded,
    options::LogOptions,
    record,
    stamp::Stamp,
};
use crate::error::{Error, Result};

/// What all lanes share.
pub struct Surroundings {
    /// Where the files are.
    pub layout: Layout,
    /// The limits.
    pub options: LogOptions,
    /// What readers see.
    pub catalog: Arc<Catalog>,
    /// Who waits for more.
    pub bell: Arc<Bell>,
    /// Syncs that failed, and who has heard of it.
    pub doubts: Arc<Doubts>,
    /// What is on the disk of files whose own sync is still to come.
    pub journal: Journal,
    /// Keeps the indexes of what is closed.
    pub keeper: Keeper,
    /// The state of the files' names before this batch, where one look at that saves many.
    pub names: Option<Stamp>,
    /// Their directory, open for as long as syncs are taken together. Where it could not be opened, it is none.
    pub directory: OnceCell<Option<Directory>>,
}

/// An open directory, where it can be synced.
type Directory = Option<Arc<File>>;

impl Surroundings {
    /// The directory of the files, to put their names on the disk.
    pub fn directory(&self) -> Option<Directory> {
        let open = || match files::open_directory(&self.layout.active) {
            Ok(directory) => Some(directory.map(Arc::new)),
            Err(cause) => {
                tracing::error!(target: "smalltalk::event_log", %cause, "names of files cannot be synced yet");
                None
            }
        };
        self.directory.get_or_init(open).clone()
    }
}

/// The writing end of one session.
pub struct Lane {
    /// What readers see of it.
    pub session: Arc<Session>,
    /// A write or a sync failed in a way that leaves open what the file holds: it is read again before the next write.
    pub broken: bool,
    /// Whether lines wait for a sync that nobody has begun.
    pub dirty: bool,
    /// Whether it stands in the list of those whose sync is due next.
    pub due: bool,
    stem: String,
    session_json: String,
    next_seq: u64,
    current: Current,
    /// What this batch has written to the file, where it may go to the journal.
    fresh: Option<Fresh>,
}

/// What a batch has written to a file.
pub struct Fresh {
    file: String,
    /// The number of the file's first event, where it begins with that: by it the journal knows the file.
    first_seq: Option<u64>,
    offset: u64,
    bytes: Vec<u8>,
}

/// Lines that go to the file in one write.
#[derive(Default)]
struct Draft {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Which events these are, and what they got where somebody wants to know.
    events: Vec<(Item, Option<Receipt>)>,
}

impl Draft {
    fn with_room_for(items: &[Item]) -> Self {
        let bytes = items.iter().map(|item| item.span.len() + record::FRAME).sum();
        Self {
            bytes: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(items.len()),
            events: Vec::with_capacity(items.len()),
        }
    }
}

impl Lane {
    /// A session without files, whose numbers start at `next_seq`.
    pub fn new(id: &str, next_seq: u64) -> Self {
        Self::over(Arc::new(Session::new(id)), next_seq, 0, false)
    }

    /// A session as it was found, on the disk.
    pub fn resume(loaded: Loaded, next_seq: u64) -> Self {
        Self::over(loaded.session, next_seq, loaded.length, loaded.ends_open)
    }

    fn over(session: Arc<Session>, next_seq: u64, length: u64, ends_open: bool) -> Self {
        Self {
            stem: names::stem_of(&session.id),
            session_json: record::json_text(&session.id),
            session,
            broken: false,
            dirty: false,
            due: false,
            next_seq,
            current: Current::of(length, ends_open),
            fresh: None,
        }
    }

    /// The number that the next event gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Writes events of the parcels at hand, in order, and tells the parcels what became of them. Those that are with the
    /// kernel come back.
    pub fn write(
        &mut self,
        around: &mut Surroundings,
        ids: &mut Ids,
        parcels: &mut [Parcel],
        items: Vec<Item>,
    ) -> Vec<Item> {
        let mut written = Vec::with_capacity(items.len());
        let mut draft = Draft::with_room_for(&items);
        let mut is_old = self.is_old(around);
        for item in items {
            if is_old || self.full(around, &draft) {
                is_old = false;
                self.put(around, std::mem::take(&mut draft), parcels, &mut written);
                self.close_file(around);
            }
            if let Some(parcel) = parcels.get_mut(item.parcel) {
                self.add(ids, parcel, item, &mut draft);
            }
        }
        self.put(around, draft, parcels, &mut written);
        written
    }

    fn full(&self, around: &Surroundings, draft: &Draft) -> bool {
        self.current.length + draft.bytes.len() as u64 > around.options.max_file_bytes
    }

    fn is_old(&self, around: &Surroundings) -> bool {
        self.current.length > 0 && self.current.begun.elapsed() >= around.options.retention / 4
    }

    fn add(&mut self, ids: &mut Ids, parcel: &mut Parcel, item: Item, draft: &mut Draft) {
        let body = parcel.body(&item);
        let head = match record::read_body(body) {
            Ok(head) => head,
            Err(error) => return parcel.fail(item.index, error),
        };
        if self.current.ends_open && draft.bytes.is_empty() {
            draft.bytes.push(b'\n');
        }
        let seq = self.next_seq;
        if seq > record::MAX_SEQ {
            let cause = std::io::Error::other("its events have used up all numbers");
            return parcel
                .fail(item.index, Error::io(format!("numbering an event of session {:?}", self.session.id), &cause));
        }
        self.next_seq += 1;
        let (id, id_json) = match &parcel.id {
            Some(id) => (id.clone(), record::json_text(id)),
            None => quoted(ids.next()),
        };
        let offset = self.current.length + draft.bytes.len() as u64;
        let length = record::push_line(&mut draft.bytes, seq, id_json.as_bytes(), &self.session_json, body);
        draft.entries.push(Entry {
            offset,
            seq,
            timestamp: head.timestamp,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            topic: self.session.topics().number(&head.topic),
            critical: head.critical,
        });
        let receipt = parcel.receipts.then_some(Receipt { seq, id });
        draft.events.push((item, receipt));
    }

    /// Hands the lines to the kernel; then readers see them.
    fn put(&mut self, around: &Surroundings, draft: Draft, parcels: &mut [Parcel], written: &mut Vec<Item>) {
        if draft.events.is_empty() {
            return;
        }
        let stored = self.store(around, &draft.bytes);
        if stored.is_ok() {
            let offset = self.current.length;
            self.current.length += draft.bytes.len() as u64;
            self.current.ends_open = false;
            self.dirty = true;
            let first_seq = self.publish(around, draft.entries);
            match &mut self.fresh {
                Some(fresh) => fresh.bytes.extend_from_slice(&draft.bytes),
                None => self.fresh = Some(Fresh { file: self.file_name(), first_seq, offset, bytes: draft.bytes }),
            }
        }
        for (item, receipt) in draft.events {
            let Some(parcel) = parcels.get_mut(item.parcel) else { continue };
            if let Err(error) = &stored {
                parcel.fail(item.index, error.clone());
                continue;
            }
            if let Some(receipt) = receipt {
                parcel.note(item.index, receipt);
            }
            written.push(item);
        }
    }

    fn store(&mut self, around: &Surroundings, bytes: &[u8]) -> Result<()> {
        if self.broken {
            return Err(indeterminate("an earlier write of this batch", "the file is read again before the next one"));
        }
        let path = self.path(around);
        self.check_file(&path, around.names)?;
        self.load_current()?;
        let opened = self.current.open(&path);
        // Where all files were removed with their directory, it is made anew before they are read again.
        self.broken |= opened.is_err() && !around.layout.active.is_dir();
        let file = opened?;
        let Err(cause) = (&*file).write_all(bytes) else { return Ok(()) };
        // What was written of it goes away again: a rejected event is absent.
        if file.set_len(self.current.length).is_ok() {
            return Err(Error::io(format!("writing {}", path.display()), &cause));
        }
        self.broken = true;
        Err(indeterminate(&format!("writing {}", path.display()), &cause.to_string()))
    }

    fn check_file(&mut self, path: &Path, names: Option<Stamp>) -> Result<()> {
        let unchanged = self.current.is_unchanged(path, names)?;
        self.broken |= !unchanged;
        if unchanged {
            return Ok(());
        }
        let cause = std::io::Error::other("somebody else has removed, replaced or changed the file");
        Err(Error::io(format!("writing {}", path.display()), &cause))
    }

    /// Shows readers what was added, and gives the number of the event that the file begins with.
    fn publish(&self, around: &Surroundings, added: Vec<Entry>) -> Option<u64> {
        let mut first_seq = None;
        let mut files = self.session.files_mut();
        if files.last().is_none_or(|file| file.closed) {
            let entries = Arc::new(RwLock::new(Entries::default()));
            files.push(Placed { path: self.path(around), closed: false, bytes: 0, entries });
        }
        let first = files.len() == 1;
        if let Some(file) = files.last_mut() {
            file.bytes = self.current.length;
            let mut entries = write(&file.entries);
            for entry in added {
                entries.push(entry);
            }
            first_seq = entries.list.first().filter(|first| first.offset == 0).map(|first| first.seq);
        }
        drop(files);
        if first && around.catalog.find(&self.session.id).is_none() {
            around.catalog.insert(Arc::clone(&self.session));
        }
        around.bell.ring(&self.session.id, self.next_seq - 1);
        first_seq
    }

    fn path(&self, around: &Surroundings) -> PathBuf {
        around.layout.active.join(self.file_name())
    }

    /// Sees to it that the events of the file being written are at hand, before more are added.
    fn load_current(&self) -> Result<()> {
        let placed = self.session.files().last().filter(|file| !file.closed).cloned();
        if let Some(placed) = placed
            && read(&placed.entries).stored.is_some()
            && let Some(file) = files::open_found(&placed.path)?
        {
            checkpoint::load(&placed.entries, &self.session, &file)?;
        }
        Ok(())
    }
}

/// An id that we have made, and as JSON.
fn quoted(id: String) -> (String, String) {
    let json = ["\"", &id, "\""].concat();
    (id, json)
}

/// Nobody knows whether a write is stored.
pub fn indeterminate(doing: &str, cause: &str) -> Error {
    Error::Indeterminate { doing: doing.into(), cause: cause.into() }
}
