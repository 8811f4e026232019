//! Who writes to a log: this process, or another one.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    bell::Bell,
    directory::Layout,
    positions::Positions,
    reader::{Ask, Reader, Watch},
    registry::{self, Core},
    view::View,
    visitor::Visitor,
};
use crate::{error::Result, worker::Worker};

/// Who writes, and how one gets at what is there.
pub enum Side {
    /// This process does.
    Owner(Arc<Core>),
    /// Another one does, or none; we only read.
    Visitor { visitor: Arc<Visitor>, reader: Worker<Ask>, bell: Arc<Bell>, positions: Arc<Positions> },
}

impl Side {
    /// That of somebody who only reads, whoever writes.
    pub fn visiting(directory: &Path, fsync_interval: Duration) -> Result<Self> {
        let visitor = Arc::new(Visitor::new(Layout::new(directory)));
        let bell = Arc::new(Bell::default());
        let watch = Some(Watch::new(Arc::clone(&visitor), Arc::clone(&bell)));
        let reader = Worker::start("smalltalk-log-reader", registry::READER_QUEUE, Reader { watch })?;
        Ok(Self::Visitor { visitor, reader, bell, positions: Arc::new(Positions::new(fsync_interval)) })
    }

    pub fn core(&self) -> Option<Arc<Core>> {
        match self {
            Self::Owner(core) => Some(Arc::clone(core)),
            Self::Visitor { .. } => None,
        }
    }

    pub fn view(&self) -> View {
        match self {
            Self::Owner(core) => core.view.clone(),
            Self::Visitor { visitor, .. } => View::Visited(Arc::clone(visitor)),
        }
    }

    pub fn reader(&self) -> &Worker<Ask> {
        match self {
            Self::Owner(core) => &core.reader,
            Self::Visitor { reader, .. } => reader,
        }
    }

    pub fn positions(&self) -> &Arc<Positions> {
        match self {
            Self::Owner(core) => &core.positions,
            Self::Visitor { positions, .. } => positions,
        }
    }

    pub fn bell(&self) -> &Bell {
        match self {
            Self::Owner(core) => &core.bell,
            Self::Visitor { bell, .. } => bell,
        }
    }
}
