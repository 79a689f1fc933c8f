//! What a creator chooses, and what an attacher may ask for; capacities, and what fits in fact.

use rondel::mpmc::{OnConsumerDeath, Producer, Ring, TryPushError};
use rondel::segment::{Builder, RingKind};
use rondel::{SegmentError, spsc};

use crate::leftovers;
use crate::scratch::assert_error;

/// A name in the directory of segments, unlinked on drop.
struct Named(String);

impl Named {
    fn new(test: &str) -> Self {
        Named(leftovers::of_this_process(&format!("test-mpmc-{test}")))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Ok(ring) = Ring::<u64>::attach(self.0.as_str()) {
            let _ = ring.unlink();
        }
    }
}

fn builder() -> Builder<Ring<u64>> {
    Ring::builder().capacity(5)
}

#[test]
fn an_option_is_demanded_only_where_it_is_named() {
    type Choose = fn(Builder<Ring<u64>>, bool) -> Builder<Ring<u64>>;
    let options: [(&str, [&str; 2], Choose); 3] = [
        ("on_consumer_death", ["redeliver", "discard"], |builder, second| {
            builder.on_consumer_death(if second { OnConsumerDeath::Discard } else { OnConsumerDeath::Redeliver })
        }),
        ("ends_with_producers", ["true", "false"], |builder, second| builder.ends_with_producers(!second)),
        ("ends_with_consumers", ["true", "false"], |builder, second| builder.ends_with_consumers(!second)),
    ];
    for (name, words, choose) in options {
        for chosen in [false, true] {
            let place = Named::new(name);
            let ring = choose(builder(), chosen).create(place.0.as_str()).expect("a new name");
            Ring::<u64>::attach(place.0.as_str()).expect("asks for nothing");
            choose(builder(), chosen).attach(place.0.as_str()).expect("asks for what there is");
            choose(builder(), chosen).create_or_attach(place.0.as_str()).expect("asks for what there is");
            assert_error!(
                choose(builder(), !chosen).attach(place.0.as_str()),
                SegmentError::RingOption { option, expected, found }
                    if (option, expected, found)
                        == (name, words[usize::from(!chosen)], words[usize::from(chosen)])
            );
            assert_error!(
                choose(builder(), !chosen).from_fd(ring.try_clone_fd().expect("a descriptor")),
                SegmentError::RingOption { .. } | SegmentError::SealsMissing { .. }
            );
        }
    }
}

/// What is not called is the default at creation: redelivering, and ending with either side.
#[test]
fn the_defaults_are_as_documented() {
    let place = Named::new("defaults");
    let ring = builder().create(place.0.as_str()).expect("a new name");
    assert_eq!((ring.capacity(), ring.places()), (5, 64));
    builder()
        .participants(64)
        .on_consumer_death(OnConsumerDeath::Redeliver)
        .ends_with_producers(true)
        .ends_with_consumers(true)
        .attach(place.0.as_str())
        .expect("the defaults");
}

#[test]
fn another_length_of_the_table_is_refused_where_one_is_named() {
    let place = Named::new("participants");
    let ring = builder().participants(7).create(place.0.as_str()).expect("a new name");
    assert_eq!(builder().attach(place.0.as_str()).expect("asks for nothing").places(), 7);
    assert_eq!(ring.participants().len(), 7);
    for asked in [1, 6, 8, 64, 4096] {
        assert_error!(
            builder().participants(asked).attach(place.0.as_str()),
            SegmentError::Participants { expected, found: 7 } if expected == asked
        );
    }
}

#[test]
fn a_table_has_one_place_at_least_and_4096_at_most() {
    for impossible in [0, 4097, u32::MAX] {
        assert_error!(
            builder().participants(impossible).anonymous(),
            SegmentError::ParticipantCount { requested, most: 4096 } if requested == impossible
        );
    }
    let ring = builder().participants(4096).anonymous().expect("the longest");
    assert_eq!(ring.participants().len(), 4096);
    let tx = ring.producer().expect("a place");
    assert_eq!(tx.participant(), 0);
    let lonely = builder().participants(1).anonymous().expect("the shortest");
    let rx = lonely.consumer().expect("a place");
    assert_error!(lonely.producer(), SegmentError::TableFull { holders } if holders.len() == 1);
    drop(rx);
    lonely.producer().expect("a place again");
}

#[test]
fn the_kind_of_ring_and_the_element_are_checked() {
    let place = Named::new("kind");
    let _ring = builder().create(place.0.as_str()).expect("a new name");
    assert_error!(spsc::Ring::<u64>::attach(place.0.as_str()), SegmentError::RingKind { expected: RingKind::Spsc, .. });
    assert_error!(Ring::<u32>::attach(place.0.as_str()), SegmentError::ElementSize { expected: 4, found: 8 });
    assert_error!(Ring::<[u8; 8]>::attach(place.0.as_str()), SegmentError::ElementAlign { expected: 1, found: 8 });
    assert_error!(builder().capacity(8).attach(place.0.as_str()), SegmentError::Capacity { expected: 8, found: 5 });
}

#[test]
fn no_capacity_and_too_much_of_it_are_errors() {
    assert_error!(builder().capacity(0).anonymous(), SegmentError::ZeroCapacity);
    for capacity in [usize::MAX, usize::MAX / 8, 1 << 62, (1 << 60) + 1] {
        assert_error!(
            builder().capacity(capacity).anonymous(),
            SegmentError::CapacityTooLarge { requested, element_bytes: 8 } if requested == capacity as u64
        );
    }
}

fn fill(tx: &mut Producer<u64>) -> usize {
    let count = (0..).take_while(|&element| tx.try_push(element).is_ok()).count();
    assert_eq!(tx.try_push(7), Err(TryPushError::Full(7)));
    count
}

/// What was asked for always fits, and in fact as much as the next power of two; `capacity` tells what was asked for.
#[test]
fn a_capacity_is_rounded_up_to_a_power_of_two() {
    for (asked, fits) in [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (100, 128), (1000, 1024)] {
        let ring = builder().capacity(asked).anonymous().expect("a ring");
        let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
        assert_eq!([ring.capacity(), tx.capacity(), rx.capacity()], [asked; 3]);
        for _ in 0..3 {
            assert_eq!(fill(&mut tx), fits, "asked for {asked}");
            assert_eq!(rx.try_iter().count(), fits);
        }
        for element in 0..asked as u64 {
            assert_eq!(rx.is_full(), Ok(false), "{element} of {asked}");
            tx.try_push(element).expect("room");
        }
        assert_eq!(rx.is_full(), Ok(true), "as full as was asked for");
        assert_eq!(tx.is_full(), Ok(asked == fits), "no room at all");
    }
}
