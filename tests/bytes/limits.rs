//! Capacities and largest messages: what can be asked for, and what is answered otherwise, with both figures.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use rondel::SegmentError;
use rondel::bytes::{CommitError, PushError, PushTimeoutError, Ring, TooLong, TryPopError, TryPushError, pair};

use crate::leftovers;
use crate::scratch::{assert_error, assert_says};

/// A named ring that goes with the value.
fn named(what: &str, capacity: usize, largest: usize) -> (String, Ring) {
    let name = leftovers::of_this_process(&format!("test-bytes-{what}"));
    let builder = Ring::builder().capacity(capacity).largest(largest).unlink_on_drop(true);
    let ring = builder.create(name.as_str()).expect("a new name");
    (name, ring)
}

#[test]
fn capacities_that_hold_no_message_are_refused() {
    assert_error!(Ring::builder().anonymous(), SegmentError::CapacityMissing);
    assert_error!(pair(0), SegmentError::ZeroCapacity);
    for capacity in 1..16 {
        assert_error!(pair(capacity), SegmentError::LargestMessage { requested: 1, most: 0 }, "16 bytes at least");
        let builder = Ring::builder().capacity(capacity).largest(100);
        assert_error!(
            builder.anonymous(),
            SegmentError::LargestMessage { requested: 100, most: 0 },
            "16 bytes at least"
        );
    }
    for (capacity, largest) in [(16, 8), (17, 8), (23, 8), (24, 16), (1000, 992), (1007, 992), (1008, 1000)] {
        let (mut tx, mut rx) = pair(capacity).expect("a ring");
        assert_eq!((tx.capacity(), tx.largest()), (capacity, largest));
        assert_eq!((rx.capacity(), rx.largest()), (capacity, largest));
        tx.try_push(&vec![7; largest]).expect("the largest fits into an empty ring");
        assert_eq!(rx.try_pop().expect("pushed")[..], vec![7; largest]);
    }
}

#[test]
fn capacities_that_no_address_space_holds_are_refused() {
    for capacity in [usize::MAX, usize::MAX / 2, 1 << 62] {
        let expected = capacity as u64;
        let error = pair(capacity).map(drop).expect_err("too large");
        assert!(
            matches!(error, SegmentError::CapacityTooLarge { requested, element_bytes: 1 } if requested == expected),
            "{error:?}"
        );
    }
}

#[test]
fn a_largest_message_that_cannot_be_is_refused_with_both_figures() {
    for (capacity, most) in [(16, 8), (100, 88), (4096, 4088)] {
        for requested in [0, most + 1, most + 8, usize::MAX] {
            let builder = Ring::builder().capacity(capacity).largest(requested);
            let expected = (requested as u64, most as u64);
            let error = builder.anonymous().map(drop).expect_err("cannot be");
            let SegmentError::LargestMessage { requested, most } = error else { panic!("{error:?}") };
            assert_eq!((requested, most), expected);
            assert_says(&error, &requested);
            assert_says(&error, &most);
        }
        for requested in [1, 7, 8, most - 1, most] {
            let ring = Ring::builder().capacity(capacity).largest(requested).anonymous().expect("can be");
            assert_eq!((ring.capacity(), ring.largest()), (capacity, requested));
        }
    }
}

/// What was chosen at creation is demanded only where it is named.
#[test]
fn an_attacher_that_asks_for_another_is_told_both_figures() {
    let (name, _ring) = named("limits", 1000, 100);
    let attach = |builder: rondel::Builder<Ring>| builder.attach(name.as_str());
    for demand in [
        Ring::builder(),
        Ring::builder().capacity(1000),
        Ring::builder().largest(100),
        Ring::builder().capacity(1000).largest(100),
    ] {
        let ring = attach(demand).expect("as it is");
        assert_eq!((ring.capacity(), ring.largest()), (1000, 100));
    }
    for expected in [0, 1, 99, 101, 992] {
        let error = attach(Ring::builder().largest(expected)).map(drop).expect_err("another");
        let SegmentError::Largest { expected: named, found } = error else { panic!("{error:?}") };
        assert_eq!((named, found), (expected as u64, 100));
        assert_says(&error, &expected);
        assert_says(&error, &100);
    }
    assert_error!(
        attach(Ring::builder().capacity(999)),
        SegmentError::Capacity { expected: 999, found: 1000 },
        999,
        1000
    );
    let both = Ring::builder().capacity(999).largest(99);
    assert_error!(attach(both), SegmentError::Largest { expected: 99, found: 100 }, 99, 100);
    let again = Ring::builder().capacity(1000).largest(100);
    assert_eq!(again.create_or_attach(name.as_str()).expect("as it is").largest(), 100);
    let again = Ring::builder().capacity(1000).largest(101);
    assert_error!(again.create_or_attach(name.as_str()), SegmentError::Largest { expected: 101, found: 100 }, 101, 100);
}

