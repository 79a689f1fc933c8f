//! "Full", "empty", "blocked" and the length are the truth of some moment during the call; and "pending" stands between them
//! where somebody else is under way.

use loom::sync::Arc;
use loom::thread;

use super::order::drain;
use super::participants::{Rx, Tx};
use crate::crowd::{Handle, Shared};
use crate::models::{Explore, check};
use crate::protocol::mpmc::{Policy, Popped, Pushed, len};

/// Full only with as many claims as slots, empty only with as many pops as pushes.
#[test]
fn full_and_empty_are_true() {
    check(Explore::All, || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert_eq!(rx.half.try_pop(), Ok(Popped::Empty));
        assert!(tx.try_push(1) && tx.try_push(2));
        assert_eq!(tx.half.try_push(9), Ok(Pushed::Full));
        let consumer = thread::spawn(move || (rx.half.try_pop(), rx));
        let third = tx.half.try_push(3).unwrap();
        let (popped, mut rx) = consumer.join().unwrap();
        assert_eq!(popped, Ok(Popped::At(0, 1)));
        assert!(matches!(third, Pushed::At(2, 1) | Pushed::Full | Pushed::Pending));
        assert_eq!(rx.try_pop(), Some(2));
        assert_eq!(rx.try_pop(), (third == Pushed::At(2, 1)).then_some(3));
        assert_eq!(rx.half.try_pop(), Ok(Popped::Empty));
    });
}

/// Whoever has pushed is not told "empty" while that element is there, though an earlier position may not be published.
#[test]
fn a_hole_is_not_emptiness() {
    check(Explore::All, || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        let other = thread::spawn(move || assert!(two.try_push(20)));
        let Ok(Pushed::At(p, 1)) = one.half.try_push(10) else { panic!("there was room for both") };
        match rx.half.try_pop().unwrap() {
            Popped::At(0, element) => assert_eq!(element, if p == 0 { 10 } else { 20 }),
            Popped::Pending => assert_eq!(p, 1),
            popped => panic!("{popped:?}"),
        }
        other.join().unwrap();
    });
}

/// The mirror image: whoever has popped is not told "full", though an earlier slot may not be free.
#[test]
fn a_slot_in_use_is_not_fullness() {
    check(Explore::All, || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        assert!(tx.try_push(1) && tx.try_push(2));
        let other = thread::spawn(move || assert!(two.try_pop().is_some()));
        let Ok(Popped::At(p, _)) = one.half.try_pop() else { panic!("one for each") };
        match tx.half.try_push(3).unwrap() {
            Pushed::At(2, 1) => {}
            Pushed::Pending => assert_eq!(p, 1),
            pushed => panic!("{pushed:?}"),
        }
        other.join().unwrap();
    });
}

/// Head and tail move between the looks at them: no relation of the two is taken for a damaged ring, and no length is more than the ring
/// has room for.
#[test]
fn a_ring_in_motion_is_not_damaged() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert!(tx.try_push(1));
        let consumer = thread::spawn(move || (rx.try_pop(), rx.try_pop()));
        let words = Handle(Arc::clone(&shared));
        let observer = thread::spawn(move || assert!(len(&words, words.0.geometry).expect("sound words") <= 1));
        tx.try_push(2);
        consumer.join().unwrap();
        observer.join().unwrap();
    });
}

/// One producer is refused while another pushes and a consumer pops.
#[test]
fn a_refused_producer_sees_a_sound_ring() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        assert!(one.try_push(1));
        let consumer = thread::spawn(move || assert_eq!(rx.try_pop(), Some(1)));
        let other = thread::spawn(move || two.try_push(2));
        one.try_push(3);
        consumer.join().unwrap();
        other.join().unwrap();
    });
}

/// One consumer is refused while another pops and a producer pushes.
#[test]
fn a_refused_consumer_sees_a_sound_ring() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        let producer = thread::spawn(move || assert!(tx.try_push(1)));
        let other = thread::spawn(move || two.try_pop());
        let first = one.try_pop();
        producer.join().unwrap();
        assert!(first.is_none() || other.join().unwrap().is_none());
    });
}

/// The same while the ring goes round: the tail is more than a ring beyond the head that was read first, and that is no damage.
#[test]
fn a_refused_consumer_is_overtaken_by_the_ring() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(1, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let [mut one, mut two] = [1, 2].map(|line| Rx::new(&shared, line));
        let producer = thread::spawn(move || (tx.try_push(1), tx.try_push(2)));
        let other = thread::spawn(move || two.try_pop());
        let mut popped: Vec<u64> = one.try_pop().into_iter().collect();
        let (first, second) = producer.join().unwrap();
        popped.extend(other.join().unwrap());
        popped.extend(drain(&mut one));
        popped.sort_unstable();
        assert!(first);
        assert_eq!(popped, if second { vec![1, 2] } else { vec![1] });
    });
}
