//! The scribbler.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use memmap2::MmapRaw;

/// The header's page is not scribbled on: it is read once, when attaching, which other tests and the fuzz target `attach` see to.
const BODY: usize = 4096;

/// xorshift, for numbers that need not be good.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The n-th word of the body.
fn word(map: &MmapRaw, n: usize) -> &AtomicU64 {
    let offset = BODY + 8 * n;
    assert!(offset + 8 <= map.len());
    let place = map.as_mut_ptr().wrapping_add(offset).cast();
    // SAFETY: the word lies within the mapping (just checked) and is aligned, for the mapping begins at a page; the
    // mapping lives as long as it is borrowed; whoever else writes the word does so atomically, or is what is tested.
    unsafe { AtomicU64::from_ptr(place) }
}

/// Tells the scribbler to stop at its end, also by a panic: who waits for the scribbler's thread would otherwise wait for ever.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A value for any word: small numbers pass the checks more often, and then go deeper.
pub(crate) fn plain(_place: usize, value: u64) -> u64 {
    match value % 4 {
        0 => value,
        1 => value % 64,
        2 => 0,
        _ => value % 4096,
    }
}

/// Scribbles until told to stop, mostly over the first `telling` words; returns how many it wrote. `value` makes something of a place
/// and a random number.
pub(crate) fn scribble(map: &MmapRaw, telling: usize, stop: &AtomicBool, value: impl Fn(usize, u64) -> u64) -> u64 {
    let words = (map.len() - BODY) / 8;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let (place, random) = (noise.next() as usize % words, noise.next());
        // Two of three go to the words at the beginning, where the positions are.
        let place = if noise.next() % 3 == 0 { place } else { place % telling };
        word(map, place).store(value(place, random), Ordering::Relaxed);
        written += 1;
        if written % 64 == 0 {
            thread::sleep(Duration::from_micros(1));
        }
    }
    written
}

/// Makes the ring new, or hardly anything would attach again.
pub(crate) fn wipe(map: &MmapRaw) {
    for place in 0..(map.len() - BODY) / 8 {
        word(map, place).store(0, Ordering::Relaxed);
    }
}
