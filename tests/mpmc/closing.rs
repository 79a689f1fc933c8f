//! "Closed" is the last thing that is said: what was done before the close counts, and it is said only where the ring's
//! creator wants it said.

use std::thread;
use std::time::{Duration, Instant};

use rondel::Wait;
use rondel::mpmc::{
    PopError, PopTimeoutError, Producer, PushError, PushTimeoutError, Ring, TryPopError, TryPushError, pair,
};

use crate::scratch::within;

/// How long two sides race. Bounded by time: rounds are slow on a busy machine.
const RACE: Duration = Duration::from_secs(2);
const A_MOMENT: Duration = Duration::from_millis(120);

fn race(mut round: impl FnMut()) {
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < RACE {
        round();
        rounds += 1;
    }
    println!("{rounds} rounds");
}

/// A full ring whose consumers have gone stays full; one that was given room before they went is not refused.
#[test]
fn a_push_is_not_refused_for_a_consumer_that_made_room_and_closed() {
    let pushes: [fn(&mut Producer<u64>) -> bool; 2] = [
        |tx| match tx.try_push(1) {
            Ok(()) => true,
            Err(TryPushError::Full(_) | TryPushError::Pending(_)) => false,
            Err(error) => panic!("{error}, but there is room"),
        },
        |tx| match tx.try_push_slice(&[1]) {
            Ok(pushed) => pushed == 1,
            Err(error) => panic!("{error}, but there is room"),
        },
    ];
    for push in pushes {
        race(|| {
            let (mut tx, mut rx) = pair::<u64>(1).expect("a ring");
            tx.try_push(0).expect("room");
            thread::scope(|scope| {
                scope.spawn(move || rx.try_pop());
                while !push(&mut tx) {}
            });
        });
    }
}

/// Everything that was pushed right before the close comes first.
#[test]
fn a_pop_is_not_refused_for_a_producer_that_pushed_and_closed() {
    race(|| {
        let (mut tx, mut rx) = pair::<u64>(1).expect("a ring");
        thread::scope(|scope| {
            scope.spawn(move || tx.try_push(1));
            let mut popped = 0;
            loop {
                match rx.try_pop() {
                    Ok(_) => popped += 1,
                    Err(TryPopError::Empty | TryPopError::Pending) => {}
                    Err(error) => break assert_eq!(error, TryPopError::Closed),
                }
            }
            assert_eq!(popped, 1, "closed before it was drained");
        });
    });
}

/// Many look at the others at the very moment at which the last of those goes. It has not died.
#[test]
fn whoever_closes_in_good_order_is_never_dead() {
    const MANY: usize = 60;
    race(|| {
        let (tx, first) = pair::<u64>(1).expect("a ring");
        let mut consumers: Vec<_> = (0..MANY).map(|_| first.clone()).collect();
        // The last line of those in use, so that it is looked at last.
        let last = tx.clone();
        drop((tx, first));
        thread::scope(|scope| {
            scope.spawn(move || drop(last));
            for rx in &mut consumers {
                rx.set_wait(Wait::BusySpin);
                let answer = rx.pop_timeout(Duration::ZERO);
                assert!(matches!(answer, Err(PopTimeoutError::Timeout | PopTimeoutError::Closed)), "{answer:?}");
            }
        });
    });
    race(|| {
        let (mut first, rx) = pair::<u64>(1).expect("a ring");
        first.push(0).expect("room");
        let mut producers: Vec<_> = (0..MANY).map(|_| first.clone()).collect();
        let last = rx.clone();
        drop((first, rx));
        thread::scope(|scope| {
            scope.spawn(move || drop(last));
            for tx in &mut producers {
                tx.set_wait(Wait::BusySpin);
                let answer = tx.push_timeout(1, Duration::ZERO);
                let expected = matches!(answer, Err(PushTimeoutError::Timeout(1) | PushTimeoutError::Closed(1)));
                assert!(expected, "{answer:?}");
            }
        });
    });
}

