use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

use super::*;

/// Does nothing until it is let go on, batch by batch.
struct HeldUp {
    go_on: Receiver<()>,
    done: Sender<u32>,
}

impl Handler<u32> for HeldUp {
    fn handle(&mut self, batch: Vec<u32>) {
        self.go_on.recv().ok();
        for job in batch {
            self.done.send(job).ok();
        }
    }
}

#[test]
fn what_has_not_been_begun_can_be_withdrawn_and_the_rest_keeps_its_order() {
    let (go_on, held) = bounded(10);
    let (done, answers) = bounded(10);
    let worker = Worker::start("held-up", 1_000, HeldUp { go_on: held, done }).unwrap();
    worker.submit(0, 1).unwrap();
    while !worker.gate.lock().at_work {
        thread::yield_now();
    }
    for job in 1..=5 {
        worker.submit(job, 10).unwrap();
    }
    assert_eq!(worker.withdraw(|job| job % 2 == 0), [2, 4], "what is begun stays");
    worker.submit(6, 10).unwrap();
    assert_eq!(worker.withdraw(|job| *job == 3), [3]);
    assert_eq!(worker.queued(), 31);
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    let all: Vec<u32> = (0..4).map(|_| answers.recv().unwrap()).collect();
    assert_eq!(all, [0, 1, 5, 6]);
    let (reply, closed) = Reply::channel();
    worker.close(reply);
    closed.recv().unwrap().unwrap();
    assert_eq!(worker.withdraw(|_| true), [0; 0], "there is nothing left");
}

/// Is held up wherever it is, and says where. It is prepared at the second try.
struct Everywhere {
    go_on: Receiver<()>,
    at: Sender<&'static str>,
    tries: u32,
    tick_at: Option<Instant>,
}

impl Everywhere {
    fn hold(&self, at: &'static str) {
        self.at.send(at).ok();
        self.go_on.recv().ok();
    }
}

impl Handler<u32> for Everywhere {
    fn handle(&mut self, batch: Vec<u32>) {
        self.hold(if batch == [3] { "handles 3" } else { "handles others" });
        self.tick_at = Some(Instant::now());
    }

    fn is_unprepared(&self, _: &u32) -> bool {
        self.tries < 2
    }

    fn prepare(&mut self) {
        self.tries += 1;
        self.hold("prepares");
    }

    fn wake_at(&self) -> Option<Instant> {
        self.tick_at
    }

    fn tick(&mut self) {
        self.tick_at = None;
        self.hold("ticks");
    }
}

#[test]
fn wherever_the_thread_is_held_up_what_is_queued_can_be_withdrawn() {
    let ((go_on, held), (at, is_at)) = (bounded(0), bounded(10));
    let handler = Everywhere { go_on: held, at, tries: 0, tick_at: None };
    let worker = Worker::start("everywhere", 1_000, handler).unwrap();
    worker.submit(0, 10).unwrap();
    assert_eq!(is_at.recv().unwrap(), "prepares");
    assert_eq!(worker.withdraw(|_| true), [0]);
    go_on.send(()).unwrap();
    // Nothing has heard whether that went well.
    worker.submit(1, 10).unwrap();
    worker.submit(2, 10).unwrap();
    assert_eq!(is_at.recv().unwrap(), "prepares");
    worker.submit(3, 10).unwrap();
    assert_eq!(worker.withdraw(|job| *job < 3), [1, 2]);
    go_on.send(()).unwrap();
    assert_eq!(is_at.recv().unwrap(), "handles 3");
    go_on.send(()).unwrap();
    assert_eq!(is_at.recv().unwrap(), "ticks");
    worker.submit(4, 10).unwrap();
    assert_eq!(worker.withdraw(|_| true), [4]);
    assert_eq!(worker.queued(), 0);
    go_on.send(()).unwrap();
}

#[test]
fn what_is_asked_of_a_thread_that_has_ended_is_answered() {
    let (_, held) = bounded::<()>(0);
    let (done, _) = bounded(0);
    let worker = Worker::start("ended", 1_000, HeldUp { go_on: held, done }).unwrap();
    let (reply, closed) = Reply::channel();
    worker.close(reply);
    closed.recv().unwrap().unwrap();
    assert_eq!(worker.ended.recv_timeout(Duration::from_secs(10)), Err(RecvTimeoutError::Disconnected));
    let (reply, answer) = Reply::channel();
    worker.post(Message::Barrier(reply));
    assert!(answer.recv().unwrap().is_err());
}

