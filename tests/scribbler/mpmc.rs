//! The many-to-many ring: three threads with a producer and a consumer each, and the scribbler.
//!
//! There are lines in the table that nobody holds: what is scribbled into them looks like the claims of the dead, so recovery,
//! and the leasing of such lines, run over words that change under their hands, too.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use memmap2::MmapOptions;
use rondel::Wait;
use rondel::mpmc::{Consumer, OnConsumerDeath, Producer, Ring};

use crate::noise::{plain, scribble, wipe};

const THREADS: usize = 3;
const PARTICIPANTS: u32 = 8;
/// Words before the slots, and those of the first slots: the table, the ring's own words, stamps.
const TELLING: usize = 16 * (PARTICIPANTS as usize + 5) + 64;
/// What means "never": a call that is to come back at once takes some microseconds, or milliseconds on a busy machine. Attaching
/// may try again for a while, where a line's former claims cannot be told from those of the living.
const NEVER: Duration = Duration::from_secs(60);

/// Every operation that cannot wait for long. What they answer is not judged: they are to come back, in one piece.
fn operate<T: Pod>(tx: &mut Producer<T>, rx: &mut Consumer<T>, element: T) -> u64 {
    let mut batch = [element; 40];
    let mut done = 0;
    for round in 0..30 {
        done += u64::from(tx.try_push(element).is_ok());
        done += tx.try_push_slice(&batch).unwrap_or(0) as u64;
        let _ = (tx.len(), tx.is_full(), tx.stuck());
        let _ = tx.push_timeout(element, Duration::ZERO);
        let _ = tx.push_slice_timeout(&batch, Duration::from_micros(50));
        done += u64::from(rx.try_pop().is_ok());
        done += rx.try_pop_slice(&mut batch).unwrap_or(0) as u64;
        let _ = (rx.len(), rx.is_full(), rx.stuck());
        let _ = rx.pop_timeout(Duration::from_micros(50));
        let _ = rx.try_pop_guard().map(|guard| guard.consume());
        if round % 8 == 0 {
            let _ = (tx.recover(), rx.recover());
            let _ = rx.try_pop_guard().map(std::mem::forget);
        }
        done += rx.try_iter().take(20).count() as u64;
    }
    done
}

/// What became of the rounds.
#[derive(Default)]
struct Tally {
    attached: AtomicU64,
    refused: AtomicU64,
    done: AtomicU64,
}

fn rounds<T: Pod>(ring: &Ring<T>, park: bool, end: Instant, wipe: impl Fn(), tally: &Tally) {
    while Instant::now() < end {
        // A failed handle stays failed: each round has new ones, if the words let them attach.
        match (ring.producer(), ring.consumer()) {
            (Ok(mut tx), Ok(mut rx)) => {
                if park {
                    tx.set_wait(Wait::Park);
                    rx.set_wait(Wait::Park);
                }
                tally.attached.fetch_add(1, Ordering::Relaxed);
                tally.done.fetch_add(operate(&mut tx, &mut rx, T::zeroed()), Ordering::Relaxed);
            }
            _ => {
                tally.refused.fetch_add(1, Ordering::Relaxed);
                wipe();
            }
        }
        // Positions that are far apart are a fault at every attempt; begin anew now and then.
        if tally.attached.load(Ordering::Relaxed) % 16 == 0 {
            wipe();
        }
    }
}

fn survives<T: Pod + Send>(capacity: usize, policy: OnConsumerDeath) {
    let builder = Ring::<T>::builder().capacity(capacity).participants(PARTICIPANTS).on_consumer_death(policy);
    let ring = builder.anonymous().expect("a ring");
    let map = MmapOptions::new().map_raw(&ring.as_fd()).expect("a second mapping");
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let (alive, watched) = mpsc::channel::<()>();
    thread::spawn(move || {
        if watched.recv_timeout(NEVER) == Err(RecvTimeoutError::Timeout) {
            // Not by a macro: what those print is kept back until the test ends, which it does not.
            let _ = writeln!(io::stderr(), "an operation does not come back");
            std::process::abort();
        }
    });
    let end = Instant::now() + Duration::from_millis(700);
    let work = |park| rounds(&ring, park, end, || wipe(&map), &tally);
    let written = thread::scope(|scope| {
        let scribbler = scope.spawn(|| scribble(&map, TELLING, &stop, plain));
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work(number == 0)
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("no panic");
        }
        stop.store(true, Ordering::Relaxed);
        scribbler.join().expect("the scribbler does not panic")
    });
    drop(alive);
    let [attached, refused, done] = [tally.attached, tally.refused, tally.done].map(AtomicU64::into_inner);
    println!("{written} words scribbled, {attached} rounds, {refused} refused, {done} elements moved");
    assert!(attached > 0 && done > 0 && written > 100, "nothing happened");
}

#[test]
fn small_elements() {
    survives::<u64>(100, OnConsumerDeath::Redeliver);
}

#[test]
fn small_elements_discarded() {
    survives::<u64>(5, OnConsumerDeath::Discard);
}

#[test]
fn elements_of_a_line() {
    survives::<[u64; 8]>(20, OnConsumerDeath::Redeliver);
}

#[test]
fn elements_of_several_lines() {
    survives::<[u8; 300]>(3, OnConsumerDeath::Redeliver);
}
