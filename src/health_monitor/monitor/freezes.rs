//! What a monitor knows of the event loops of the process, and what it has told of them.

use std::mem;

use crate::health_monitor::loops::LoopNews;

/// All that it has heard of. Loops are named by their threads.
#[derive(Default)]
pub struct Freezes {
    /// The one it lives in, where that is watched.
    home: Option<u32>,
    /// Those that are frozen, whoever was told.
    frozen: Vec<u32>,
    /// Those of whose freeze it has told, and not yet of their thaw: there is one for each.
    told: Vec<u32>,
    /// Thaws that came while it was stopped, of freezes that it had told of.
    thaws: Vec<LoopNews>,
}

impl Freezes {
    /// The monitor lives in the loop of this thread.
    pub fn live_in(&mut self, thread: u32) {
        self.home = Some(thread);
    }

    /// A loop is frozen, or no longer.
    pub fn note(&mut self, thread: u32, frozen: bool) {
        self.frozen.retain(|known| *known != thread);
        if frozen {
            self.frozen.push(thread);
        }
    }

    /// Whether a loop is frozen.
    pub fn has(&self, thread: u32) -> bool {
        self.frozen.contains(&thread)
    }

    /// Whether the one that the monitor lives in is.
    pub fn at_home(&self) -> bool {
        self.home.is_some_and(|thread| self.has(thread))
    }

    /// Takes note of news for whoever is told. Gives what a monitor that is `running` tells at once.
    pub fn hear(&mut self, news: &LoopNews, running: bool) -> Option<LoopNews> {
        let told = self.told.contains(&news.thread);
        self.told.retain(|thread| *thread != news.thread);
        if running && (news.frozen || told) {
            if news.frozen {
                self.told.push(news.thread);
            }
            return Some(news.clone());
        }
        if told && !news.frozen {
            self.thaws.push(news.clone());
        }
        None
    }

    /// What it has to tell when it goes on.
    pub fn thaws(&mut self) -> Vec<LoopNews> {
        mem::take(&mut self.thaws)
    }
}
