//! Attaching a ring of messages to arbitrary bytes: whatever a descriptor holds, attaching answers with a ring or a typed error,
//! and a ring that was attached to can be used without a panic, a hang or an access outside of it.
//!
//! The first two bytes of the input choose: arbitrary bytes as they are, or a segment after some traffic, into which the
//! rest of the input is written, so that the checks behind the first ones are reached: any values, or length words with a tag
//! that belongs to their place.

use std::hint::black_box;
use std::time::Duration;

use arbitrary::Unstructured;
use rondel::bytes::Ring;

use crate::bytes::{assert_made_by_a_creator, bytes_of, cut, mutate, resized, sealed_memfd};
use crate::hostile::touch;
use crate::kept::kept;
use crate::wall::walled;

/// Operations on a ring of hostile bytes.
const OPERATIONS: usize = 24;
const BODY: usize = 4096;
/// The words before the ring, in bytes.
const WORDS: usize = 1024;

/// A ring's bytes when messages of several lengths are unread: in its first lap, or in a later one.
fn valid(choice: u8) -> Vec<u8> {
    kept([choice.into(), 0, 0, 0], || (made(choice), "bytes")).0.clone()
}

fn made(choice: u8) -> Vec<u8> {
    let capacity = 16 + usize::from(choice % 32) * 37;
    let most = capacity / 8 * 8 - 8;
    let builder = Ring::builder().capacity(capacity).largest(if choice & 32 == 0 { most } else { most.div_ceil(3) });
    let ring = builder.anonymous().expect("a memfd");
    let (Ok(mut tx), Ok(mut rx)) = (ring.producer(), ring.consumer()) else { panic!("both are free") };
    let rounds = if choice & 64 == 0 { 0 } else { 50 };
    for round in 0..rounds {
        tx.try_push(&vec![0x86; round * 7 % tx.largest()]).expect("room");
        drop(rx.try_pop().expect("pushed"));
    }
    let largest = tx.largest();
    for len in [3, largest / 2, 0, largest] {
        let _ = tx.try_push(&vec![0x87; len.min(largest)]);
    }
    if choice & 128 != 0 {
        drop(rx.try_pop().expect("pushed"));
    }
    // Before they go: the words are as a kill would leave them.
    bytes_of(ring.segment())
}

/// Writes length words into the ring of a valid segment: of seven bytes, two are the place in words, one is the lap, four the length.
fn forge(bytes: &mut [u8], script: &[u8]) {
    let word = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
    // `body_len` and the largest message, as the header says.
    let data = word(64) - WORDS as u64 - word(16).next_multiple_of(64);
    for step in script.chunks_exact(7) {
        let &[low, high, lap, ref len @ ..] = step else { return };
        let offset = u64::from(u16::from_le_bytes([low, high])) * 8 % data;
        let position = offset + u64::from(lap % 32) * data;
        let length = 1 << 63 | (position / 8) << 32 | len.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let at = BODY + WORDS + offset as usize;
        bytes[at..at + 8].copy_from_slice(&u64::to_ne_bytes(length));
    }
}

/// What lies in the segment is touched, as far as it is said to be messages.
fn use_it(ring: &Ring) {
    let mut buffer = vec![0; ring.largest().min(1 << 20)];
    if let Ok(mut rx) = ring.consumer() {
        for _ in 0..OPERATIONS {
            let _ = black_box(rx.is_empty());
            let _ = black_box(rx.peer());
            let _ = rx.peek().map(touch);
            let _ = rx.try_pop_batch().map(|mut batch| (&mut batch).into_iter().take(3).for_each(touch));
            let _ = rx.try_pop().map(|message| touch(&message));
            let _ = black_box(rx.try_pop_into(&mut buffer));
            let _ = rx.pop_timeout(Duration::ZERO).map(|message| touch(&message));
        }
    }
    if let Ok(mut tx) = ring.producer() {
        for round in 0..OPERATIONS {
            let len = round * 11 % (tx.largest().min(4096) + 1);
            let _ = black_box(tx.used());
            let _ = black_box(tx.is_full(len));
            let _ = black_box(tx.peer());
            let _ = tx.try_reserve(tx.largest()).map(|mut reservation| {
                reservation.fill(0x88);
                reservation.commit()
            });
            let _ = black_box(tx.try_push(&vec![0x89; len]));
            let _ = tx.batch().map(|mut batch| {
                let _ = (batch.try_push(&[]), batch.try_push(&[0x8a; 9]));
                batch.publish()
            });
            let _ = black_box(tx.push_timeout(&vec![0x8b; len], Duration::ZERO));
            let _ = black_box(tx.wait_until_empty_timeout(Duration::ZERO));
        }
    }
    // Successors of both.
    drop(black_box(ring.producer()));
    drop(black_box(ring.consumer()));
}

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let [choice, more, script @ ..] = input else {
        return;
    };
    let mut bytes = match choice % 8 {
        0 => resized(script, *more),
        kind => {
            let mut bytes = valid(*more);
            match kind {
                1 => {
                    let mut script = Unstructured::new(script);
                    // What it has not got it takes for zeros.
                    let _ = crate::header::forge(&mut bytes, &mut script);
                    mutate(&mut bytes[BODY..], script.take_rest());
                }
                2 => mutate(&mut bytes[BODY..BODY + WORDS], script),
                3..6 => forge(&mut bytes, script),
                _ => mutate(&mut bytes[BODY + WORDS..], script),
            }
            bytes
        }
    };
    if choice & 0xf0 == 0xf0 {
        // Cut off, or longer than it says.
        cut(&mut bytes, *more);
    }
    let fd = sealed_memfd(&bytes);
    let (ring, walls) = walled(|| Ring::from_fd(fd));
    let Ok(ring) = ring else { return };
    assert_eq!(ring.segment().total_len() as usize, bytes.len(), "mapped as long as it is");
    let (capacity, largest) = (ring.capacity(), ring.largest());
    let made = || bytes_of(Ring::builder().capacity(capacity).largest(largest).anonymous().expect("a memfd").segment());
    assert_made_by_a_creator::<Ring>(&bytes, [capacity, largest, 0, 0], 0, made);
    assert!(walls.check(), "the walls are not where the mapping is");
    assert!(ring.largest() >= 1 && ring.largest() + 8 <= ring.capacity());
    use_it(&ring);
}
