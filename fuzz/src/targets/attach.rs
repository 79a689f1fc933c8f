//! Attaching to arbitrary bytes: whatever a descriptor holds, attaching answers with a ring or a typed error, and a ring
//! that was attached to can be used without a panic, a hang or an access outside of it.
//!
//! The first byte of the input chooses: arbitrary bytes as they are; or a valid segment with a few fields of its header changed, or into
//! which the rest of the input is written, places and values, so that the checks behind the first ones are reached.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::time::Duration;

use arbitrary::Unstructured;
use bytemuck::Pod;
use rondel::spsc::Ring;

use crate::bytes::{assert_made_by_a_creator, bytes_of, cut, mutate, resized, sealed_memfd};
use crate::header::forge;
use crate::kept::kept;
use crate::wall::walled;

/// Operations on a ring of hostile bytes: bounded, for each may report as many elements as the ring has lines.
const OPERATIONS: usize = 24;
const BODY: usize = 4096;

/// A ring's bytes, as its creator leaves them.
fn valid<T: Pod>(capacity: usize) -> Vec<u8> {
    let ring = || Ring::<T>::builder().capacity(capacity).anonymous().expect("a memfd");
    kept([capacity, size_of::<T>(), 0, 0], || (bytes_of(ring().segment()), "spsc")).0.clone()
}

/// A valid segment, of which a few fields of the header were changed, and then words of the body, or any words.
fn forged<T: Pod>(fields: bool, capacity: usize, script: &[u8]) -> Vec<u8> {
    let mut bytes = valid::<T>(capacity);
    if !fields {
        mutate(&mut bytes, script);
        return bytes;
    }
    let mut script = Unstructured::new(script);
    // What it has not got it takes for zeros.
    let _ = forge(&mut bytes, &mut script);
    mutate(&mut bytes[BODY..], script.take_rest());
    bytes
}

fn attach<T: Pod>(fd: &OwnedFd, bytes: &[u8]) {
    let fd = fd.try_clone().expect("a descriptor");
    let (ring, walls) = walled(|| Ring::<T>::from_fd(fd));
    let Ok(ring) = ring else { return };
    assert_eq!(ring.segment().total_len() as usize, bytes.len(), "mapped as long as it is");
    let capacity = ring.capacity();
    let made = || bytes_of(Ring::<T>::builder().capacity(capacity).anonymous().expect("a memfd").segment());
    assert_made_by_a_creator::<Ring<T>>(bytes, [capacity, 0, 0, 0], 0, made);
    assert!(walls.check(), "the walls are not where the mapping is");
    use_it(&ring);
}

fn use_it<T: Pod>(ring: &Ring<T>) {
    let mut batch = [T::zeroed(); 9];
    if let Ok(mut rx) = ring.consumer() {
        for _ in 0..OPERATIONS {
            let _ = black_box(rx.len());
            let _ = black_box(rx.is_empty());
            let _ = black_box(rx.peer());
            let _ = black_box(rx.try_pop());
            let _ = black_box(rx.try_pop_slice(&mut batch));
            drop(rx.try_pop_guard());
            let _ = black_box(rx.pop_timeout(Duration::ZERO));
        }
    }
    if let Ok(mut tx) = ring.producer() {
        for _ in 0..OPERATIONS {
            let _ = black_box(tx.len());
            let _ = black_box(tx.is_full());
            let _ = black_box(tx.peer());
            let _ = black_box(tx.try_push(T::zeroed()));
            let _ = black_box(tx.try_push_slice(&batch));
            let _ = black_box(tx.push_timeout(T::zeroed(), Duration::ZERO));
            let _ = black_box(tx.wait_until_empty_timeout(Duration::ZERO));
        }
    }
}

/// Runs the target.
///
/// # Panics
///
/// If the library has failed.
pub fn run(input: &[u8]) {
    let [choice, capacity, script @ ..] = input else { return };
    let capacity = 1 + usize::from(capacity % 64);
    let mut bytes = match choice % 8 {
        0 => resized(script, choice / 8),
        1 | 4 => forged::<u64>(choice % 8 < 4, capacity, script),
        2 | 5 => forged::<[u8; 24]>(choice % 8 < 4, capacity, script),
        _ => forged::<[u8; 200]>(choice % 8 < 4, capacity, script),
    };
    if choice & 0xf0 == 0xf0 {
        cut(&mut bytes, script.first().copied().unwrap_or(1));
    }
    let fd = sealed_memfd(&bytes);
    attach::<u64>(&fd, &bytes);
    attach::<[u8; 24]>(&fd, &bytes);
    attach::<[u8; 200]>(&fd, &bytes);
}
