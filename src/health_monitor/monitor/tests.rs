use crossbeam_channel::{Receiver, unbounded};

use super::{
    super::{
        gauge::Sight,
        loops::{Label, Pulse},
        report::Whom,
        state::{Reason, Standing},
    },
    *,
};

/// A monitor whose own ticks are so long that a test can sweep a thousand times between two of them.
fn open() -> (Arc<Monitor>, Receiver<Report>) {
    let options = Options {
        heartbeat_interval: Duration::from_secs(2),
        activity_timeout: Duration::from_secs(5),
        max_missed_beats: 2,
    };
    let (sender, reports) = unbounded();
    let monitor = Monitor::open(&options, Arc::new(move |report| drop(sender.send(report)))).unwrap();
    (monitor, reports)
}

fn who(ticket: u32) -> Registration {
    Registration { ticket, pingable: true, thread: None }
}

fn standings(reports: &Receiver<Report>) -> Vec<Standing> {
    reports.try_iter().flat_map(|report| report.moved).map(|moved| moved.standing).collect()
}

#[test]
fn the_clock_stands_still_until_the_loop_answers() {
    let (monitor, reports) = open();
    monitor.register(who(7)).unwrap();
    for _ in 0..1000 {
        monitor.sweep();
    }
    assert_eq!(standings(&reports), []);
    for _ in 0..100 {
        monitor.echo();
        monitor.sweep();
    }
    assert_eq!(standings(&reports).last(), Some(&Standing::Disconnected));
}

#[test]
fn an_idle_hour_accuses_nobody_and_pings_each_agent_once_an_interval() {
    const AGENTS: u32 = 300;
    let (monitor, reports) = open();
    let slots: Vec<u32> = (1..=AGENTS).map(|ticket| monitor.register(who(ticket)).unwrap()).collect();
    let ticks = 3600 * 1000 / u32::try_from(monitor.rules().tick.as_millis()).unwrap();
    let mut pings: u32 = 0;
    for tick in 0..ticks {
        monitor.echo();
        monitor.sweep();
        for report in reports.try_iter() {
            assert_eq!(report.moved, [], "in tick {tick}");
            for Whom { slot, ticket } in report.ping {
                pings += 1;
                assert_eq!(slots[ticket as usize - 1], slot);
                monitor.beat(slot);
            }
        }
    }
    let intervals = ticks / monitor.rules().interval * AGENTS;
    assert!(pings > intervals / 10 * 8 && pings < intervals / 10 * 14, "{pings} pings in {intervals} intervals");
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
        recorded: false,
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
    let news =
        LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder, at, recorded: false };
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
    let news = LoopNews {
        thread: 3,
        frozen: true,
        ended: false,
        lasted,
        threshold: lasted,
        holder: None,
        at: 0,
        recorded: false,
    };
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
fn each_of_many_agents_is_judged_by_its_own_beats() {
    const AGENTS: u32 = 3 * 1024;
    let (monitor, reports) = open();
    let slots: Vec<u32> = (1..=AGENTS).map(|ticket| monitor.register(who(ticket)).unwrap()).collect();
    let silent = |slot: u32| slot.is_multiple_of(97);
    for _ in 0..monitor.rules().interval * 3 {
        slots.iter().filter(|slot| !silent(**slot)).for_each(|slot| monitor.beat(*slot));
        monitor.echo();
        monitor.sweep();
    }
    let mut gone: Vec<u32> = reports
        .try_iter()
        .flat_map(|report| report.moved)
        .filter(|moved| moved.standing == Standing::Disconnected)
        .map(|moved| moved.whom.slot)
        .collect();
    gone.sort_unstable();
    let expected: Vec<u32> = slots.into_iter().filter(|slot| silent(*slot)).collect();
    assert_eq!(gone, expected);
}

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
fn a_report_about_an_earlier_life_names_a_ticket_that_is_gone() {
    let (monitor, reports) = open();
    let slot = monitor.register(who(7)).unwrap();
    assert!(monitor.reset(slot, 7, who(8), 0));
    assert!(!monitor.reset(slot, 7, who(9), 0));
    assert!(monitor.look(slot, 7).is_none());
    for _ in 0..100 {
        monitor.echo();
        monitor.sweep();
    }
    let tickets: Vec<u32> = reports.try_iter().flat_map(|report| report.ping).map(|whom| whom.ticket).collect();
    assert!(!tickets.is_empty() && tickets.iter().all(|&ticket| ticket == 8), "{tickets:?}");
}

#[test]
fn a_slot_is_used_again_and_forgets_whom_it_belonged_to() {
    let (monitor, _reports) = open();
    let slot = monitor.register(who(1)).unwrap();
    assert!(monitor.unregister(slot, 1));
    assert!(!monitor.unregister(slot, 1));
    assert_eq!(monitor.register(who(2)).unwrap(), slot);
    assert!(monitor.look(slot, 1).is_none() && monitor.look(slot, 2).is_some());
}