#[test]
fn room_is_free_when_who_has_it_gives_it_back_although_the_thread_is_at_work() {
    let (go_on, held) = bounded(10);
    let (done, _answers) = bounded(10);
    let worker = Worker::start("roomy", 10, HeldUp { go_on: held, done }).unwrap();
    let room = worker.room(10).unwrap();
    worker.submit_with_room(0).unwrap();
    while !worker.gate.lock().at_work {
        thread::yield_now();
    }
    assert!(matches!(worker.room(1), Err(Error::Backpressure { queued: 10, limit: 10, .. })));
    drop(room);
    assert_eq!(worker.queued(), 0);
    worker.submit(1, 10).unwrap();
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
}

#[test]
fn room_grows_as_far_as_there_is_some_and_one_at_a_time_goes_beyond() {
    let (_go_on, held) = bounded(0);
    let (done, _answers) = bounded(0);
    let worker = Worker::start("roomy", 10, HeldUp { go_on: held, done }).unwrap();
    let (mut one, mut other) = (worker.room(2).unwrap(), worker.room(2).unwrap());
    one.grow(3).unwrap();
    other.grow(3).unwrap();
    other.grow(20).unwrap();
    other.grow(1).unwrap();
    assert!(matches!(one.grow(1), Err(Error::Backpressure { queued: 31, limit: 10, .. })));
    assert!(worker.room(1).is_err());
    drop(other);
    one.grow(6).unwrap();
    drop(one);
    assert_eq!(worker.queued(), 0);
}

/// Is held up by each batch, and always has work that nobody is to wait for.
struct Busy {
    go_on: Receiver<()>,
    did: Sender<String>,
}

impl Handler<u32> for Busy {
    fn handle(&mut self, batch: Vec<u32>) {
        self.did.send(format!("{batch:?}")).ok();
        self.go_on.recv().ok();
    }

    fn has_spare_work(&self) -> bool {
        true
    }

    fn spare(&mut self) {
        self.did.send("spare".into()).ok();
    }
}

#[test]
fn nobody_waits_for_spare_work() {
    let ((go_on, held), (did, seen)) = (bounded(0), bounded(10));
    let worker = Worker::start("busy", 1_000, Busy { go_on: held, did }).unwrap();
    worker.submit(1, 1).unwrap();
    assert_eq!(seen.recv().unwrap(), "[1]");
    worker.submit(2, 1).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(seen.recv().unwrap(), "[2]", "one waits");
    go_on.send(()).unwrap();
    assert_eq!(seen.recv().unwrap(), "spare");
    let (reply, closed) = Reply::channel();
    worker.close(reply);
    closed.recv().unwrap().unwrap();
    assert!(seen.try_recv().is_err(), "whoever closes does not wait for it either");
}

/// Sleeps as soon as it has nothing to do, ticks after each batch, and says what it does.
struct Punctual {
    did: Sender<String>,
    tick_at: Option<Instant>,
}

impl Handler<u32> for Punctual {
    fn handle(&mut self, batch: Vec<u32>) {
        self.did.send(format!("{batch:?}")).ok();
        self.tick_at = Some(Instant::now() + Duration::from_millis(1));
    }

    fn wake_at(&self) -> Option<Instant> {
        self.tick_at
    }

    fn tick(&mut self) {
        self.tick_at = None;
        self.did.send("tick".into()).ok();
    }

    fn is_punctual(&self) -> bool {
        true
    }

    fn finish(&mut self) -> Result<()> {
        self.did.send("end".into()).ok();
        Ok(())
    }
}

#[test]
fn a_punctual_thread_wakes_for_what_is_sent_for_its_ticks_and_when_its_last_handle_is_gone() {
    let (did, seen) = bounded(10);
    let worker = Worker::start("punctual", 1_000, Punctual { did, tick_at: None }).unwrap();
    let next = || seen.recv_timeout(Duration::from_secs(10)).unwrap();
    for job in 0..100 {
        worker.submit(job, 1).unwrap();
        assert_eq!([next(), next()], [format!("[{job}]"), "tick".into()]);
    }
    let (reply, passed) = Reply::channel();
    worker.barrier(reply);
    passed.recv().unwrap().unwrap();
    let other = worker.clone();
    drop(worker);
    other.submit(100, 1).unwrap();
    assert_eq!([next(), next()], ["[100]", "tick"]);
    drop(other);
    assert_eq!(next(), "end");
}

#[test]
fn after_a_panic_a_close_does_not_say_that_all_is_well() {
    struct Panics;
    impl Handler<()> for Panics {
        fn handle(&mut self, _: Vec<()>) {
            panic!("a test");
        }
    }
    let worker = Worker::start("smalltalk-test", 1, Panics).unwrap();
    worker.submit((), 1).unwrap();
    worker.ended.recv().unwrap_err();
    let (reply, closed) = Reply::channel();
    worker.close(reply);
    assert_eq!(closed.recv().unwrap().unwrap_err().code(), "ERR_PANIC");
    let (reply, closed) = Reply::channel();
    worker.close(reply);
    closed.recv().unwrap().unwrap();
}
