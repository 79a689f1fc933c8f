//! Nothing lost, doubled, torn or overtaken, while nobody dies: two producers and a consumer, a producer and two consumers, and
//! both on a ring of one slot, which goes round with every element.
//!
//! Nobody tries for ever: what nobody has popped when all have come to an end, a last consumer drains.

use loom::thread;

use super::participants::{Rx, Tx};
use crate::crowd::Shared;
use crate::models::{Explore, check};
use crate::protocol::mpmc::{Policy, Pushed};

/// Everything that is left.
pub(super) fn drain(rx: &mut Rx) -> Vec<u64> {
    std::iter::from_fn(|| rx.try_pop()).collect()
}

/// What is popped stands in the order of positions, whoever was slower.
#[test]
fn two_producers_and_a_consumer() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut rx = Rx::new(&shared, 2);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let two = thread::spawn(move || two.half.try_push(20));
        let consumer = thread::spawn(move || (rx.try_pop(), rx));
        let one = one.half.try_push(10);
        let two = two.join().unwrap();
        let (popped, mut rx) = consumer.join().unwrap();
        let mut popped: Vec<u64> = popped.into_iter().collect();
        popped.extend(drain(&mut rx));
        match (one, two) {
            (Ok(Pushed::At(0, 1)), Ok(Pushed::At(1, 1))) => assert_eq!(popped, [10, 20]),
            (Ok(Pushed::At(1, 1)), Ok(Pushed::At(0, 1))) => assert_eq!(popped, [20, 10]),
            refused => panic!("there was room for both: {refused:?}"),
        }
    });
}

#[test]
fn a_producer_and_two_consumers() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        let two = thread::spawn(move || (two.try_pop(), two));
        let producer = thread::spawn(move || assert!(tx.try_push(1) && tx.try_push(2)));
        let first = [one.try_pop(), one.try_pop()];
        producer.join().unwrap();
        let (second, mut rest) = two.join().unwrap();
        assert!(first[0].is_none() || first[1].is_none() || first[0] < first[1], "overtaken");
        let mut popped: Vec<u64> = first.into_iter().chain([second]).flatten().collect();
        popped.extend(drain(&mut rest));
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// A slot is written again only when it has been read, though another producer than the last one comes for it.
#[test]
fn a_wrap_with_two_producers() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut rx = Rx::new(&shared, 2);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        assert!(one.try_push(1));
        let consumer = thread::spawn(move || ([rx.try_pop(), rx.try_pop()], rx));
        let two = thread::spawn(move || two.try_push(20));
        let one = one.try_push(10);
        let two = two.join().unwrap();
        let (popped, mut rx) = consumer.join().unwrap();
        let mut popped: Vec<u64> = popped.into_iter().flatten().collect();
        popped.extend(drain(&mut rx));
        let pushed = [(true, 1), (one, 10), (two, 20)].into_iter().filter(|(pushed, _)| *pushed);
        assert_eq!(popped[0], 1);
        popped.sort_unstable();
        assert_eq!(popped, pushed.map(|(_, element)| element).collect::<Vec<_>>());
    });
}

#[test]
fn a_wrap_with_two_consumers() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        assert!(tx.try_push(1));
        let producer = thread::spawn(move || tx.try_push(2));
        let two = thread::spawn(move || (two.try_pop(), two));
        let mut popped: Vec<u64> = one.try_pop().into_iter().collect();
        let pushed = producer.join().unwrap();
        let (second, mut two) = two.join().unwrap();
        popped.extend(second);
        popped.extend(drain(&mut two));
        popped.sort_unstable();
        assert_eq!(popped, if pushed { vec![1, 2] } else { vec![1] });
    });
}
