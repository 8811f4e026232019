//! What becomes of agents, and what is told, where loops freeze.

use super::*;
use crate::health_monitor::{
    gauge::Sight,
    loops::{Label, Pulse},
    standing::Reason,
};

/// A loop that is not there any more.
struct Gone;

impl Pulse for Gone {
    fn look(&self) -> Option<Sight> {
        None
    }

    fn holder(&self) -> Option<Label> {
        None
    }
}

#[test]
fn the_clock_stands_still_while_the_loop_it_lives_in_is_frozen() {
    let (monitor, reports) = open();
    let news = |frozen| LoopNews {
        thread: 0,
        frozen,
        ended: false,
        lasted: Duration::from_secs(1),
        threshold: Duration::from_secs(1),
        holder: None,
        at: 0,
    };
    let pulse = Box::new(Gone);
    monitor.guard(Arc::new(EventLoop { thread: 0, pulse }), Duration::from_secs(1));
    let slot = monitor.register(who(7)).unwrap();
    monitor.begin(slot, 7, 1, Duration::from_secs(1));
    monitor.hear(&news(true));
    for _ in 0..1000 {
        monitor.echo();
        monitor.sweep();
    }
    assert_eq!(standings(&reports), []);
    let told = || -> Vec<bool> { reports.try_iter().flat_map(|report| report.loops).map(|news| news.frozen).collect() };
    monitor.hear(&news(false));
    // One that came when the loop had been frozen before.
    assert_eq!(told(), [false]);
    monitor.hear(&news(false));
    assert!(told().is_empty());
    for _ in 0..100 {
        monitor.echo();
        monitor.sweep();
    }
    assert_eq!(standings(&reports).last(), Some(&Standing::Disconnected));
}

#[test]
fn a_frozen_worker_and_an_ended_one_concern_who_lives_there() {
    let (monitor, reports) = open();
    let agent = |ticket, thread| Registration { ticket, pingable: false, thread };
    let slots = [Some(3), Some(4), None].map(|thread| monitor.register(agent(thread.unwrap_or(1), thread)).unwrap());
    let lasted = Duration::from_secs(1);
    let (holder, at) = (None, 0);
    let news = LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder, at };
    monitor.hear(&news);
    monitor.exit(slots[1], 4);
    let moved: Vec<_> = reports.try_iter().flat_map(|report| report.moved).collect();
    let moved: Vec<_> = moved.iter().map(|moved| (moved.whom.ticket, moved.standing, moved.reason)).collect();
    let frozen = (3, Standing::Suspect, Some(Reason::Frozen));
    assert_eq!(moved, [frozen, (4, Standing::Disconnected, Some(Reason::Exited))]);
    monitor.hear(&LoopNews { frozen: false, ..news });
    assert_eq!(standings(&reports), [Standing::Healthy]);
}

#[test]
fn whoever_is_seldom_looked_at_is_looked_at_when_something_has_happened() {
    let (monitor, reports) = open();
    let quiet = |ticket, thread| Registration { ticket, pingable: false, thread };
    let tick = monitor.rules().tick;
    let interval = monitor.rules().interval;
    let busy = monitor.register(quiet(1, None)).unwrap();
    let frozen = monitor.register(quiet(2, Some(3))).unwrap();
    let again = monitor.register(quiet(3, None)).unwrap();
    let sweep = |times| {
        (0..times).for_each(|_| {
            monitor.echo();
            monitor.sweep();
        });
    };
    sweep(5);
    monitor.begin(busy, 1, 1, tick * 2);
    let lasted = Duration::from_secs(1);
    let news = LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder: None, at: 0 };
    monitor.hear(&news);
    assert!(monitor.reset(again, 3, who(4), 0));
    sweep(interval + 3);
    let heard: Vec<Report> = reports.try_iter().collect();
    let of = |slot| {
        let moved = heard.iter().flat_map(|report| &report.moved).filter(move |moved| moved.whom.slot == slot);
        moved.map(|moved| moved.standing).collect::<Vec<_>>()
    };
    let both = [Standing::Suspect, Standing::Disconnected];
    assert_eq!((of(busy), of(frozen)), (both.into(), both.into()));
    assert!(heard.iter().flat_map(|report| &report.ping).any(|whom| *whom == Whom { slot: again, ticket: 4 }));
}

