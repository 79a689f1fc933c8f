//! The single-producer ring.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use memmap2::MmapOptions;
use rondel::spsc::{Consumer, Producer, Ring};

use crate::noise::{Stop, plain, scribble, wipe};

/// Words before the lines.
const TELLING: usize = 128;

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
        let scribbler = scope.spawn(|| scribble(&map, TELLING, &stop, plain));
        let until_then = Stop(&stop);
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
                    wipe(&map);
                }
            }
        }
        drop(until_then);
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
