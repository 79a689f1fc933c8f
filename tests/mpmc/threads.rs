//! Several at work at once, on rings so small that they come round all the time: nothing is lost, nothing comes twice, whole
//! slices stay together, and nobody's elements overtake each other.

use std::sync::Barrier;
use std::thread;

use rondel::Wait;
use rondel::mpmc::{Consumer, Producer, Ring};

use crate::scratch::within;

const PRODUCERS: u64 = 3;
const EACH: u64 = 1024;

/// The element with this number of that producer.
fn element(producer: u64, number: u64) -> u64 {
    producer << 32 | number
}

fn ring(capacity: usize, ends_with_producers: bool) -> Ring<u64> {
    Ring::builder().capacity(capacity).ends_with_producers(ends_with_producers).anonymous().expect("a ring")
}

type Push = fn(&mut Producer<u64>, &[u64]);
type Drain = fn(&mut Consumer<u64>) -> Vec<u64>;

/// All that each of three consumers has got.
fn exchange(capacity: usize, wait: Wait, push: Push, drain: Drain) -> Vec<Vec<u64>> {
    let ring = ring(capacity, true);
    within("an exchange", || {
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let mut tx = ring.producer().expect("a place");
                tx.set_wait(wait);
                let elements: Vec<_> = (0..EACH).map(|number| element(producer, number)).collect();
                scope.spawn(move || push(&mut tx, &elements));
            }
            let consumers = (0..3).map(|_| {
                let mut rx = ring.consumer().expect("a place");
                rx.set_wait(wait);
                scope.spawn(move || drain(&mut rx))
            });
            let consumers: Vec<_> = consumers.collect();
            consumers.into_iter().map(|consumer| consumer.join().expect("no panic")).collect()
        })
    })
}

#[test]
fn nothing_is_lost_nor_doubled_nor_overtaken() {
    let pushes: [(&str, Push); 2] = [
        ("push", |tx, elements| elements.iter().for_each(|&element| tx.push(element).expect("consumers"))),
        ("push_slice", |tx, elements| tx.push_slice(elements).expect("consumers")),
    ];
    let drains: [(&str, Drain); 3] = [
        ("iter", |rx| rx.iter().collect()),
        ("pop_guard", |rx| std::iter::from_fn(|| rx.pop_guard().ok().map(|guard| *guard)).collect()),
        ("pop_slice", |rx| {
            let (mut all, mut slice) = (Vec::new(), [0; 5]);
            while let Ok(count) = rx.pop_slice(&mut slice) {
                all.extend_from_slice(&slice[..count]);
            }
            all
        }),
    ];
    for (how, push) in pushes {
        for (what, drain) in drains {
            for capacity in [1, 2, 7] {
                let got = exchange(capacity, Wait::default(), push, drain);
                for by_one in &got {
                    for producer in 0..PRODUCERS {
                        let numbers: Vec<_> = by_one.iter().filter(|&&element| element >> 32 == producer).collect();
                        assert!(numbers.is_sorted(), "{how}, {what}, {capacity}: overtaken");
                    }
                }
                let mut all = got.concat();
                all.sort_unstable();
                let expected =
                    (0..PRODUCERS).flat_map(|producer| (0..EACH).map(move |number| element(producer, number)));
                assert!(all.into_iter().eq(expected), "{how}, {what}, {capacity}: lost or doubled");
            }
        }
    }
}

/// What one step has claimed is nobody else's, at either end.
#[test]
fn a_slice_stays_together() {
    const LEN: u64 = 16;
    let ring = ring((PRODUCERS * EACH) as usize, true);
    let together = Barrier::new(PRODUCERS as usize);
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (mut tx, together) = (ring.producer().expect("a place"), &together);
            scope.spawn(move || {
                together.wait();
                for first in (0..EACH).step_by(LEN as usize) {
                    let slice: Vec<_> = (first..first + LEN).map(|number| element(producer, number)).collect();
                    assert_eq!(tx.try_push_slice(&slice), Ok(slice.len()));
                }
            });
        }
    });
    let mut rx = ring.consumer().expect("a place");
    let all: Vec<_> = rx.iter().collect();
    assert_eq!(all.len() as u64, PRODUCERS * EACH);
    for slice in all.chunks(LEN as usize) {
        assert!(slice.windows(2).all(|two| two[0] + 1 == two[1]), "somebody came between: {slice:x?}");
    }
    // Once more, from a ring of consecutive numbers, by several at once.
    let mut tx = ring.producer().expect("a place");
    let numbers: Vec<_> = (0..PRODUCERS * EACH).collect();
    tx.push_slice(&numbers).expect("room");
    drop((tx, rx));
    let together = Barrier::new(3);
    let take = |mut rx: Consumer<u64>| {
        let (mut all, mut slice) = (Vec::new(), [0; LEN as usize]);
        together.wait();
        while let Ok(count @ 1..) = rx.try_pop_slice(&mut slice) {
            assert!(slice[..count].windows(2).all(|two| two[0] + 1 == two[1]), "somebody took from between: {slice:?}");
            all.extend_from_slice(&slice[..count]);
        }
        all
    };
    let consumers: Vec<_> = (0..3).map(|_| ring.consumer().expect("a place")).collect();
    let mut all: Vec<u64> = thread::scope(|scope| {
        let takers: Vec<_> = consumers.into_iter().map(|rx| scope.spawn(|| take(rx))).collect();
        takers.into_iter().flat_map(|taker| taker.join().expect("no panic")).collect()
    });
    all.sort_unstable();
    assert_eq!(all, numbers);
}

/// One intent covers 65 535 positions and no more; longer slices take several steps.
#[test]
fn slices_longer_than_one_claim() {
    const MOST: usize = 65_535;
    const LEN: usize = 100_000;
    let ring = ring(LEN, false);
    let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    let numbers: Vec<_> = (0..LEN as u64).collect();
    for _ in 0..3 {
        assert_eq!(tx.try_push_slice(&numbers), Ok(LEN));
        let mut popped = vec![0; LEN];
        assert_eq!(rx.try_pop_slice(&mut popped), Ok(MOST));
        assert_eq!(rx.try_pop_slice(&mut popped[MOST..]), Ok(LEN - MOST));
        assert_eq!(popped, numbers);
    }
}