#[test]
fn a_thaw_that_comes_while_it_is_stopped_is_told_when_it_goes_on_where_the_freeze_was() {
    let (monitor, reports) = open();
    let news = |thread, frozen| LoopNews {
        thread,
        frozen,
        ended: false,
        lasted: Duration::from_secs(1),
        threshold: Duration::from_secs(1),
        holder: None,
        at: 0,
    };
    let told = || -> Vec<(u32, bool)> {
        reports.try_iter().flat_map(|report| report.loops).map(|news| (news.thread, news.frozen)).collect()
    };
    monitor.hear(&news(3, true));
    monitor.hear(&news(5, true));
    assert_eq!(told(), [(3, true), (5, true)]);
    monitor.stop().unwrap();
    monitor.hear(&news(4, true));
    for thread in [3, 4] {
        monitor.hear(&news(thread, false));
    }
    // Of another freeze of the same loop nobody was told, nor need be of its end.
    monitor.hear(&news(3, true));
    monitor.hear(&news(3, false));
    assert_eq!(told(), []);
    monitor.start().unwrap();
    assert_eq!(told(), [(3, false)]);
    monitor.hear(&news(5, false));
    assert_eq!(told(), [(5, false)]);
}

#[test]
fn whoever_comes_to_live_in_a_loop_that_is_frozen_is_suspected() {
    let (monitor, reports) = open();
    let agent = |ticket| Registration { ticket, pingable: false, thread: Some(3) };
    let lasted = Duration::from_secs(1);
    let news = LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder: None, at: 0 };
    let moved = || -> Vec<(u32, Standing)> {
        let moved = reports.try_iter().flat_map(|report| report.moved);
        moved.map(|moved| (moved.whom.ticket, moved.standing)).collect()
    };
    monitor.hear(&news);
    let slot = monitor.register(agent(1)).unwrap();
    assert_eq!(moved(), [(1, Standing::Suspect)]);
    assert!(monitor.reset(slot, 1, agent(2), 0));
    assert_eq!(moved(), [(2, Standing::Suspect)]);
    monitor.hear(&LoopNews { frozen: false, ..news });
    assert_eq!(moved(), [(2, Standing::Healthy)]);
    monitor.register(agent(3)).unwrap();
    assert_eq!(moved(), []);
}

#[test]
fn who_was_moved_stands_as_before_until_a_sign_of_life_and_hears_no_more_of_the_old_place() {
    let (monitor, reports) = open();
    let slots =
        [1, 2].map(|ticket| monitor.register(Registration { ticket, pingable: ticket == 1, thread: Some(3) }).unwrap());
    for (slot, ticket) in slots.into_iter().zip(1..) {
        monitor.exit(slot, ticket);
        assert_eq!(standings(&reports), [Standing::Disconnected]);
        monitor.relocate(slot, Registration { ticket, pingable: ticket == 1, thread: Some(4) }, 0);
    }
    let lasted = Duration::from_secs(1);
    let holder = None;
    let of_the_old = LoopNews { thread: 3, frozen: false, ended: false, lasted, threshold: lasted, holder, at: 0 };
    monitor.hear(&of_the_old);
    let mut pinged = Vec::new();
    for _ in 0..=monitor.rules().interval {
        monitor.echo();
        monitor.sweep();
        for report in reports.try_iter() {
            assert_eq!(report.moved, []);
            pinged.extend(report.ping.iter().map(|whom| whom.slot));
        }
    }
    // Whoever came into the new place is asked soon, however long nobody had answered in the old one.
    assert_eq!(pinged, [slots[0]]);
    for slot in slots {
        monitor.beat(slot);
    }
    monitor.sweep();
    assert_eq!(standings(&reports), [Standing::Healthy; 2]);
    monitor.hear(&LoopNews { thread: 4, frozen: true, ..of_the_old });
    assert_eq!(standings(&reports), [Standing::Suspect; 2]);
}

#[test]
fn the_end_of_a_frozen_loop_is_told_and_is_no_sign_of_life() {
    let (monitor, reports) = open();
    let agent = Registration { ticket: 1, pingable: false, thread: Some(3) };
    monitor.register(agent).unwrap();
    let lasted = Duration::from_secs(1);
    let holder = None;
    let froze = LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder, at: 0 };
    monitor.hear(&froze);
    assert_eq!(standings(&reports), [Standing::Suspect]);
    monitor.hear(&LoopNews { frozen: false, ended: true, ..froze });
    let heard: Vec<Report> = reports.try_iter().collect();
    assert!(heard.iter().all(|report| report.moved.is_empty()));
    assert_eq!(heard.iter().flat_map(|report| &report.loops).count(), 1);
}
