//! A record of each length at each offset of the ring: whole, aligned, and beside its neighbours.

use rondel::bytes::{Consumer, Producer, Ring, TryPushError};

use crate::scratch::message;

/// Moves both handles on to the next position that is a multiple of 8.
fn step(tx: &mut Producer, rx: &mut Consumer) {
    tx.try_push(&[]).expect("room");
    drop(rx.try_pop().expect("pushed"));
}

fn assert_aligned(bytes: &[u8]) {
    assert_eq!(bytes.as_ptr() as usize % 8, 0, "a message of {} bytes begins at {:p}", bytes.len(), bytes.as_ptr());
}

/// With a message before it and one behind it, at every offset, over two laps: those that run over the end of the ring are among them,
/// as far as they can.
#[test]
fn every_length_at_every_offset() {
    for (capacity, largest) in [(16, 8), (40, 24), (40, 1), (64, 56), (200, 192), (300, 100), (301, 33)] {
        let ring = Ring::builder().capacity(capacity).largest(largest).anonymous().expect("a ring");
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        // More than the ring has, in words; so every offset comes up twice for each length.
        let laps = 2 * (2 * capacity + 200) / 8;
        for len in [0, 1, 7, 8, 9, largest / 2, largest - 1, largest] {
            if len > largest {
                continue;
            }
            for number in 0..laps {
                let sent = message(number, len);
                let mut reservation = tx.try_reserve(len).expect("an empty ring takes the largest");
                assert_aligned(&reservation);
                assert_eq!(reservation.len(), len);
                reservation.copy_from_slice(&sent);
                reservation.commit().expect("intact");
                // As many neighbours as fit.
                let mut behind = 0;
                while tx.try_push(&message(number + behind, 5.min(largest))).is_ok() {
                    behind += 1;
                }
                let received = rx.try_pop().expect("pushed");
                assert_aligned(&received);
                assert_eq!(*received, sent, "{len} bytes in a ring of {capacity}");
                drop(received);
                let mut batch = rx.try_pop_batch().expect("neighbours");
                for (neighbour, received) in (&mut batch).into_iter().enumerate() {
                    assert_aligned(received);
                    assert_eq!(received, message(number + neighbour, 5.min(largest)));
                }
                assert_eq!(batch.given(), behind);
                drop(batch);
                step(&mut tx, &mut rx);
            }
        }
    }
}

/// Records of the capacity together fit at every offset, one large or many small, and nothing that was refused harms what is there.
#[test]
fn a_capacity_fits_wherever_it_begins() {
    for (capacity, largest) in [(16, 8), (24, 16), (64, 56), (64, 9), (200, 192), (200, 40), (1000, 992)] {
        let ring = Ring::builder().capacity(capacity).largest(largest).anonymous().expect("a ring");
        let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
        for len in [0, 1, 8, largest / 2, largest] {
            let count = capacity / (8 + len.next_multiple_of(8));
            for number in 0..(2 * capacity + 200) / 8 {
                for index in 0..count {
                    let pushed = tx.try_push(&message(number + index, len));
                    assert_eq!(pushed, Ok(()), "{index} of {count} messages of {len} bytes in {capacity}");
                }
                let mut more = 0;
                while tx.try_push(&message(number + count + more, len)).is_ok() {
                    more += 1;
                }
                assert_eq!(tx.try_push(&message(0, len)), Err(TryPushError::Full));
                for index in 0..count + more {
                    assert_eq!(*rx.try_pop().expect("pushed"), message(number + index, len));
                }
                assert!(rx.try_pop().is_err());
                step(&mut tx, &mut rx);
            }
        }
    }
}
