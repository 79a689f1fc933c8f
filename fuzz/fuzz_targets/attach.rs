#![no_main]
//! Attaching to arbitrary bytes: whatever a descriptor holds, attaching answers with a ring or a typed error, and a ring
//! that was attached to can be used without a panic, a hang or an access outside of it.
//!
//! The first byte of the input chooses: arbitrary bytes as they are, or a valid segment into which the rest of the input
//! is written, in triples of a place and a value, so that the checks behind the first ones are reached.

use libfuzzer_sys::fuzz_target;
use rondel::spsc::Ring;
use rondel_fuzz::bytes::{bytes_of, mutate, sealed_memfd};
use rondel_fuzz::walled;
use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Operations on a ring of hostile bytes: bounded, for each may report as many elements as the ring has lines.
const OPERATIONS: usize = 64;

/// A ring's bytes, as its creator leaves them.
fn valid<T: bytemuck::Pod>(capacity: usize) -> Vec<u8> {
    bytes_of(Ring::<T>::builder().capacity(capacity).anonymous().expect("a memfd").segment())
}

fn attach<T: bytemuck::Pod>(fd: &OwnedFd, len: usize) {
    let fd = fd.try_clone().expect("a descriptor");
    let (ring, walls) = walled(|| Ring::<T>::from_fd(fd));
    let Ok(ring) = ring else { return };
    assert_eq!(ring.segment().total_len() as usize, len, "mapped as long as it is");
    assert!(walls.check(), "the walls are not where the mapping is");
    use_it(&ring);
}

fn use_it<T: bytemuck::Pod>(ring: &Ring<T>) {
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

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else {
        return;
    };
    let bytes = match choice % 4 {
        0 => rest.to_vec(),
        1 => {
            let mut bytes = valid::<u64>(1 + usize::from(choice / 4));
            mutate(&mut bytes, rest);
            bytes
        }
        2 => {
            let mut bytes = valid::<[u8; 24]>(1 + usize::from(choice / 4));
            mutate(&mut bytes, rest);
            bytes
        }
        _ => {
            // Cut off, or longer than it says.
            let mut bytes = valid::<[u8; 200]>(1 + usize::from(choice / 4));
            mutate(&mut bytes, rest);
            let len = bytes.len() + rest.len();
            bytes.resize(len.saturating_sub(rest.first().map_or(0, |&byte| usize::from(byte) * 16)), 0xff);
            bytes
        }
    };
    let fd = sealed_memfd(&bytes);
    attach::<u64>(&fd, bytes.len());
    attach::<[u8; 24]>(&fd, bytes.len());
    attach::<[u8; 200]>(&fd, bytes.len());
});
