//! The thread that serves readers, so that none of them waits behind a sync of the writer's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{bell::Bell, consumers::Position, cursor::Cursor, positions::Asked, visitor::Visitor};
use crate::{
    error::{Error, Result},
    reply::{Reply, Tag},
    worker::{Handler, Worker},
};

/// A replay that two sides may touch: the reader, and whoever ends it early.
pub type SharedCursor = Arc<Mutex<Cursor>>;

/// The position of a consumer; none before it is opened and after it is closed.
pub type SharedPosition = Arc<Mutex<Option<Position>>>;

/// What a reader is asked for.
pub enum Ask {
    /// The next piece of a replay: a JSON array of events; `None` at the end. What comes before the first one is done in parts, and
    /// after each `reader` is asked for the next.
    Pull { cursor: SharedCursor, reader: Worker<Ask>, reply: Reply<Option<String>> },
    /// To take note of how far a consumer has come.
    Advance { position: SharedPosition, seq: u64, asked: Asked, reply: Reply<()> },
    /// Something that touches files and answers by itself, with an error where it is not done.
    Task { tag: Option<Tag>, work: Box<dyn FnOnce(Result<()>) + Send> },
    /// To look soon for what somebody has begun to wait for.
    Look,
}

impl Ask {
    /// Something to do, which whoever waits knows by `tag`; without one it is done in any case.
    pub fn task(tag: Option<Tag>, work: impl FnOnce(Result<()>) + Send + 'static) -> Self {
        Self::Task { tag, work: Box::new(work) }
    }

    /// By what whoever waits knows it.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Pull { reply, .. } => reply.tag(),
            Self::Advance { reply, .. } => reply.tag(),
            Self::Task { tag, .. } => *tag,
            Self::Look => None,
        }
    }

    /// Reads, and answers.
    pub fn answer(self) {
        match self {
            Self::Pull { cursor, reader, reply } => {
                let mut replay = cursor.lock().unwrap_or_else(PoisonError::into_inner);
                let outcome = match replay.prepare() {
                    Ok(true) => replay.pull(),
                    Ok(false) => {
                        drop(replay);
                        let next = Self::Pull { cursor, reader: reader.clone(), reply };
                        if let Err((error, next)) = reader.submit_with_room(next) {
                            next.refuse(error);
                        }
                        return;
                    }
                    Err(error) => Err(error),
                };
                drop(replay);
                reply.send(outcome);
            }
            Self::Advance { position, seq, asked, reply } => {
                let mut position = position.lock().unwrap_or_else(PoisonError::into_inner);
                let closed = Err(Error::Closed("the consumer"));
                let advanced = position.as_mut().map_or(closed, |position| position.advance(seq));
                if let Some(written) = position.as_ref().and_then(Position::unsynced) {
                    asked.positions().note(written);
                }
                reply.send(advanced);
                drop(asked);
            }
            Self::Task { work, .. } => work(Ok(())),
            Self::Look => {}
        }
    }

    /// Answers without reading.
    pub fn refuse(self, error: Error) {
        match self {
            Self::Pull { reply, .. } => reply.send(Err(error)),
            Self::Advance { reply, .. } => reply.send(Err(error)),
            Self::Task { work, .. } => work(Err(error)),
            Self::Look => {}
        }
    }
}

/// How soon after news there may be more, and how long it takes at the most until some is noticed.
const SOON: Duration = Duration::from_millis(4);
const LATE: Duration = Duration::from_millis(250);

/// The files of another process, and who waits for more in them.
pub struct Watch {
    visitor: Arc<Visitor>,
    bell: Arc<Bell>,
    pause: Duration,
    next: Option<Instant>,
}

impl Watch {
    /// Looks while somebody waits.
    pub fn new(visitor: Arc<Visitor>, bell: Arc<Bell>) -> Self {
        Self { visitor, bell, pause: SOON, next: None }
    }

    fn begin(&mut self) {
        self.pause = SOON;
        self.next = Some(Instant::now());
    }

    fn look(&mut self) {
        let waiting = self.bell.look(|session| self.visitor.newest(session));
        self.pause = (self.pause * 2).min(LATE);
        self.next = waiting.then(|| Instant::now() + self.pause);
    }
}

/// The reader.
#[derive(Default)]
pub struct Reader {
    /// Where the log is another process's.
    pub watch: Option<Watch>,
}

impl Handler<Ask> for Reader {
    fn handle(&mut self, batch: Vec<Ask>) {
        for ask in batch {
            if let (Ask::Look, Some(watch)) = (&ask, &mut self.watch) {
                watch.begin();
            }
            ask.answer();
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.watch.as_ref().and_then(|watch| watch.next)
    }

    fn tick(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.look();
        }
    }
}
