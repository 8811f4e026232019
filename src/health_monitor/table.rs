//! The agents of one monitor, and the memory in which they beat.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{
    charges::Charges,
    report::{Move, Report, Whom},
    rules::Rules,
    state::{Agent, Step},
    ticks::{SELDOM, reached},
};

/// Words in one piece of memory. Pieces are added, never moved: JavaScript holds on to them.
pub const CHUNK_WORDS: u32 = 1024;

/// So many agents are passed over at once where none of them is to be looked at. It divides [`CHUNK_WORDS`].
const BLOCK: usize = 64;

/// A piece of the memory. In the first one, word 0 is the clock; every other word is the slot of an agent, into which a
/// beat copies the clock.
pub struct Chunk([AtomicU32; CHUNK_WORDS as usize]);

impl Chunk {
    fn new() -> Arc<Self> {
        Arc::new(Self([const { AtomicU32::new(0) }; CHUNK_WORDS as usize]))
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &[AtomicU32] {
        &self.0
    }
}

struct Entry {
    /// Names this registration for good, also when the slot has got another agent.
    ticket: u32,
    /// The thread of the worker it lives in, where that is another one.
    thread: Option<u32>,
    agent: Agent,
}

/// Who is registered, and what can be expected of it.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Names this registration for good; never used before.
    pub ticket: u32,
    /// Whether it can be asked.
    pub pingable: bool,
    /// The thread of the worker it lives in, where that is another one.
    pub thread: Option<u32>,
}

/// The table.
pub struct Table {
    chunks: Vec<Arc<Chunk>>,
    /// By slot.
    entries: Vec<Option<Entry>>,
    /// By slot: the tick at which to look at the agent next. Most ticks bring nothing to most agents: to pass over these
    /// numbers costs a hundredth of looking at everyone.
    looks: Vec<u32>,
    free: Vec<u32>,
    clock: u32,
    living: usize,
}

impl Table {
    pub fn new() -> Self {
        // Slot 0 is the clock's.
        Self { chunks: vec![Chunk::new()], entries: vec![None], looks: vec![0], free: Vec::new(), clock: 0, living: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.living == 0
    }

    pub fn chunk(&self, index: u32) -> Option<Arc<Chunk>> {
        self.chunks.get(index as usize).map(Arc::clone)
    }

    /// Adds an agent and gives its slot.
    pub fn add(&mut self, rules: &Rules, who: Registration) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.looks.push(self.clock);
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        while self.chunks.len() <= (slot / CHUNK_WORDS) as usize {
            self.chunks.push(Chunk::new());
        }
        self.living += 1;
        self.put(rules, slot, who, None);
        slot
    }

    /// Starts anew with the agent in `slot`, which is `next` from now on; its work from the one numbered `first_work` on goes on.
    /// `false` where `ticket` is not there.
    pub fn reset(&mut self, rules: &Rules, slot: u32, ticket: u32, next: Registration, first_work: u32) -> bool {
        let beat = self.read(slot);
        let Some(entry) = self.entry(slot, ticket) else { return false };
        let works = entry.agent.works_from(first_work, beat);
        self.put(rules, slot, next, works);
        true
    }

    fn put(&mut self, rules: &Rules, slot: u32, who: Registration, works: Option<Box<Charges>>) {
        let Registration { ticket, pingable, thread } = who;
        let agent = Agent::new(rules, self.clock, pingable, phase_of(ticket)).with(works);
        self.beat(slot);
        if let (Some(place), Some(look)) = (self.entries.get_mut(slot as usize), self.looks.get_mut(slot as usize)) {
            *look = agent.look_at(self.clock);
            *place = Some(Entry { ticket, thread, agent });
        }
    }

    /// The agent lives elsewhere from now on, as `who` says; its work before the one numbered `first_work` is forgotten.
    pub fn relocate(&mut self, rules: &Rules, slot: u32, who: Registration, first_work: u32, report: &mut Report) {
        if let Some(entry) = self.entry(slot, who.ticket) {
            entry.thread = who.thread;
        }
        self.happen(rules, slot, who.ticket, report, |agent, now, beat| {
            agent.relocate(rules, now, beat, who.pingable, first_work)
        });
        let now = self.clock;
        if self.read(slot) == now
            && let Some(entry) = self.entry(slot, who.ticket)
        {
            entry.agent.predate(now);
            self.write(slot, now.wrapping_sub(1));
        }
    }

    /// Takes an agent out. `false` where `ticket` is not there.
    pub fn remove(&mut self, slot: u32, ticket: u32) -> bool {
        let known = self.entry(slot, ticket).is_some();
        if known
            && let (Some(place), Some(look)) = (self.entries.get_mut(slot as usize), self.looks.get_mut(slot as usize))
        {
            *place = None;
            *look = self.clock.wrapping_add(SELDOM);
            self.free.push(slot);
            self.living -= 1;
        }
        known
    }

