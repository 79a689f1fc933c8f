//! The ring of messages. Every byte of what is popped is read and every byte of what is reserved is written while the scribbler is at
//! work: a length that is read twice, or trusted, leads out of the mapping. What the bytes are is nobody's business here: under such a
//! peer they change while they are being read, which is why nothing is made of them.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use memmap2::MmapOptions;
use rondel::bytes::{Consumer, Producer, Ring};

use crate::noise::{Stop, plain, scribble, wipe};

/// Words before the ring.
const CONTROL: usize = 128;
/// These, and the first ones of the ring.
const TELLING: usize = CONTROL + 32;

/// A value for a word of a ring of `data` bytes: in the ring, half of them are length words with the tag that belongs there in one of
/// the first laps, and a length that is short, or as long as may be, or longer than a length can be. Others hardly ever pass for one.
fn forge(data: u64, place: usize, random: u64) -> u64 {
    let offset = place.saturating_sub(CONTROL) as u64 * 8;
    if place < CONTROL || offset >= data || random % 2 == 0 {
        return plain(place, random >> 1);
    }
    let position = offset + (random >> 4) % 8 * data;
    let len = random >> 32;
    let len = match random >> 1 & 7 {
        0 => len,
        1 => len % (1 << 20),
        2 | 3 => len % (2 * data),
        _ => len % 64,
    };
    1 << 63 | (position / 8) << 32 | len
}

/// Bytes of the ring without its slack, from `body_len` in the header.
fn data_len(ring: &Ring) -> u64 {
    let mut body_len = [0; 8];
    let file = File::from(ring.try_clone_fd().expect("a descriptor"));
    file.read_exact_at(&mut body_len, 64).expect("a header");
    u64::from_ne_bytes(body_len) - 8 * CONTROL as u64 - (ring.largest() as u64).next_multiple_of(64)
}

fn touch(bytes: &[u8], largest: usize) -> u64 {
    assert!(bytes.len() <= largest, "longer than the largest message");
    black_box(bytes.iter().fold(0, |sum, &byte| sum ^ byte));
    1
}

/// Every operation that cannot wait for long. What they answer is not judged: they are to come back, in one piece.
fn operate(tx: &mut Producer, rx: &mut Consumer, round: usize) -> u64 {
    let largest = rx.largest();
    let (long, short) = (vec![0x70; largest], vec![0x71; round % (largest + 1)]);
    let mut buffer = vec![0; largest];
    let mut done = 0;
    for _ in 0..50 {
        let _ = tx.try_push(&short);
        let _ = tx.try_push_vectored(&[IoSlice::new(&short[..short.len() / 2]), IoSlice::new(&[7])]);
        let _ = tx.batch().map(|mut batch| {
            let _ = (batch.try_push(&[]), batch.try_push(&[9; 5]), batch.try_push(&short));
            batch.publish()
        });
        let _ = tx.try_reserve(largest).map(|mut reservation| {
            reservation.fill(0x72);
            reservation.commit_len(round % (largest + 1))
        });
        let _ = tx.push_timeout(&long, Duration::ZERO);
        let _ = (tx.used(), tx.is_full(largest), tx.peer());
        // A stream waits for room, and for a byte, so it is used where there is some. Where the word has changed between the two looks,
        // the wait ends when the scribbler comes by the peer's role.
        if tx.is_full(largest) == Ok(false) {
            done += tx.write(&short).unwrap_or(0) as u64;
        }
        let _ = rx.peek().map(|message| touch(message, largest));
        done += rx.try_pop().map_or(0, |message| touch(&message, largest));
        done += rx.try_pop_into(&mut buffer).unwrap_or(0) as u64;
        done += rx.try_pop_batch().map_or(0, |mut batch| {
            (&mut batch).into_iter().take(9).map(|message| touch(message, largest)).sum::<u64>()
        });
        if rx.peek().is_ok_and(|message| !message.is_empty()) {
            let _ = rx.fill_buf().map(|bytes| touch(bytes, largest));
            rx.consume(round % 5);
        }
        if rx.peek().is_ok_and(|message| message.len() > 5) {
            done += rx.read(&mut buffer[..5.min(largest)]).unwrap_or(0) as u64;
        }
        let _ = (rx.is_empty(), rx.peer(), rx.pop_timeout(Duration::ZERO).map(|message| touch(&message, largest)));
        let _ = tx.wait_until_empty_timeout(Duration::ZERO);
    }
    done
}

fn survives(capacity: usize, largest: usize) {
    let ring = Ring::builder().capacity(capacity).largest(largest).anonymous().expect("a ring");
    let map = MmapOptions::new().map_raw(&ring.as_fd()).expect("a second mapping");
    let data = data_len(&ring);
    let stop = AtomicBool::new(false);
    let (mut done, mut attached, mut refused) = (0, 0, 0);
    let written = thread::scope(|scope| {
        let scribbler = scope.spawn(|| scribble(&map, TELLING, &stop, |place, random| forge(data, place, random)));
        let until_then = Stop(&stop);
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            // A failed handle stays failed: each round has new ones, if the words let them attach.
            match (ring.producer(), ring.consumer()) {
                (Ok(mut tx), Ok(mut rx)) => {
                    attached += 1;
                    done += operate(&mut tx, &mut rx, attached);
                }
                _ => {
                    refused += 1;
                    wipe(&map);
                }
            }
        }
        drop(until_then);
        scribbler.join().expect("the scribbler does not panic")
    });
    println!("{written} words scribbled, {attached} rounds, {refused} refused, {done} bytes and messages moved");
    assert!(attached > 0 && done > 0 && written > 100, "nothing happened");
}

#[test]
fn the_smallest_ring() {
    survives(16, 8);
}

#[test]
fn messages_as_large_as_the_ring() {
    survives(256, 248);
}

#[test]
fn short_messages() {
    survives(256, 20);
}

#[test]
fn a_ring_of_many_lines() {
    survives(5000, 1000);
}
