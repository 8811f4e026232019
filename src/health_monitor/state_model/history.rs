//! The naive model: all that ever happened to an agent, and how it stands by that.

use crate::health_monitor::{Rules, Standing};

/// Everything that ever happened, in ticks since the registration.
pub struct History {
    rules: Rules,
    pingable: bool,
    /// The last sign of life, or the begin of work where that ended a silence.
    last_sign: u32,
    pub pings: Vec<u32>,
    rejections: Vec<u32>,
    /// Work in flight: its number, and the tick from which on it is overdue.
    pub works: Vec<(u32, u32)>,
    pub frozen_since: Option<u32>,
    pub exited: bool,
    /// How it stood until a sign of life: when it was moved, by work that ended unheard, or by its silence when work was begun or
    /// a ping was excused.
    kept: Standing,
}

impl History {
    pub fn new(rules: Rules, pingable: bool) -> Self {
        let (pings, rejections, works, kept) = (Vec::new(), Vec::new(), Vec::new(), Standing::Healthy);
        Self { rules, pingable, last_sign: 0, pings, rejections, works, frozen_since: None, exited: false, kept }
    }

    pub fn standing(&self, now: u32) -> Standing {
        let since = |from| self.since(from, now);
        let overdue = self.works.iter().map(|(_, due)| since(*due));
        let exited = if self.exited { Standing::Disconnected } else { Standing::Healthy };
        let charges = overdue.chain(self.frozen_since.map(since)).chain([exited]);
        charges.chain([self.silence(now), self.kept]).max().unwrap()
    }

    fn since(&self, from: u32, now: u32) -> Standing {
        match now.checked_sub(from) {
            None => Standing::Healthy,
            Some(ticks) if ticks < self.rules.interval => Standing::Suspect,
            Some(_) => Standing::Disconnected,
        }
    }

    fn silence(&self, now: u32) -> Standing {
        let open: Vec<u32> = self.pings.iter().copied().filter(|&ping| ping > self.last_sign).collect();
        let Some(first) = open.first().filter(|_| self.pingable && self.works.is_empty()) else {
            return Standing::Healthy;
        };
        let rejected = u32::try_from(self.rejections.len()).unwrap();
        let asked_for_an_interval = now - first >= self.rules.interval;
        // The sign came after its tick began, so that tick is not silence.
        let whole_intervals = (now - self.last_sign).saturating_sub(1) / self.rules.interval;
        let missed = rejected.max(if asked_for_an_interval || rejected > 0 { whole_intervals } else { 0 });
        let had_room = now - first >= self.rules.timeout.saturating_sub(self.rules.ping_after + 1).max(1);
        if missed >= self.rules.max_missed || (now - self.last_sign >= self.rules.timeout && had_room) {
            Standing::Disconnected
        } else if missed > 0 {
            Standing::Suspect
        } else {
            Standing::Healthy
        }
    }

    /// Whether time speaks against it: it has work that is not long overdue, or was asked and has not answered, and is not gone.
    pub fn on_trial(&self, now: u32) -> bool {
        let asked = self.pingable && self.pings.iter().any(|&ping| ping > self.last_sign);
        let works = self.works.iter().any(|(_, due)| now < due + self.rules.interval);
        works || (asked && self.standing(now) < Standing::Disconnected)
    }

    pub fn sign(&mut self, now: u32) {
        self.end_silence(now);
        self.works.retain(|(_, due)| *due > now);
    }

    pub fn begin(&mut self, now: u32, work: u32, due: u32) {
        self.kept = self.kept.max(self.silence(now));
        if self.kept < Standing::Disconnected {
            self.end_silence(now);
        }
        self.works.push((work, due));
    }

    pub fn settle(&mut self, now: u32, work: u32, shows: bool) {
        let overdue = self.works.iter().filter(|(id, _)| *id == work).map(|(_, due)| self.since(*due, now)).max();
        if let Some(overdue) = overdue.filter(|_| !shows) {
            self.kept = self.kept.max(overdue);
        }
        self.works.retain(|(id, _)| *id != work);
    }

    fn end_silence(&mut self, now: u32) {
        self.last_sign = now;
        self.rejections.clear();
        self.kept = Standing::Healthy;
    }

    pub fn relocate(&mut self, now: u32, first_work: u32) {
        self.kept = self.standing(now);
        self.works.retain(|(id, _)| *id >= first_work);
        self.pings.clear();
        self.rejections.clear();
        self.frozen_since = None;
        self.exited = false;
    }

    pub fn reject(&mut self, now: u32) {
        if self.works.is_empty() && self.pings.iter().any(|&ping| ping > self.last_sign) {
            self.rejections.push(now);
        }
    }

    pub fn excuse(&mut self, now: u32) {
        self.kept = self.kept.max(self.silence(now));
        self.pings.clear();
    }
}
