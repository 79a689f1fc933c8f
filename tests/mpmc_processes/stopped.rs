//! A stopped participant is not a dead one, and is named by those who wait for it.

use std::time::Duration;

use rondel::SegmentError;
use rondel::mpmc::{PopTimeoutError, PushTimeoutError, Recovery, Ring, Stuck, TryPopError, TryPushError};

use crate::place::{HEAD, NEVER, Shape, TAIL, is_whole, said};
use crate::scratch::{Directory, Message, STRATEGIES, wait_until, within};
use crate::stepped::{Stepped, Stopped};

/// Many times the slice after which a blocked handle looks for the dead.
const LONG: Duration = Duration::from_millis(250);
const CAPACITY: u64 = 4;

/// The state of a process: the letter after its name.
fn state_of(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it exists");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    rest.trim_start().chars().next().expect("a letter")
}

fn stop(stepped: Stepped) -> Stopped {
    let stopped = stepped.stop();
    wait_until("the child to stop", || state_of(stopped.pid()) == 'T');
    stopped
}

#[track_caller]
fn is_named(stuck: Option<Stuck>, ring: &Ring<Message>, pid: u32, position: u64) {
    let stuck = stuck.expect("somebody");
    assert_eq!((stuck.pid, stuck.position), (pid, position));
    let holder = &ring.participants()[stuck.participant as usize];
    assert_eq!((holder.pid, holder.alive), (Some(pid), true));
}

fn nothing_is_settled(recovered: Recovery) {
    assert_eq!(recovered, Recovery::default(), "somebody who lives was taken for dead");
}

/// There is one whose holder is dead, but what that one has claimed cannot be settled yet.
fn nobody_gets_a_place(ring: &Ring<Message>) {
    for refused in [ring.producer().map(drop), ring.consumer().map(drop)] {
        let Err(SegmentError::TableFull { holders }) = refused else { panic!("{refused:?}") };
        assert_eq!(holders.iter().filter(|holder| !holder.alive).count(), 1);
    }
}

#[test]
fn a_producer_stopped_before_its_publication_is_waited_for() {
    for (operation, pushed) in [("push", 1), ("push-slice", 3)] {
        let (strategy, wait) = STRATEGIES[pushed as usize % 3];
        let directory = Directory::new(&format!("stopped-{operation}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        tx.set_wait(wait);
        rx.set_wait(wait);
        let mut producer = Stepped::start(operation, &directory, &ring);
        producer.change_of(&ring, TAIL);
        let mut producer = stop(producer);
        within(NEVER, "waiting for a stopped producer", || {
            for number in pushed..CAPACITY {
                tx.push(said(0, number)).expect("room");
            }
            let next = said(0, CAPACITY);
            assert_eq!(tx.try_push(next), Err(TryPushError::Full(next)));
            assert_eq!(tx.push_timeout(next, LONG), Err(PushTimeoutError::Timeout(next)), "{strategy}");
            assert_eq!(rx.try_pop(), Err(TryPopError::Pending));
            assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout), "{strategy}");
            assert_eq!(rx.pop_guard_timeout(LONG).map(|guard| *guard), Err(PopTimeoutError::Timeout));
            assert_eq!(rx.try_pop_slice(&mut [[0; 2]; 2]), Ok(0));
            is_named(rx.stuck().expect("intact"), &ring, producer.pid(), 0);
            nothing_is_settled(rx.recover().expect("intact"));
            nothing_is_settled(tx.recover().expect("intact"));
            nothing_is_settled(ring.recover().expect("intact"));
            producer.go_on();
            for number in 0..pushed {
                assert_eq!(rx.pop(), Ok(said(1, number)));
            }
            for number in pushed..CAPACITY {
                assert_eq!(rx.pop(), Ok(said(0, number)));
            }
            assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
            assert_eq!(rx.stuck(), Ok(None));
        });
        drop((producer, tx, rx));
        is_whole(&ring);
    }
}