#[test]
fn only_the_last_one_closes() {
    let (mut tx, mut rx) = pair::<u64>(2).expect("a ring");
    let (mut other, mut rx_other) = (tx.clone(), rx.clone());
    tx.push(1).expect("room");
    drop(tx);
    assert_eq!(rx.pop_timeout(Duration::ZERO), Ok(1));
    assert_eq!(rx.pop_timeout(Duration::ZERO), Err(PopTimeoutError::Timeout), "one is left");
    drop(rx);
    other.push_slice(&[2, 3]).expect("room");
    assert_eq!(other.push_timeout(4, Duration::ZERO), Err(PushTimeoutError::Timeout(4)), "one is left");
    let ring = other.ring();
    drop(other);
    assert_eq!(rx_other.iter().collect::<Vec<_>>(), [2, 3], "drained first");
    assert_eq!(rx_other.pop(), Err(PopError::Closed));
    // Not final: with a successor the same handle works on.
    let mut tx = ring.producer().expect("a place");
    assert_eq!(rx_other.try_pop(), Err(TryPopError::Empty));
    tx.push_slice(&[5, 6]).expect("room");
    assert_eq!(rx_other.pop(), Ok(5));
    drop(rx_other);
    tx.push(7).expect("room, whoever is there to read");
    assert_eq!(tx.push(8), Err(PushError::Closed(8)));
    let _rx = ring.consumer().expect("a place");
    assert_eq!(tx.try_push(8), Err(TryPushError::Full(8)));
}

/// Whoever is blocked is told, however it waits.
#[test]
fn a_blocked_handle_is_told() {
    for wait in [Wait::Park, Wait::BusySpin, Wait::default()] {
        let (mut tx, mut rx) = pair::<u64>(1).expect("a ring");
        let ring = tx.ring();
        tx.set_wait(wait);
        rx.set_wait(wait);
        within("a blocked consumer", || {
            thread::scope(|scope| {
                let blocked = scope.spawn(move || rx.pop());
                thread::sleep(A_MOMENT);
                drop(tx);
                assert_eq!(blocked.join().expect("no panic"), Err(PopError::Closed), "{wait:?}");
            });
        });
        let (mut tx, rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
        tx.set_wait(wait);
        tx.push(1).expect("room");
        within("a blocked producer", || {
            thread::scope(|scope| {
                let blocked = scope.spawn(move || tx.push(2));
                thread::sleep(A_MOMENT);
                drop(rx);
                assert_eq!(blocked.join().expect("no panic"), Err(PushError::Closed(2)), "{wait:?}");
            });
        });
    }
}

/// A ring whose participants come and go: those who are left wait for others, over several slices of sleep.
#[test]
fn where_the_ring_outlives_a_side_it_is_waited_for() {
    for wait in [Wait::Park, Wait::BusySpin, Wait::default()] {
        let builder = Ring::<u64>::builder().capacity(1).ends_with_producers(false).ends_with_consumers(false);
        let ring = builder.anonymous().expect("a ring");
        let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
        tx.set_wait(wait);
        rx.set_wait(wait);
        drop(tx.clone());
        within("a consumer without producers", || {
            thread::scope(|scope| {
                drop(tx);
                assert_eq!(rx.try_pop(), Err(TryPopError::Empty));
                assert_eq!(rx.pop_timeout(A_MOMENT), Err(PopTimeoutError::Timeout));
                let blocked = scope.spawn(move || (rx.pop(), rx));
                thread::sleep(A_MOMENT);
                let mut tx = ring.producer().expect("a place");
                tx.push(1).expect("room");
                let (popped, rx) = blocked.join().expect("no panic");
                assert_eq!(popped, Ok(1));
                tx.push(2).expect("room");
                drop(rx);
                assert_eq!(tx.try_push(3), Err(TryPushError::Full(3)));
                assert_eq!(tx.push_timeout(3, A_MOMENT), Err(PushTimeoutError::Timeout(3)));
                let blocked = scope.spawn(move || tx.push(3));
                thread::sleep(A_MOMENT);
                let mut rx = ring.consumer().expect("a place");
                assert_eq!(rx.pop(), Ok(2));
                assert_eq!(blocked.join().expect("no panic"), Ok(()));
                assert_eq!(rx.pop(), Ok(3));
            });
        });
    }
}
