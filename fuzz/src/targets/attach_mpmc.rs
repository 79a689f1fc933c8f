//! Attaching to a many-to-many ring of arbitrary bytes: whatever a descriptor holds, attaching answers with a ring or a
//! typed error, and a ring that was attached to can be used, by several, without a panic, a hang or an access outside of it.
//!
//! The first byte of the input chooses: arbitrary bytes as they are, or a valid segment with elements in it, into which the
//! rest of the input is written, so that the checks behind the first ones are reached. Nobody holds a line of it: whatever
//! its table says, its participants are dead, and the newcomers settle what they are said to have left.

use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::time::Duration;

use arbitrary::Unstructured;
use bytemuck::Pod;
use rondel::mpmc::{OnConsumerDeath, Ring};

use crate::bytes::{assert_made_by_a_creator, bytes_of, cut, mutate, resized, sealed_memfd};
use crate::kept::kept;
use crate::wall::walled;

/// Operations on a ring of hostile bytes.
const OPERATIONS: usize = 24;
const BODY: usize = 4096;

/// A ring's bytes after two have pushed and one has popped.
fn valid<T: Pod>(choice: u8) -> Vec<u8> {
    kept([choice.into(), size_of::<T>(), 0, 0], || (made::<T>(choice), "mpmc")).0.clone()
}

fn made<T: Pod>(choice: u8) -> Vec<u8> {
    let capacity = 1 + usize::from(choice % 16);
    let policy = if choice & 16 == 0 { OnConsumerDeath::Redeliver } else { OnConsumerDeath::Discard };
    let builder = Ring::<T>::builder().capacity(capacity).participants(6).on_consumer_death(policy);
    let ring = builder.anonymous().expect("a memfd");
    let (Ok(mut tx), Ok(mut other), Ok(mut rx)) = (ring.producer(), ring.producer(), ring.consumer()) else {
        panic!("there are places for them");
    };
    for _ in 0..capacity.min(4) {
        tx.try_push(T::zeroed()).expect("room");
    }
    rx.try_pop().expect("pushed");
    other.try_push(T::zeroed()).expect("room again");
    // Before they go: their lines are as a kill would leave them.
    bytes_of(ring.segment())
}

fn attach<T: Pod>(fd: &OwnedFd, bytes: &[u8]) {
    let fd = fd.try_clone().expect("a descriptor");
    let (ring, walls) = walled(|| Ring::<T>::from_fd(fd));
    let Ok(ring) = ring else { return };
    assert_eq!(ring.segment().total_len() as usize, bytes.len(), "mapped as long as it is");
    let (capacity, places) = (ring.capacity(), ring.places());
    let builder = || Ring::<T>::builder().capacity(capacity).participants(places as u32);
    let made = || bytes_of(builder().anonymous().expect("a memfd").segment());
    assert_made_by_a_creator::<Ring<T>>(bytes, [capacity, places, 0, 0], 7, made);
    assert!(walls.check(), "the walls are not where the mapping is");
    assert_eq!(ring.participants().len(), ring.places());
    use_it(&ring);
}

fn use_it<T: Pod>(ring: &Ring<T>) {
    let mut batch = [T::zeroed(); 9];
    let mut tx = ring.producer().ok();
    let mut consumers = [ring.consumer().ok(), ring.consumer().ok()];
    for _ in 0..OPERATIONS {
        for rx in consumers.iter_mut().flatten() {
            let _ = black_box(rx.len());
            let _ = black_box(rx.stuck());
            let _ = black_box(rx.try_pop());
            let _ = black_box(rx.try_pop_slice(&mut batch));
            drop(rx.try_pop_guard());
            let _ = black_box(rx.pop_timeout(Duration::ZERO));
        }
        if let Some(tx) = &mut tx {
            let _ = black_box(tx.len());
            let _ = black_box(tx.is_full());
            let _ = black_box(tx.stuck());
            let _ = black_box(tx.try_push(T::zeroed()));
            let _ = black_box(tx.try_push_slice(&batch));
            let _ = black_box(tx.push_timeout(T::zeroed(), Duration::ZERO));
        }
    }
    let _ = black_box(ring.recover());
    // Whoever has gone leaves its line to the next.
    drop(tx);
    drop(black_box(ring.producer()));
    drop(consumers);
    drop(black_box(ring.consumer()));
}

/// Changes a few fields of the header if the first byte is odd, and words of the body.
fn hostile<T: Pod>(choice: u8, script: &[u8]) -> Vec<u8> {
    let mut bytes = valid::<T>(choice);
    if choice & 1 == 0 {
        mutate(&mut bytes[BODY..], script);
    } else {
        let mut script = Unstructured::new(script);
        // What it has not got it takes for zeros.
        let _ = crate::header::forge(&mut bytes, &mut script);
        mutate(&mut bytes[BODY..], script.take_rest());
    }
    bytes
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
    let mut bytes = match choice % 4 {
        0 => resized(script, *more),
        1 => hostile::<u64>(*more, script),
        2 => hostile::<[u8; 24]>(*more, script),
        _ => hostile::<[u8; 200]>(*more, script),
    };
    if choice & 0xf0 == 0xf0 {
        // Cut off, or longer than it says.
        cut(&mut bytes, *more);
    }
    let fd = sealed_memfd(&bytes);
    attach::<u64>(&fd, &bytes);
    attach::<[u8; 24]>(&fd, &bytes);
    attach::<[u8; 200]>(&fd, &bytes);
}