#[test]
fn another_kind_of_ring_is_no_ring_of_messages() {
    let (name, _ring) = named("kind", 1000, 100);
    assert_error!(rondel::spsc::Ring::<u8>::attach(name.as_str()), SegmentError::RingKind { found: 3, .. }, "bytes");
    assert_error!(rondel::mpmc::Ring::<u8>::attach(name.as_str()), SegmentError::RingKind { found: 3, .. }, "bytes");
    let elements = leftovers::of_this_process("test-bytes-other-kind");
    let builder = rondel::spsc::Ring::<u8>::builder().capacity(100).unlink_on_drop(true);
    let _elements = builder.create(elements.as_str()).expect("a new name");
    assert_error!(Ring::attach(elements.as_str()), SegmentError::RingKind { found: 1, .. }, "spsc");
}

/// Each call says so, at once, also where there is no room; with both figures; and nothing was pushed.
#[test]
fn a_message_that_is_too_long_is_refused_by_every_call() {
    let ring = Ring::builder().capacity(200).largest(50).anonymous().expect("a ring");
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    let soon = Duration::from_secs(3600);
    for len in [51, 57, 200, 100_000] {
        for full in [false, true] {
            if full {
                while tx.try_push(&[1; 50]).is_ok() {}
            }
            let before = tx.position();
            let too_long = TooLong { len, largest: 50 };
            let text = too_long.to_string();
            assert_says(&too_long, &len);
            assert_says(&too_long, &50);
            let message = vec![2; len];
            let slices = [IoSlice::new(&message[..20]), IoSlice::new(&message[20..])];
            assert_eq!(tx.try_push(&message), Err(TryPushError::TooLong(too_long)));
            assert_eq!(tx.try_push_vectored(&slices), Err(TryPushError::TooLong(too_long)));
            assert_eq!(tx.try_reserve(len).map(drop), Err(TryPushError::TooLong(too_long)));
            assert_eq!(tx.push(&message), Err(PushError::TooLong(too_long)));
            assert_eq!(tx.push_vectored(&slices), Err(PushError::TooLong(too_long)));
            assert_eq!(tx.reserve(len).map(drop), Err(PushError::TooLong(too_long)));
            assert_eq!(tx.push_timeout(&message, soon), Err(PushTimeoutError::TooLong(too_long)));
            assert_eq!(tx.reserve_timeout(len, soon).map(drop), Err(PushTimeoutError::TooLong(too_long)));
            let deadline = Instant::now() + soon;
            assert_eq!(tx.push_deadline(&message, deadline), Err(PushTimeoutError::TooLong(too_long)));
            assert_eq!(tx.reserve_deadline(len, deadline).map(drop), Err(PushTimeoutError::TooLong(too_long)));
            let mut batch = tx.batch().expect("intact");
            assert_eq!(batch.try_push(&message), Err(TryPushError::TooLong(too_long)));
            assert_eq!(batch.try_push_vectored(&slices), Err(TryPushError::TooLong(too_long)));
            assert_eq!(batch.try_reserve(len).map(drop), Err(TryPushError::TooLong(too_long)));
            batch.publish().expect("nothing to do");
            for error in [
                TryPushError::TooLong(too_long).to_string(),
                PushError::TooLong(too_long).to_string(),
                PushTimeoutError::TooLong(too_long).to_string(),
            ] {
                assert_eq!(error, text);
            }
            assert_eq!(tx.is_full(len), Ok(true), "it will never fit");
            assert_eq!(tx.position(), before);
        }
        while rx.try_pop().is_ok() {}
        assert_eq!(tx.try_push_pod(&[0_u64; 7]), Err(TryPushError::TooLong(TooLong { len: 56, largest: 50 })));
        assert_eq!(tx.push_pod(&[0_u64; 7]), Err(PushError::TooLong(TooLong { len: 56, largest: 50 })));
    }
}

/// As many slices as would be a gigabyte: that is counted, and nothing is copied before.
#[test]
fn slices_that_are_too_long_together_are_refused() {
    let (mut tx, _rx) = pair(1000).expect("a ring");
    let large = vec![0; 1 << 20];
    let slices = vec![IoSlice::new(&large); 1 << 10];
    let too_long = TooLong { len: 1 << 30, largest: 992 };
    assert_eq!(tx.try_push_vectored(&slices), Err(TryPushError::TooLong(too_long)));
    assert_eq!(tx.push_vectored(&slices), Err(PushError::TooLong(too_long)));
}

#[test]
fn no_more_can_be_committed_than_is_reserved() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    for (reserved, len) in [(0, 1), (10, 11), (10, 16), (10, usize::MAX), (992, 993)] {
        let error = CommitError::TooLong { len, reserved };
        assert_eq!(tx.try_reserve(reserved).expect("room").commit_len(len), Err(error));
        assert_says(&error, &len);
        assert_says(&error, &reserved);
        let mut batch = tx.batch().expect("intact");
        assert_eq!(batch.try_reserve(reserved).expect("room").commit_len(len), Err(error));
        assert!(batch.is_empty(), "abandoned");
        batch.publish().expect("nothing to do");
        assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
    }
}
