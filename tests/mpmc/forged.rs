//! Words that cannot be, and a wait that comes to its end all the same.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rondel::Wait;
use rondel::mpmc::{PopError, PopTimeoutError, Ring};
use rondel_models::death;

use crate::scratch::within;
use crate::words::Words;

/// The stamp of slot 0 in the first lap, if a producer had claimed it and died.
const VOID: u64 = 2;

/// A ring of which somebody says that its first position is void, though nobody has claimed it. To a wait it looked like something that can be
/// popped, to a pop like nothing: so it tried again and again, and never looked at the clock.
fn void_that_nobody_claimed() -> Ring<u64> {
    let ring = Ring::builder().capacity(4).anonymous().expect("a ring");
    Words::of(&ring).stamp(0).store(VOID, Ordering::Relaxed);
    ring
}

#[test]
fn a_forged_void_does_not_keep_a_pop_beyond_its_time() {
    within("a pop with a time limit", || {
        for wait in [Wait::BusySpin, Wait::default(), Wait::Park] {
            let ring = void_that_nobody_claimed();
            let mut rx = ring.consumer().expect("a place");
            rx.set_wait(wait);
            for timeout in [Duration::ZERO, Duration::from_millis(3)] {
                assert_eq!(rx.pop_timeout(timeout), Err(PopTimeoutError::Timeout));
                assert_eq!(rx.pop_slice_timeout(&mut [0; 4], timeout), Err(PopTimeoutError::Timeout));
                assert_eq!(rx.pop_guard_timeout(timeout).map(drop), Err(PopTimeoutError::Timeout));
            }
        }
    });
}

#[test]
fn a_forged_void_does_not_hide_that_the_producers_are_gone() {
    within("a pop without a time limit", || {
        for wait in [Wait::BusySpin, Wait::default(), Wait::Park] {
            let ring = void_that_nobody_claimed();
            let mut rx = ring.consumer().expect("a place");
            rx.set_wait(wait);
            let [closing, dying] = [(); 2].map(|()| ring.producer().expect("a place"));
            drop(closing);
            death::strike(ring.segment(), dying.participant().into());
            assert_eq!(rx.pop(), Err(PopError::Dead));
        }
    });
}
