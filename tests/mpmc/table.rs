//! The table of participants: who gets a place, what is said when there is none, and what becomes of a place that was given
//! back.

use std::collections::BTreeSet;
use std::thread;

use rondel::mpmc::{Ring, TryPopError};
use rondel::segment::RoleState;
use rondel::{Fault, NotAttached, SegmentError};

use crate::refusing::{consumer_refuses, producer_refuses};
use crate::scratch::{assert_error, within};

fn ring(places: u32) -> Ring<u64> {
    Ring::builder().capacity(8).participants(places).anonymous().expect("a ring")
}

#[test]
fn a_full_table_says_who_is_there() {
    let ring = ring(3);
    let tx = ring.producer().expect("a place");
    let rx = ring.consumer().expect("a place");
    let other = tx.try_clone().expect("a place");
    let me = Some(std::process::id());
    for refused in
        [ring.producer().map(drop), ring.consumer().map(drop), tx.try_clone().map(drop), rx.try_clone().map(drop)]
    {
        let Err(error) = refused else { panic!("four in a table of three") };
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        let SegmentError::TableFull { holders } = error else { panic!("{error}") };
        let found: Vec<_> = holders.iter().map(|holder| (holder.name.as_str(), holder.pid, holder.alive)).collect();
        let side = |number: u32| if number == rx.participant() { "consumer" } else { "producer" };
        let names: Vec<_> = (0..3).map(|number| format!("{} {number}", side(number))).collect();
        let expected: Vec<_> = names.iter().map(|name| (name.as_str(), me, true)).collect();
        assert_eq!(found, expected);
        assert!(holders.iter().all(|holder| holder.state == RoleState::Attached));
    }
    drop((other, rx));
}

/// `Clone` cannot refuse, so the clone does, at each call; and neither it nor its drop touches the ring.
#[test]
fn a_clone_without_a_place_has_failed_and_harms_nobody() {
    let ring = ring(2);
    let mut tx = ring.producer().expect("a place");
    let mut rx = ring.consumer().expect("a place");
    tx.push(1).expect("room");
    let fault = Fault::NotAttached(NotAttached::TableFull { participants: 2 });
    let (mut tx_clone, mut rx_clone) = (tx.clone(), rx.clone());
    for _ in 0..2 {
        producer_refuses(&mut tx_clone, fault);
        consumer_refuses(&mut rx_clone, fault);
    }
    let table = ring.participants();
    drop(tx_clone);
    drop(rx_clone);
    assert_eq!(ring.participants(), table, "the originals' places are as before");
    assert_eq!(rx.try_pop(), Ok(1));
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty), "nobody has closed");
    tx.push(2).expect("room");
    assert_eq!(rx.try_pop(), Ok(2));
}

/// A clone of a failed clone tries anew.
#[test]
fn a_failed_clone_can_be_cloned_when_there_is_a_place() {
    let ring = ring(2);
    let (tx, rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    let (tx_clone, rx_clone) = (tx.clone(), rx.clone());
    drop((tx, rx));
    let (mut tx, mut rx) = (tx_clone.clone(), rx_clone.clone());
    tx.push(3).expect("attached");
    assert_eq!(rx.pop(), Ok(3));
    producer_refuses(&mut { tx_clone }, Fault::NotAttached(NotAttached::TableFull { participants: 2 }));
}

#[test]
fn a_place_is_free_again_as_soon_as_its_holder_has_gone() {
    let ring = ring(3);
    for round in 0..50 {
        let tx = ring.producer().expect("a place");
        let rx = ring.consumer().expect("a place");
        let third = if round % 2 == 0 { tx.clone().participant() } else { rx.clone().participant() };
        let numbers = BTreeSet::from([tx.participant(), rx.participant(), third]);
        assert_eq!(numbers, BTreeSet::from([0, 1, 2]));
        // The place that the clone has given back, on the other side now.
        let again = ring.consumer().expect("a place");
        assert_eq!(again.participant(), third);
        assert_error!(ring.producer(), SegmentError::TableFull { .. });
    }
    assert!(ring.participants().iter().all(|place| !place.alive && place.state == RoleState::Closed));
}

/// No place twice, and none left empty, however many come at the same moment.
#[test]
fn of_many_who_come_at_once_as_many_get_a_place_as_there_are() {
    const PLACES: u32 = 5;
    let ring = ring(PLACES);
    within("attaching", || {
        for round in 0..200 {
            let handles = thread::scope(|scope| {
                let attach = |number: usize| {
                    let ring = &ring;
                    move || match number % 2 {
                        0 => ring.producer().map(|tx| (tx.participant(), Some(tx), None)),
                        _ => ring.consumer().map(|rx| (rx.participant(), None, Some(rx))),
                    }
                };
                let threads: Vec<_> = (0..8).map(|number| scope.spawn(attach(number))).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
            });
            let numbers: Vec<u32> = handles.iter().flatten().map(|(number, _, _)| *number).collect();
            let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
            assert_eq!((numbers.len(), distinct.len()), (PLACES as usize, PLACES as usize), "round {round}");
        }
    });
}
