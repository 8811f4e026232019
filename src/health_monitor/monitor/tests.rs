//! A monitor without the thread that sweeps it.

mod clock;
mod loops;

use crossbeam_channel::{Receiver, unbounded};

use super::{
    super::{report::Whom, standing::Standing, table::Registration},
    *,
};

/// One that the thread takes for watched already: only the test sweeps it.
fn open() -> (Arc<Monitor>, Receiver<Report>) {
    let (monitor, reports) = open_watched();
    monitor.lock().watched = true;
    (monitor, reports)
}

fn open_watched() -> (Arc<Monitor>, Receiver<Report>) {
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
    let (monitor, reports) = open_watched();
    let slot = monitor.register(who(1)).unwrap();
    let report = reports.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!((report.ping, report.echo), (vec![Whom { slot, ticket: 1 }], true));
    assert!(monitor.look(slot, 1).is_some_and(|look| look.silent > Duration::ZERO));
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
fn a_ping_that_is_rejected_while_nobody_is_judged_tells_nothing_and_goes_out_anew() {
    let (monitor, reports) = open();
    let slot = monitor.register(who(1)).unwrap();
    let sweep_until_pinged = || {
        (0..=monitor.rules().interval).find(|_| {
            monitor.echo();
            monitor.sweep();
            reports.try_iter().any(|report| !report.ping.is_empty())
        })
    };
    assert!(sweep_until_pinged().is_some());
    monitor.stop().unwrap();
    monitor.reject(slot, 1);
    monitor.start().unwrap();
    assert_eq!(standings(&reports), []);
    assert_eq!(sweep_until_pinged(), Some(0));
    monitor.reject(slot, 1);
    assert_eq!(standings(&reports), [Standing::Suspect]);
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
    monitor.settle(slot, 2, 2, true);
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
