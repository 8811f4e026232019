//! What a worker is given to run: how it does jobs, and what it does besides.

use std::time::Instant;

use crate::error::Result;

/// What runs on the thread. It lives there from the first job to the last, so it may own what is not `Send` in spirit:
/// a connection, open files.
pub trait Handler<J>: Send {
    /// Does a batch, in order, and answers every job in it.
    fn handle(&mut self, batch: Vec<J>);

    /// Whether [`Handler::prepare`] has to run before this job can be done.
    fn is_unprepared(&self, _next: &J) -> bool {
        false
    }

    /// What may take its time and begins no job yet: all of them can be withdrawn meanwhile. The next batch hears of a failure.
    fn prepare(&mut self) {}

    /// Whether there is work for [`Handler::spare`], when no job waits.
    fn has_spare_work(&self) -> bool {
        false
    }

    /// Work that nobody is to wait for.
    fn spare(&mut self) {}

    /// When [`Handler::tick`] shall run although no job comes; `None` sleeps until one does.
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// Work that time asks for.
    fn tick(&mut self) {}

    /// Whether the thread sleeps as soon as there is nothing to do. Where it waits for jobs it gives its turn away a few
    /// times first: one that comes soon finds it awake, but on a busy machine it gets to sleep, and to its ticks, late.
    fn is_punctual(&self) -> bool {
        false
    }

    /// The last thing done, after every job that was queued before the close.
    ///
    /// # Errors
    /// What keeps the resource from closing cleanly.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