    /// A sign of life, for runtimes that cannot share memory.
    pub fn beat(&self, slot: u32) {
        self.write(slot, self.clock);
    }

    /// Something happened to an agent beside the passing of time: `deed` gets it with the clock and its beat.
    pub fn happen(
        &mut self,
        rules: &Rules,
        slot: u32,
        ticket: u32,
        report: &mut Report,
        deed: impl FnOnce(&mut Agent, u32, u32) -> Step,
    ) {
        let now = self.clock;
        let beat = self.read(slot);
        let look_at = self.entry(slot, ticket).map(|entry| {
            let step = deed(&mut entry.agent, now, beat);
            note(rules, now, slot, entry, step, report);
            entry.agent.look_at(now)
        });
        if let (Some(look), Some(at)) = (self.looks.get_mut(slot as usize), look_at) {
            *look = at;
        }
    }

    /// The loop of a worker froze or thawed: that concerns all agents that live in it.
    pub fn freeze(&mut self, rules: &Rules, thread: u32, frozen: bool, report: &mut Report) {
        let now = self.clock;
        let words = self.chunks.iter().flat_map(|chunk| chunk.words());
        for (slot, ((place, look), word)) in (0u32..).zip(self.entries.iter_mut().zip(&mut self.looks).zip(words)) {
            if let Some(entry) = place.as_mut().filter(|entry| entry.thread == Some(thread)) {
                let step = entry.agent.freeze(rules, now, word.load(Ordering::Relaxed), frozen);
                note(rules, now, slot, entry, step, report);
                *look = entry.agent.look_at(now);
            }
        }
    }

    /// Lets a tick pass and judges everyone to whom it may bring something. `true` where somebody is on trial.
    pub fn sweep(&mut self, rules: &Rules, report: &mut Report) -> bool {
        self.clock = self.clock.wrapping_add(1);
        let now = self.clock;
        if let Some(clock) = self.word(0) {
            clock.store(now, Ordering::Relaxed);
        }
        let mut on_trial = false;
        let blocks = self.entries.chunks_mut(BLOCK).zip(self.looks.chunks_mut(BLOCK));
        for ((entries, looks), first) in blocks.zip((0u32..).step_by(BLOCK)) {
            // To ask all of them costs less than to stop at the first.
            if !looks.iter().fold(false, |any, look| any | reached(now, *look)) {
                continue;
            }
            let chunk = self.chunks.get((first / CHUNK_WORDS) as usize);
            let words = chunk.into_iter().flat_map(|chunk| chunk.words()).skip((first % CHUNK_WORDS) as usize);
            for (slot, ((place, look), word)) in (first..).zip(entries.iter_mut().zip(looks).zip(words)) {
                if !reached(now, *look) {
                    continue;
                }
                let Some(entry) = place else { continue };
                let step = entry.agent.judge(rules, now, word.load(Ordering::Relaxed));
                note(rules, now, slot, entry, step, report);
                on_trial |= entry.agent.on_trial(rules, now);
                *look = entry.agent.look_at(now);
            }
        }
        on_trial
    }

    /// Ticks of silence and missed beats of an agent.
    pub fn look(&mut self, rules: &Rules, slot: u32, ticket: u32) -> Option<(u32, u32)> {
        let now = self.clock;
        let beat = self.read(slot);
        self.entry(slot, ticket).map(|entry| {
            // A beat that no sweep has seen yet counts.
            let fresh = now.wrapping_sub(beat);
            let silence = entry.agent.silence(now).min(fresh);
            let missed = if silence < entry.agent.silence(now) { 0 } else { entry.agent.missed(rules, now) };
            (silence, missed)
        })
    }

    fn entry(&mut self, slot: u32, ticket: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)?.as_mut().filter(|entry| entry.ticket == ticket)
    }

    fn word(&self, slot: u32) -> Option<&AtomicU32> {
        self.chunks.get((slot / CHUNK_WORDS) as usize)?.words().get((slot % CHUNK_WORDS) as usize)
    }

    fn write(&self, slot: u32, beat: u32) {
        if let Some(word) = self.word(slot) {
            word.store(beat, Ordering::Relaxed);
        }
    }

    fn read(&self, slot: u32) -> u32 {
        self.word(slot).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

fn note(rules: &Rules, now: u32, slot: u32, entry: &Entry, step: Step, report: &mut Report) {
    let whom = Whom { slot, ticket: entry.ticket };
    if let Some(standing) = step.moved {
        let (missed, reason) = (entry.agent.missed(rules, now), entry.agent.reason(rules, now));
        report.moved.push(Move { whom, standing, missed, reason });
    }
    if step.ping {
        report.ping.push(whom);
    }
}

/// Multiples of the golden ratio: however many agents there are, their phases lie about evenly.
fn phase_of(ticket: u32) -> u16 {
    u16::try_from(ticket.wrapping_mul(0x9E37_79B9) >> 16).unwrap_or(0)
}