#[test]
fn a_closed_monitor_takes_nobody_and_says_nothing() {
    let (monitor, reports) = open();
    let slot = monitor.register(who(1)).unwrap();
    monitor.close();
    monitor.close();
    assert!(matches!(monitor.register(who(2)), Err(Error::Closed(_))));
    assert!(matches!(monitor.start(), Err(Error::Closed(_))));
    assert!(!monitor.unregister(slot, 1) && !monitor.sweep());
    monitor.reject(slot, 1);
    assert!(reports.try_iter().all(|report| report.moved.is_empty()));
}

#[test]
fn the_thread_sweeps_by_itself() {
    let (monitor, reports) = open();
    let slot = monitor.register(who(1)).unwrap();
    let report = reports.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!((report.ping, report.echo), (vec![Whom { slot, ticket: 1 }], true));
    assert!(monitor.look(slot, 1).is_some_and(|look| look.silent > Duration::ZERO));
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
        recorded: false,
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
    let news = LoopNews {
        thread: 3,
        frozen: true,
        ended: false,
        lasted,
        threshold: lasted,
        holder: None,
        at: 0,
        recorded: false,
    };
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
    let of_the_old =
        LoopNews { thread: 3, frozen: false, ended: false, lasted, threshold: lasted, holder, at: 0, recorded: false };
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
fn a_sign_of_life_after_it_was_moved_counts_though_the_tick_is_that_of_the_last_one() {
    let (monitor, reports) = open();
    let agent = Registration { ticket: 1, pingable: false, thread: Some(3) };
    let slot = monitor.register(agent).unwrap();
    for _ in 0..3 {
        monitor.sweep();
    }
    monitor.beat(slot);
    monitor.exit(slot, 1);
    monitor.relocate(slot, Registration { thread: None, ..agent }, 0);
    monitor.sweep();
    assert_eq!(standings(&reports), [Standing::Disconnected]);
    monitor.beat(slot);
    monitor.exit(slot, 1);
    monitor.relocate(slot, Registration { thread: None, ..agent }, 0);
    monitor.beat(slot);
    monitor.sweep();
    assert_eq!(standings(&reports), [Standing::Healthy]);
}

#[test]
fn work_that_was_begun_since_goes_on_in_the_next_life() {
    let (monitor, reports) = open();
    let agent = |ticket| Registration { ticket, pingable: false, thread: None };
    let slot = monitor.register(agent(1)).unwrap();
    let tick = monitor.rules().tick;
    let sweep = |times| {
        (0..times).for_each(|_| {
            monitor.echo();
            monitor.sweep();
        });
    };
    monitor.begin(slot, 1, 1, tick);
    monitor.begin(slot, 1, 2, tick * 5);
    assert!(monitor.reset(slot, 1, agent(2), 2));
    sweep(4);
    assert_eq!(standings(&reports), []);
    sweep(2);
    assert_eq!(standings(&reports), [Standing::Suspect]);
    monitor.settle(slot, 2, 2);
    assert_eq!(standings(&reports), [Standing::Healthy]);
}

#[test]
fn work_that_it_has_survived_by_its_last_sign_of_life_does_not_go_on_in_the_next_life() {
    let (monitor, reports) = open();
    let sweep = |ticks: u32| {
        for _ in 0..ticks {
            monitor.echo();
            monitor.sweep();
        }
    };
    let agent = |ticket| Registration { ticket, pingable: false, thread: None };
    let slot = monitor.register(agent(1)).unwrap();
    let tick = monitor.rules().tick;
    monitor.begin(slot, 1, 1, tick * 3);
    monitor.begin(slot, 1, 2, tick * 12);
    sweep(6);
    assert_eq!(standings(&reports), [Standing::Suspect]);
    // The next look has not come yet.
    monitor.beat(slot);
    assert!(monitor.reset(slot, 1, agent(2), 1));
    sweep(6);
    assert_eq!(standings(&reports), []);
    sweep(2);
    assert_eq!(standings(&reports), [Standing::Suspect]);
}

#[test]
fn the_end_of_a_frozen_loop_is_told_and_is_no_sign_of_life() {
    let (monitor, reports) = open();
    let agent = Registration { ticket: 1, pingable: false, thread: Some(3) };
    monitor.register(agent).unwrap();
    let lasted = Duration::from_secs(1);
    let holder = None;
    let froze =
        LoopNews { thread: 3, frozen: true, ended: false, lasted, threshold: lasted, holder, at: 0, recorded: false };
    monitor.hear(&froze);
    assert_eq!(standings(&reports), [Standing::Suspect]);
    monitor.hear(&LoopNews { frozen: false, ended: true, ..froze });
    let heard: Vec<Report> = reports.try_iter().collect();
    assert!(heard.iter().all(|report| report.moved.is_empty()));
    assert_eq!(heard.iter().flat_map(|report| &report.loops).count(), 1);
}
