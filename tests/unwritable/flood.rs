//! Many messages from the creator to consumers in processes of their own, under every strategy; and consumers that are killed.

use std::time::Duration;

use rondel::segment::Segment;
use rondel::spsc::{PopError, Ring};
use rondel::{Wait, bytes};

use crate::child::{inherited, start, tell};
use crate::ring::{Element, element, elements, message, messages};

const MILLION: u64 = 1_000_000;

fn strategy(name: &str) -> Wait {
    match name {
        "busy-spin" => Wait::BusySpin,
        "park" => Wait::Park,
        _ => Wait::default(),
    }
}

/// A consumer's process: kind of ring, strategy, manner.
fn receiver(segment: &Segment, words: &str) -> crate::child::Running {
    let mut child = start("receive", Some(segment), words);
    assert_eq!(child.hear(), "ready", "before anything is pushed: its predecessor has closed");
    child
}

/// `count` elements to a consumer that pops them one at a time, and as many to one that pops slices; half of each pushed one at a time.
fn flood_of_elements(name: &str, count: u64) {
    let ring = elements(200);
    let mut tx = ring.producer().expect("the creator");
    tx.set_wait(strategy(name));
    for manner in ["single", "slices"] {
        let child = receiver(ring.segment(), &format!("spsc {name} {manner} {count}"));
        for _ in 0..count / 2 {
            tx.push(element(tx.position())).expect("a consumer that lives");
        }
        let mut left = count - count / 2;
        while left > 0 {
            let batch: Vec<_> = (0..left.min(300)).map(|offset| element(tx.position() + offset)).collect();
            tx.push_slice(&batch).expect("a consumer that lives");
            left -= batch.len() as u64;
        }
        tx.wait_until_empty().expect("everything is read");
        child.succeed();
    }
}

#[test]
fn a_million_elements_spinning_then_parking() {
    flood_of_elements("spin-then-park", MILLION / 2);
}

#[test]
fn many_elements_busy_spinning() {
    flood_of_elements("busy-spin", MILLION / 10);
}

#[test]
fn many_elements_parking() {
    flood_of_elements("park", MILLION / 50);
}

/// Whoever sleeps on a word of the control part is woken, and learns of a death.
#[test]
fn both_sides_sleep_and_are_woken() {
    let ring = elements(20);
    let mut tx = ring.producer().expect("the creator");
    tx.set_wait(Wait::Park);
    let child = receiver(ring.segment(), "spsc park slow 200");
    for pushed in 0..200 {
        if pushed % 50 == 0 {
            // The consumer is asleep by then.
            std::thread::sleep(Duration::from_millis(20));
        }
        tx.push(element(tx.position())).expect("a consumer that lives");
    }
    tx.wait_until_empty().expect("everything is read");
    child.succeed();
}

#[test]
fn half_a_million_messages() {
    let ring = messages(16 << 10);
    let mut tx = ring.producer().expect("the creator");
    for manner in ["copied", "in-place"] {
        let child = receiver(ring.segment(), &format!("bytes spin-then-park {manner} {}", MILLION / 4));
        for _ in 0..MILLION / 4 {
            tx.push(&message(tx.position())).expect("a consumer that lives");
        }
        tx.wait_until_empty().expect("everything is read");
        child.succeed();
    }
}

pub(crate) fn child_receive(words: &str) {
    let words: Vec<_> = words.split(' ').collect();
    let [kind, name, manner, count] = words[..] else { panic!("{words:?}") };
    let count = count.parse().expect("a number");
    if kind == "spsc" { receive_elements(name, manner, count) } else { receive_messages(name, manner, count) }
}

fn receive_elements(name: &str, manner: &str, count: u64) {
    let ring = Ring::<Element>::from_fds(inherited()).expect("the ring");
    let mut rx = ring.consumer().expect("free");
    rx.set_wait(strategy(name));
    tell("ready");
    let end = rx.position() + count;
    let mut batch = vec![element(0); 150];
    while rx.position() < end {
        let position = rx.position();
        if manner == "slices" {
            let most = batch.len().min((end - position) as usize);
            let popped = rx.pop_slice(&mut batch[..most]).expect("a producer that lives");
            for (found, position) in batch[..popped].iter().zip(position..) {
                assert_eq!(*found, element(position));
            }
        } else {
            assert_eq!(rx.pop(), Ok(element(position)));
        }
        if manner == "slow" && position % 50 == 25 {
            // The producer is asleep by then.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn receive_messages(name: &str, manner: &str, count: u64) {
    let ring = bytes::Ring::from_fds(inherited()).expect("the ring");
    let mut rx = ring.consumer().expect("free");
    rx.set_wait(strategy(name));
    tell("ready");
    let mut buffer = vec![0; ring.largest()];
    for _ in 0..count {
        let position = rx.position();
        if manner == "copied" {
            let len = rx.pop_into(&mut buffer).expect("a producer that lives");
            assert_eq!(buffer[..len], message(position));
        } else {
            assert_eq!(*rx.pop().expect("a producer that lives"), message(position));
        }
    }
}

/// One consumer after the other is killed while it pops. The last one finds the rest.
#[test]
fn killed_consumers_have_successors() {
    const KILLED: u64 = 8;
    let ring = elements(100);
    let mut tx = ring.producer().expect("the creator");
    let push = |tx: &mut rondel::spsc::Producer<Element>, until: u64| {
        while tx.position() < until {
            match tx.push_timeout(element(tx.position()), Duration::from_secs(60)) {
                Ok(()) => {}
                // The killed one's successor is not there yet.
                Err(rondel::spsc::PushTimeoutError::Dead(_)) => return,
                Err(other) => panic!("{other}"),
            }
        }
    };
    let mut reached = 0;
    for round in 1..=KILLED {
        let mut child = start("receive-until-killed", Some(ring.segment()), "");
        let first: u64 = child.hear().parse().expect("a number");
        assert!(first >= reached, "consumed once is consumed");
        reached = first;
        push(&mut tx, round * 5000);
        child.kill();
    }
    let mut rx = ring.consumer().expect("the killed one's role is free");
    assert!(rx.position() >= reached && rx.position() > 0);
    let until = tx.position() + 10;
    push(&mut tx, until);
    drop(tx);
    loop {
        let position = rx.position();
        match rx.pop() {
            Ok(found) => assert_eq!(found, element(position)),
            Err(error) => break assert_eq!(error, PopError::Closed),
        }
    }
}

pub(crate) fn child_receive_until_killed() {
    let ring = Ring::<Element>::from_fds(inherited()).expect("the ring");
    let mut rx = ring.consumer().expect("free");
    tell(rx.position());
    loop {
        let position = rx.position();
        assert_eq!(rx.pop(), Ok(element(position)));
    }
}
