//! Several sleepers, and no wake-up lost. A lost one is a deadlock, which loom reports: the model's futex knows no time limit.
//!
//! One sleeper on either side; two sleepers and two messages, single or in a batch; messages published out of order; sleepers that
//! leave for another reason than that they were chosen; the bits of the dead; the bit that several lines share.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::participants::{Rx, Tx};
use crate::crash;
use crate::crowd::{Handle, Shared, Sleepers};
use crate::models::{Explore, check};
use crate::protocol::event::Kernel;
use crate::protocol::mpmc::{Policy, Popped, Pushed, Side, sleepers};
use crate::sync::{AtomicU32, Ordering};

#[test]
fn a_sleeping_consumer_is_woken() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        let consumer = thread::spawn(move || assert_eq!((rx.pop(), rx.pop()), (1, 2)));
        assert!(tx.post(1) && tx.post(2));
        consumer.join().unwrap();
    });
}

#[test]
fn a_sleeping_producer_is_woken() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(1, 2, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let mut rx = Rx::new(&shared, 1);
        assert!(tx.try_push(1));
        let producer = thread::spawn(move || tx.push(2));
        assert_eq!(rx.fetch(), Some(1));
        producer.join().unwrap();
        assert_eq!(rx.try_pop(), Some(2));
    });
}

/// Two consumers asleep, or about to be, on lines 1 and 2.
fn two_consumers(shared: &Arc<Shared>) -> [thread::JoinHandle<u64>; 2] {
    [1, 2].map(|line| {
        let mut rx = Rx::new(shared, line);
        thread::spawn(move || rx.pop())
    })
}

fn both_popped(consumers: [thread::JoinHandle<u64>; 2]) {
    let mut popped = consumers.map(|consumer| consumer.join().unwrap());
    popped.sort_unstable();
    assert_eq!(popped, [1, 2]);
}

#[test]
fn two_sleeping_consumers_are_woken_by_two_messages() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = two_consumers(&shared);
        assert!(tx.post(1) && tx.post(2));
        both_popped(consumers);
    });
}

#[test]
fn two_sleeping_consumers_are_woken_by_a_batch() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = two_consumers(&shared);
        tx.post_slice(&[1, 2]);
        both_popped(consumers);
    });
}

#[test]
fn two_sleeping_producers_are_woken_by_two_pops() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let producers = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        let [mut one, mut two] = producers;
        assert!(one.try_push(1) && two.try_push(2));
        let producers = [thread::spawn(move || one.push(3)), thread::spawn(move || two.push(4))];
        assert_eq!((rx.fetch(), rx.fetch()), (Some(1), Some(2)));
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn two_sleeping_producers_are_woken_by_a_batch() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        assert!(one.try_push(1) && two.try_push(2));
        let producers = [thread::spawn(move || one.push(3)), thread::spawn(move || two.push(4))];
        rx.fetch_slice(&mut [0; 2]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// Two producers publish out of order: the sleeper that is woken for the later position can do nothing with it.
#[test]
fn a_position_published_early_wakes_again_when_it_can_be_had() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        let producer = thread::spawn(move || assert!(one.post(1)));
        let consumer = thread::spawn(move || [rx.pop(), rx.pop()]);
        assert!(two.post(2));
        producer.join().unwrap();
        let mut popped = consumer.join().unwrap();
        popped.sort_unstable();
        assert_eq!(popped, [1, 2]);
    });
}

/// The same with two sleepers: the publisher of the earlier position, who sees the later one only as far as the mask orders it, wakes both.
#[test]
fn two_sleepers_have_what_was_published_out_of_order() {
    check(Explore::Preemptions(1), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let (mut one, mut two) = (Tx::new(&shared, 0), Tx::new(&shared, 3));
        let consumers = two_consumers(&shared);
        let other = thread::spawn(move || assert!(two.post(2)));
        assert!(one.post(1));
        other.join().unwrap();
        both_popped(consumers);
    });
}

/// And two that have slept when the first position has been claimed, and sleep again when the second one is there.
#[test]
fn two_sleepers_are_woken_once_the_gap_is_closed() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let (mut one, mut two) = (Tx::new(&shared, 0), Tx::new(&shared, 3));
        let consumers = two_consumers(&shared);
        shared.between_claim_and_write(move || assert!(two.post(2)));
        assert!(one.post(1));
        both_popped(consumers);
    });
}

/// The mirror image.
#[test]
fn two_sleepers_have_what_was_freed_out_of_order() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 4, Policy::Redeliver);
        let [mut one, mut two] = [0, 1].map(|line| Tx::new(&shared, line));
        let [mut first, mut second] = [2, 3].map(|line| Rx::new(&shared, line));
        assert!(one.try_push(1) && two.try_push(2));
        let producers = [thread::spawn(move || one.push(3)), thread::spawn(move || two.push(4))];
        assert_eq!(first.half.try_claim(), Ok(Popped::At(0, 1)));
        assert_eq!(second.fetch(), Some(2));
        first.free_and_wake(0);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

