//! When the clock stands still, and when the loop is asked whether it runs.

use super::*;

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

fn assert_overdue_after_50_ticks(monitor: &Monitor, reports: &Receiver<Report>) {
    for _ in 0..49 {
        monitor.echo();
        monitor.sweep();
    }
    assert_eq!(standings(reports), []);
    monitor.echo();
    monitor.sweep();
    assert_eq!(standings(reports), [Standing::Suspect]);
}

#[test]
fn it_stands_still_also_while_work_is_far_from_its_deadline() {
    let (monitor, reports) = open();
    let slot = monitor.register(Registration { pingable: false, ..who(7) }).unwrap();
    let tick = monitor.rules().tick;
    monitor.begin(slot, 7, 1, tick * 50);
    monitor.sweep();
    for _ in 0..1000 {
        monitor.sweep();
    }
    assert_overdue_after_50_ticks(&monitor, &reports);
}

#[test]
fn it_stands_still_also_while_an_attempt_to_bring_somebody_back_has_work_in_flight() {
    let (monitor, reports) = open();
    let slot = monitor.register(Registration { pingable: false, ..who(7) }).unwrap();
    let tick = monitor.rules().tick;
    monitor.exit(slot, 7);
    assert_eq!(standings(&reports), [Standing::Disconnected]);
    monitor.begin(slot, 7, 1, tick * 50);
    for _ in 0..1000 {
        monitor.sweep();
    }
    assert!(monitor.reset(slot, 7, Registration { pingable: false, ..who(8) }, 1));
    assert_overdue_after_50_ticks(&monitor, &reports);
}

#[test]
fn the_loop_is_not_asked_whether_it_runs_where_nobody_is_on_trial() {
    let (monitor, reports) = open();
    let agent = Registration { pingable: false, ..who(7) };
    let slot = monitor.register(agent).unwrap();
    let tick = monitor.rules().tick;
    let asked = || reports.try_iter().filter(|report| report.echo).count();
    let sweep = |times| {
        (0..times).for_each(|_| {
            monitor.echo();
            monitor.sweep();
        });
    };
    sweep(1000);
    assert_eq!(asked(), 0);
    monitor.begin(slot, 7, 1, tick * 100);
    sweep(20);
    assert_eq!(asked(), 20);
    monitor.beat(slot);
    monitor.settle(slot, 7, 1, true);
    sweep(1000);
    assert_eq!(asked(), 0);
    // Nor for one that is gone: that does not change by the passing of time.
    monitor.begin(slot, 7, 2, tick);
    sweep(monitor.rules().interval + 3);
    assert_eq!(standings(&reports), [Standing::Suspect, Standing::Disconnected]);
    sweep(1000);
    assert_eq!(asked(), 0);
}