#[test]
fn a_consumer_stopped_in_a_pop_or_under_a_guard_is_waited_for() {
    for (operation, popped) in [("pop", 1), ("guard", 1), ("pop-slice", 3)] {
        let (strategy, wait) = STRATEGIES[operation.len() % 3];
        let directory = Directory::new(&format!("stopped-{operation}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        tx.set_wait(wait);
        rx.set_wait(wait);
        (0..CAPACITY).for_each(|number| tx.push(said(0, number)).expect("room"));
        let mut consumer = Stepped::start(operation, &directory, &ring);
        consumer.change_of(&ring, HEAD);
        let mut consumer = stop(consumer);
        within(NEVER, "waiting for a stopped consumer", || {
            for number in popped..CAPACITY {
                assert_eq!(rx.pop(), Ok(said(0, number)), "the others go on");
            }
            assert_eq!(rx.try_pop(), Err(TryPopError::Empty), "what is held is not there");
            assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout));
            let next = said(0, CAPACITY);
            assert_eq!(tx.try_push(next), Err(TryPushError::Pending(next)));
            assert_eq!(tx.push_timeout(next, LONG), Err(PushTimeoutError::Timeout(next)), "{strategy}");
            is_named(tx.stuck().expect("intact"), &ring, consumer.pid(), 0);
            nothing_is_settled(rx.recover().expect("intact"));
            nothing_is_settled(tx.recover().expect("intact"));
            consumer.go_on();
            tx.push(next).expect("room, as soon as it has let go");
            assert_eq!((rx.pop(), rx.redelivered()), (Ok(next), false));
            assert_eq!(tx.stuck(), Ok(None));
        });
        drop((consumer, tx, rx));
        is_whole(&ring);
    }
}

/// Two of them at the same position: one has said that it is about to claim it, and is stopped; the other one has claimed it, and is
/// killed. Nobody can tell whose the position is before the stopped one goes on.
fn stopped_loser(operation: &str, claimed: usize, directory: &Directory, ring: &Ring<Message>) -> Stopped {
    let mut loser = Stepped::start(operation, directory, ring);
    assert!(loser.change());
    let loser = stop(loser);
    let mut winner = Stepped::start(operation, directory, ring);
    winner.change_of(ring, claimed);
    winner.kill();
    loser
}

#[test]
fn a_stopped_loser_of_a_race_is_asked_before_the_winners_push_is_skipped() {
    // When it goes on, it finds the ring full, and gives up; or it finds room, and pushes.
    for gives_up in [true, false] {
        let directory = Directory::new(&format!("stopped-loser-push-{gives_up}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        let mut loser = stopped_loser("push", TAIL, &directory, &ring);
        within(NEVER, "waiting for a stopped loser", || {
            let more = if gives_up { CAPACITY - 1 } else { 1 };
            (0..more).for_each(|number| tx.push(said(0, number)).expect("room"));
            assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout));
            nothing_is_settled(rx.recover().expect("intact"));
            nobody_gets_a_place(&ring);
            is_named(rx.stuck().expect("intact"), &ring, loser.pid(), 0);
            loser.go_on();
            (0..more).for_each(|number| assert_eq!(rx.pop(), Ok(said(0, number))));
            if !gives_up {
                assert_eq!(rx.pop(), Ok(said(1, 0)), "the loser's, at its next try");
            }
            assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
        });
        drop((loser, tx, rx));
        is_whole(&ring);
    }
}

#[test]
fn a_stopped_loser_of_a_race_is_asked_before_the_winners_message_is_redelivered() {
    // When it goes on, it finds the ring empty, and gives up; or it finds something, and pops that.
    for gives_up in [true, false] {
        let directory = Directory::new(&format!("stopped-loser-pop-{gives_up}"));
        let ring = directory.create(Shape::new(CAPACITY as usize, 4));
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        (0..2).for_each(|number| tx.push(said(0, number)).expect("room"));
        let mut loser = stopped_loser("guard", HEAD, &directory, &ring);
        within(NEVER, "waiting for a stopped loser", || {
            assert_eq!((rx.pop(), rx.redelivered()), (Ok(said(0, 1)), false));
            assert_eq!(rx.pop_timeout(LONG), Err(PopTimeoutError::Timeout));
            nothing_is_settled(rx.recover().expect("intact"));
            nobody_gets_a_place(&ring);
            if !gives_up {
                (2..4).for_each(|number| tx.push(said(0, number)).expect("room"));
                let next = said(0, 4);
                assert_eq!(tx.push_timeout(next, LONG), Err(PushTimeoutError::Timeout(next)));
                is_named(tx.stuck().expect("intact"), &ring, loser.pid(), 0);
            }
            loser.go_on();
            let mut popped = Vec::new();
            while popped.last() != Some(&(said(0, 0), true)) {
                popped.push((rx.pop().expect("it comes"), rx.redelivered()));
            }
            assert_eq!(popped.iter().filter(|(_, redelivered)| *redelivered).count(), 1, "{popped:?}");
        });
        drop((loser, tx));
        drop(crate::place::drain(&mut rx));
        drop(rx);
        is_whole(&ring);
    }
}
