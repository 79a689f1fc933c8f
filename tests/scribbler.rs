//! A peer that writes anything anywhere in the ring while both handles are at work.
//!
//! What the fuzz target `hostile` cannot show, for it takes turns: bytes that change between two loads of one operation.
//! The scribbler is a thread with a mapping of its own, so an access of the library outside its own mapping would not be
//! excused by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use memmap2::{MmapOptions, MmapRaw};
use rondel::spsc::{Consumer, Producer, Ring};

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

/// Scribbles until told to stop; returns how many words it wrote.
fn scribble(map: &MmapRaw, stop: &AtomicBool) -> u64 {
    let words = (map.len() - BODY) / 8;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let (place, value) = (noise.next() as usize % words, noise.next());
        // Small numbers pass the checks more often, and then go deeper.
        let value = match value % 4 {
            0 => value,
            1 => value % 64,
            2 => 0,
            _ => value % 4096,
        };
        // Two of three go to the words before the lines, where the positions are.
        let place = if noise.next() % 3 == 0 { place } else { place % 128 };
        word(map, place).store(value, Ordering::Relaxed);
        written += 1;
        if written % 64 == 0 {
            thread::sleep(Duration::from_micros(1));
        }
    }
    written
}

/// Every operation that cannot wait for long. What they answer is not judged: they are to come back, in one piece.
fn operate<T: Pod>(tx: &mut Producer<T>, rx: &mut Consumer<T>, element: T) -> u64 {
    let mut batch = [element; 40];
    let mut done = 0;
    for _ in 0..50 {
        done += u64::from(tx.try_push(element).is_ok());
        done += tx.try_push_slice(&batch).unwrap_or(0) as u64;
        let _ = (tx.len(), tx.is_full(), tx.peer());
        let _ = tx.push_timeout(element, Duration::ZERO);
        done += u64::from(rx.try_pop().is_ok());
        done += rx.try_pop_slice(&mut batch).unwrap_or(0) as u64;
        let _ = (rx.len(), rx.is_full(), rx.peek().is_ok(), rx.peer());
        let _ = rx.pop_timeout(Duration::ZERO);
        let _ = rx.try_pop_guard().map(|guard| guard.consume());
        let _ = tx.wait_until_empty_timeout(Duration::ZERO);
        done += rx.try_iter().take(20).count() as u64;
    }
    done
}

fn survives<T: Pod + Send>(capacity: usize) {
    let ring = Ring::<T>::builder().capacity(capacity).anonymous().expect("a ring");
    let map = MmapOptions::new().map_raw(&ring.as_fd()).expect("a second mapping");
    let stop = AtomicBool::new(false);
    let (mut done, mut attached, mut refused) = (0, 0, 0);
    let written = thread::scope(|scope| {
        let scribbler = scope.spawn(|| scribble(&map, &stop));
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            // A failed handle stays failed: each round has new ones, if the words let them attach.
            match (ring.producer(), ring.consumer()) {
                (Ok(mut tx), Ok(mut rx)) => {
                    attached += 1;
                    done += operate(&mut tx, &mut rx, T::zeroed());
                }
                _ => {
                    refused += 1;
                    // Make the ring new, or hardly anything would attach again.
                    for place in 0..(map.len() - BODY) / 8 {
                        word(&map, place).store(0, Ordering::Relaxed);
                    }
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        scribbler.join().expect("the scribbler does not panic")
    });
    println!("{written} words scribbled, {attached} rounds, {refused} refused, {done} elements moved");
    assert!(attached > 0 && done > 0 && written > 100, "nothing happened");
}

#[test]
fn small_elements() {
    survives::<u64>(100);
}

#[test]
fn one_element_a_line() {
    survives::<[u8; 56]>(10);
}

#[test]
fn blocks() {
    survives::<[u64; 8]>(20);
}

#[test]
fn elements_of_several_lines() {
    survives::<[u8; 300]>(3);
}