/// A consumer that is about to sleep looks at a head that others have moved on.
#[test]
fn the_last_look_is_at_the_head_as_it_is() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        assert!(tx.try_push(1));
        let [mut sleeper, mut rx] = [1, 2].map(|line| Rx::new(&shared, line));
        let sleeper = thread::spawn(move || sleeper.pop());
        let first = rx.try_pop();
        assert!(tx.post(2));
        assert_eq!(sleeper.join().unwrap(), if first.is_some() { 2 } else { 1 });
    });
}

/// And a producer at a tail.
#[test]
fn the_last_look_is_at_the_tail_as_it_is() {
    check(Explore::Preemptions(3), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let [mut sleeper, mut tx] = [0, 1].map(|line| Tx::new(&shared, line));
        let mut rx = Rx::new(&shared, 2);
        assert!(tx.try_push(1));
        let sleeper = thread::spawn(move || sleeper.push(2));
        tx.try_push(3);
        assert_eq!(rx.fetch(), Some(1));
        sleeper.join().unwrap();
    });
}

/// A message whose producer was killed before it woke anybody: the sleeper that is chosen for the next one takes it, and passes the
/// choice on.
#[test]
fn a_choice_is_passed_on() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = two_consumers(&shared);
        assert!(tx.try_push(1) && tx.post(2));
        both_popped(consumers);
    });
}

/// A kernel where everybody who is to be woken is asleep, and no time passes.
struct Tally(Arc<AtomicUsize>);

impl Kernel for Tally {
    type Until = ();

    fn heavy_fence(&self) {}

    fn light_fence(&self) {}

    fn futex_wait(&self, _: &AtomicU32, _: u32, (): ()) {
        panic!("nobody goes to sleep here");
    }

    fn futex_wake(&self, _: &AtomicU32) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// Two wakers go for the same bit: the one that comes too late chooses somebody else.
#[test]
fn two_wakers_wake_two() {
    check(Explore::All, || {
        let shared = Shared::new(2, 2, Policy::Redeliver);
        let beds = Sleepers(Handle(Arc::clone(&shared)), Side::Consumer);
        sleepers::announce(&beds, 0);
        sleepers::announce(&beds, 1);
        let woken = Arc::new(AtomicUsize::new(0));
        let other = {
            let (beds, kernel) = (beds.clone(), Tally(Arc::clone(&woken)));
            thread::spawn(move || sleepers::wake_for_each(&beds, &kernel, 0, 1, |_| false))
        };
        // The choice begins at the same bit.
        sleepers::wake_for_each(&beds, &Tally(Arc::clone(&woken)), 64, 1, |_| false);
        other.join().unwrap();
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    });
}

/// A sleeper that died, wherever it stood, leaves a bit behind that swallows nobody's wake-up.
#[test]
fn a_dead_sleeper_is_passed_over() {
    for steps in 0..4 {
        check(Explore::Preemptions(3), move || {
            let shared = Shared::new(2, 3, Policy::Redeliver);
            let mut tx = Tx::new(&shared, 0);
            let mut rx = Rx::new(&shared, 2);
            let beds = Sleepers(Handle(Arc::clone(&shared)), Side::Consumer);
            crash::mortal(steps, || sleepers::announce(&beds, 1));
            let consumer = thread::spawn(move || rx.pop());
            assert!(tx.post(1));
            assert_eq!(consumer.join().unwrap(), 1);
        });
    }
}

/// Lines from 63 on share a bit: each of them may be the one that was meant.
#[test]
fn sleepers_that_share_a_bit_are_all_woken() {
    check(Explore::Preemptions(1), || {
        let shared = Shared::new(2, 65, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let consumers = [63, 64].map(|line| {
            let mut rx = Rx::new(&shared, line);
            thread::spawn(move || rx.pop())
        });
        assert!(tx.post(1) && tx.post(2));
        both_popped(consumers);
    });
}

/// Something that concerns all: everybody is woken, also where there is nothing to be passed on.
#[test]
fn all_are_woken() {
    check(Explore::All, || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let beds = Sleepers(Handle(Arc::clone(&shared)), Side::Consumer);
        let sleeper = {
            let beds = beds.clone();
            thread::spawn(move || sleepers::announce(&beds, 2))
        };
        sleepers::announce(&beds, 0);
        sleepers::announce(&beds, 1);
        let woken = Arc::new(AtomicUsize::new(0));
        sleepers::wake_all(&beds, &Tally(Arc::clone(&woken)));
        sleeper.join().unwrap();
        // The third one may have come later; then it looks for itself.
        assert!(woken.load(Ordering::Relaxed) >= 2);
        sleepers::wake_all(&beds, &Tally(Arc::clone(&woken)));
        assert_eq!(woken.load(Ordering::Relaxed), 3);
    });
}

/// Published by one who is killed before it wakes anybody; whoever notices the death wakes all.
#[test]
fn sleepers_have_what_nobody_woke_them_for() {
    check(Explore::Preemptions(2), || {
        let shared = Shared::new(2, 3, Policy::Redeliver);
        let mut tx = Tx::new(&shared, 0);
        let beds = Sleepers(Handle(Arc::clone(&shared)), Side::Consumer);
        let consumers = two_consumers(&shared);
        assert_eq!(tx.half.try_push_slice(&[1, 2]), Ok(Pushed::At(0, 2)));
        shared.futex.light_fence();
        sleepers::wake_all(&beds, &shared.futex);
        both_popped(consumers);
    });
}
