//! One agent before the law: a pure function of the rules, the clock, the signs of life and the charges.
//!
//! | from | to | when |
//! |---|---|---|
//! | any | healthy | a sign of life, and no charge stands |
//! | healthy | suspect | at least one missed beat; work past its deadline; its loop is frozen |
//! | healthy, suspect | disconnected | `max_missed` missed beats, or silence for the activity time-out with a ping unanswered; one interval after the deadline or the freeze; its worker ended |
//!
//! Missed beats are the whole intervals of silence, once a ping has been out for an interval; a rejected ping counts at
//! once. Whoever cannot be pinged, and whoever has work in flight, is never judged by silence.
//!
//! That work is begun ends a silence, but is no sign of life, for whoever begins it may be somebody else: it makes good
//! nothing else, nor that an agent is gone.

mod charged;

use super::{
    charges::Charges,
    rules::Rules,
    standing::{Reason, Standing},
    ticks::{SELDOM, reached},
};

/// Pings to an agent that is gone come at most so many doublings apart.
const LONGEST_GAP: u32 = 3;

/// What one look at an agent brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Ping it now.
    pub ping: bool,
    /// Its new standing, where that changed.
    pub moved: Option<Standing>,
}

/// What is known about one agent. All times are ticks of its monitor's clock, which wraps.
#[derive(Debug, Clone)]
pub struct Agent {
    pingable: bool,
    standing: Standing,
    /// How it stands by its silence alone: that only a sign of life makes good.
    silence: Standing,
    /// What else speaks against it: nothing, for nearly all agents, nearly always.
    charges: Option<Box<Charges>>,
    /// The beat that was last seen: a tick that had begun when the agent gave the sign.
    last_beat: u32,
    /// Since when it is silent: since that beat, or since work was begun.
    quiet_since: u32,
    /// The oldest ping since then that nobody answered.
    unanswered: Option<u32>,
    rejections: u32,
    /// Pings since it is gone: the gap between them grows, so that a hung agent does not collect them for ever.
    vain: u32,
    next_ping: u32,
    /// Its place among the others, as a fraction of 65,536: it spreads the pings.
    phase: u32,
}

impl Agent {
    /// An agent that is believed to live at `now`. Its first ping comes at its own moment of the first interval.
    #[must_use]
    pub fn new(rules: &Rules, now: u32, pingable: bool, phase: u16) -> Self {
        let phase = u32::from(phase);
        let next_ping = now.wrapping_add(1 + share(rules.ping_after.saturating_sub(1), phase));
        Self {
            pingable,
            standing: Standing::Healthy,
            silence: Standing::Healthy,
            charges: None,
            last_beat: now,
            quiet_since: now,
            unanswered: None,
            rejections: 0,
            vain: 0,
            next_ping,
            phase,
        }
    }

    /// Judges the agent at `now`; `beat` is what stands in its slot.
    pub fn judge(&mut self, rules: &Rules, now: u32, beat: u32) -> Step {
        self.see(rules, beat);
        let mut ping = false;
        // Who is gone is asked on, whatever is begun: nothing else would show that it is back before that has ended.
        if self.pingable && (!self.busy() || self.silence == Standing::Disconnected) {
            self.silence = self.silence.max(self.verdict(rules, now));
            if reached(now, self.next_ping) {
                ping = true;
                self.unanswered.get_or_insert(now);
                self.next_ping = now.wrapping_add(rules.ping_after << self.vain.min(LONGEST_GAP));
                self.vain = self.vain.saturating_add(u32::from(self.silence == Standing::Disconnected));
            }
        }
        Step { ping, moved: self.stand(rules, now) }
    }

    /// A ping was rejected. It counts at once; the next one follows after half an interval, so that the last word is
    /// never that of a single ping.
    pub fn reject(&mut self, rules: &Rules, now: u32, beat: u32) -> Step {
        self.see(rules, beat);
        // A sign of life that is younger than the ping outweighs it; so does work that was begun since.
        if self.unanswered.is_some() && !self.busy() {
            self.rejections = self.rejections.saturating_add(1);
            self.silence = self.silence.max(self.verdict(rules, now));
            if self.silence < Standing::Disconnected {
                self.next_ping = now.wrapping_add((rules.ping_after / 2).max(1));
            }
        }
        Step { ping: false, moved: self.stand(rules, now) }
    }

    /// A ping was rejected while nobody is judged: that tells nothing, and the agent is asked anew.
    pub fn excuse(&mut self, rules: &Rules, now: u32, beat: u32) -> Step {
        self.see(rules, beat);
        if self.unanswered.take().is_some() && self.silence < Standing::Disconnected {
            self.next_ping = now.wrapping_add(1);
        }
        Step { ping: false, moved: self.stand(rules, now) }
    }

    /// Its last sign of life came in the tick `now`, which is not over, but has been taken note of: from here on it counts as
    /// one of the tick before, or the next one in this tick would be taken for the same.
    pub fn predate(&mut self, now: u32) {
        self.last_beat = now.wrapping_sub(1);
    }

    /// How it stands now, by everything; the new standing where that is news.
    fn stand(&mut self, rules: &Rules, now: u32) -> Option<Standing> {
        let was = self.standing;
        let charged = self.charge(rules, now).map_or(Standing::Healthy, |(standing, _)| standing);
        self.standing = self.silence.max(charged);
        if self.charges.as_ref().is_some_and(|charges| charges.none()) {
            self.charges = None;
        }
        (self.standing != was).then_some(self.standing)
    }

    /// What made it stand as it does; nothing where it is healthy.
    #[must_use]
    pub fn reason(&self, rules: &Rules, now: u32) -> Option<Reason> {
        if self.standing == Standing::Healthy {
            return None;
        }
        let charge = self.charge(rules, now).filter(|(standing, _)| *standing >= self.silence);
        let silent = if self.rejections > 0 { Reason::Rejected } else { Reason::Silent };
        Some(charge.map_or(silent, |(_, reason)| reason))
    }

    fn see(&mut self, rules: &Rules, beat: u32) {
        if beat == self.last_beat {
            return;
        }
        self.last_beat = beat;
        if let Some(charges) = &mut self.charges {
            charges.forgive(beat);
        }
        self.end_silence(rules, beat);
    }

    /// It has been silent since `moment` at the longest.
    fn end_silence(&mut self, rules: &Rules, moment: u32) {
        // An agent that answers pings is idle: pinging it a little before the interval is over lets agents drift apart
        // that something once brought into step. One that is active is left alone for the whole interval.
        let early = if self.unanswered.is_some() { share(rules.ping_after / 4, self.phase) } else { 0 };
        self.quiet_since = moment;
        self.unanswered = None;
        self.rejections = 0;
        self.vain = 0;
        self.silence = Standing::Healthy;
        self.next_ping = moment.wrapping_add(1 + rules.ping_after - early);
    }

    fn verdict(&self, rules: &Rules, now: u32) -> Standing {
        let missed = self.missed(rules, now);
        if missed >= rules.max_missed || self.timed_out(rules, now) {
            Standing::Disconnected
        } else if missed > 0 {
            Standing::Suspect
        } else {
            Standing::Healthy
        }
    }

    /// How many beats it missed.
    #[must_use]
    pub fn missed(&self, rules: &Rules, now: u32) -> u32 {
        let out = self.unanswered.map_or(0, |asked| now.wrapping_sub(asked));
        if self.rejections == 0 && out < rules.interval {
            return 0;
        }
        // The sign of life came some time after its tick had begun: only the ticks after that one surely passed.
        let silence = self.silence(now).saturating_sub(1);
        self.rejections.max(silence / rules.interval)
    }

    fn timed_out(&self, rules: &Rules, now: u32) -> bool {
        let room = rules.timeout.saturating_sub(rules.ping_after + 1).max(1);
        self.unanswered.is_some_and(|asked| now.wrapping_sub(asked) >= room) && self.silence(now) >= rules.timeout
    }

    /// Ticks since the last sign of life, or since work was begun, the one it came in included.
    #[must_use]
    pub fn silence(&self, now: u32) -> u32 {
        now.wrapping_sub(self.quiet_since)
    }

    /// The next tick at which a look may bring something, whatever signs of life come until then. Those of an agent against
    /// whom nothing speaks, and whom nobody asks anything, only put off its next ping.
    #[must_use]
    pub fn look_at(&self, now: u32) -> u32 {
        let calm = self.standing == Standing::Healthy && self.charges.is_none() && self.unanswered.is_none();
        match (calm, self.pingable) {
            (true, true) => self.next_ping,
            (true, false) => now.wrapping_add(SELDOM),
            (false, _) => now.wrapping_add(1),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether time that passes now speaks against it, at once or later: only then does the clock have to be fair. Time that
    /// work has to its deadline is such, however far that is; also that of an agent that is gone, for what an attempt to bring
    /// it back has begun goes on in its next life.
    #[must_use]
    pub fn on_trial(&self, rules: &Rules, now: u32) -> bool {
        let asked = self.pingable && self.unanswered.is_some() && self.standing < Standing::Disconnected;
        asked || self.charges.as_ref().is_some_and(|charges| charges.on_trial(rules, now))
    }
}

fn share(of: u32, phase: u32) -> u32 {
    u32::try_from((u64::from(of) * u64::from(phase)) >> 16).unwrap_or(of)
}
