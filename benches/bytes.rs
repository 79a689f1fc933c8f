//! Single operations of `bytes`, with messages of many sizes, copied and in place.
//!
//! `alone`: both handles on one thread, so that no line ever moves between cores: the instructions alone.
//! `across`: two threads, pinned to the first two cores that the process may use: what the memory system adds.
//!
//! Every byte of a message is written once and read once by its user. `copied` does so in buffers of its own, and has two copies
//! between them; `in place` in the ring.
//!
//! Run with `cargo bench --bench bytes`.

// What criterion's macro makes has no documentation.
#![allow(missing_docs)]

mod common;

use std::hint::{black_box, spin_loop};
use std::io::{IoSlice, Read, Write};
use std::time::Duration;

use common::stream;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rondel::Wait;
use rondel::bytes::{Consumer, Producer, Ring};

const CAPACITY: usize = 256 << 10;
const LARGEST: usize = 64 << 10;
const SIZES: [usize; 6] = [8, 64, 256, 1 << 10, 4 << 10, 64 << 10];
const BATCH: usize = 32;
/// Bytes between what one core writes and what the other does: two lines, and the two that a prefetcher adds.
const APART: usize = 256;

fn pair() -> (Producer, Consumer) {
    let ring =
        Ring::builder().capacity(CAPACITY).largest(LARGEST).anonymous().expect("a ring of this size fits everywhere");
    let tx = ring.producer().expect("nobody else has the role");
    let rx = ring.consumer().expect("nobody else has the role");
    (tx, rx)
}

/// Writes every byte of a message.
fn write(message: &mut [u8], n: u64) {
    message.fill(black_box(n as u8));
}

/// Reads every byte of a message: they begin at a multiple of 8 wherever they lie, and are so many.
fn read(message: &[u8]) -> u64 {
    bytemuck::try_cast_slice(message).map_or(0, |words: &[u64]| words.iter().fold(0, |sum, word| sum ^ word))
}

/// A buffer of a user's own, aligned as messages are.
fn buffer(size: usize) -> Vec<u64> {
    vec![0; size / 8]
}

fn alone(c: &mut Criterion) {
    let mut group = c.benchmark_group("bytes/alone");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        let (mut tx, mut rx) = pair();
        let (mut from, mut to) = (buffer(size), buffer(size));
        group.bench_function(BenchmarkId::new("copied", size), |b| {
            b.iter(|| {
                let from: &mut [u8] = bytemuck::cast_slice_mut(&mut from);
                write(from, 1);
                let pushed = tx.try_push(from).is_ok();
                let popped = rx.try_pop_into(bytemuck::cast_slice_mut(&mut to)).is_ok();
                (pushed, popped, read(bytemuck::cast_slice(&to)))
            });
        });
        group.bench_function(BenchmarkId::new("in place", size), |b| {
            b.iter(|| {
                let pushed = tx.try_reserve(size).is_ok_and(|mut room| {
                    write(&mut room, 1);
                    room.commit().is_ok()
                });
                (pushed, rx.try_pop().map_or(0, |message| read(&message)))
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("bytes/alone/64");
    group.throughput(Throughput::Elements(1));
    let (mut tx, mut rx) = pair();
    let message = [1; 64];
    group.bench_function("push+peek+pop", |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(&message));
            let first = rx.peek().map_or(0, |message| message.len());
            (first, rx.try_pop().map_or(0, |message| message.len()))
        });
    });
    group.bench_function("push of two slices+pop", |b| {
        let (head, body) = message.split_at(16);
        b.iter(|| {
            let _ = tx.try_push_vectored(black_box(&[IoSlice::new(head), IoSlice::new(body)]));
            rx.try_pop().map_or(0, |message| read(&message))
        });
    });
    group.bench_function("push_pod+as_pod", |b| {
        b.iter(|| {
            let _ = tx.try_push_pod(black_box(&[1u64; 8]));
            rx.try_pop().map_or(0, |message| message.as_pod().map_or(0, |words: &[u64; 8]| words.iter().sum()))
        });
    });
    group.bench_function("write+read", |b| {
        let mut out = [0; 64];
        b.iter(|| (tx.write(black_box(&message)).is_ok(), rx.read(black_box(&mut out)).is_ok()));
    });
    group.bench_function("try_pop of an empty ring", |b| b.iter(|| rx.try_pop().is_err()));
    while tx.try_push(&message).is_ok() {}
    group.bench_function("try_push into a full ring", |b| b.iter(|| tx.try_push(black_box(&message)).is_err()));
    group.finish();

    let mut group = c.benchmark_group("bytes/alone/batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut tx, mut rx) = pair();
    group.bench_function(format!("{BATCH} of 64"), |b| {
        b.iter(|| {
            let pushed = push_batch(&mut tx, BATCH as u64);
            (pushed, pop_batch(&mut rx))
        });
    });
    group.finish();
}

/// Publishes a batch of messages of 64 bytes, so many at the most, and says how many; without room for any it pauses.
fn push_batch(tx: &mut Producer, most: u64) -> u64 {
    let Ok(mut batch) = tx.batch() else { return 0 };
    let mut pushed = 0;
    while pushed < most && batch.try_push(black_box(&[1; 64])).is_ok() {
        pushed += 1;
    }
    if pushed == 0 {
        spin_loop();
    }
    if batch.publish().is_ok() { pushed } else { 0 }
}

/// Reads a batch of what is ready, up to [`BATCH`] messages, and says how many.
fn pop_batch(rx: &mut Consumer) -> u64 {
    let Ok(mut batch) = rx.pop_batch() else { return 0 };
    for message in (&mut batch).into_iter().take(BATCH) {
        black_box(read(message));
    }
    batch.given() as u64
}

fn across(c: &mut Criterion) {
    let mut group = c.benchmark_group("bytes/across");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("copied", size), |b| {
            b.iter_custom(|count| {
                let (mut tx, mut rx) = pair();
                // The allocator puts small buffers beside each other, and then the two cores would fight for their line.
                let (mut from, mut to) = (buffer(size + APART), buffer(size));
                stream(
                    count,
                    |n| {
                        let from: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut from)[..size];
                        write(from, n);
                        u64::from(tx.push(from).is_ok())
                    },
                    || {
                        let popped = rx.pop_into(bytemuck::cast_slice_mut(&mut to)).is_ok();
                        black_box(read(bytemuck::cast_slice(&to)));
                        u64::from(popped)
                    },
                )
            });
        });
        group.bench_function(BenchmarkId::new("in place", size), |b| {
            b.iter_custom(|count| {
                let (mut tx, mut rx) = pair();
                stream(
                    count,
                    |n| {
                        let pushed = tx.reserve(size).is_ok_and(|mut room| {
                            write(&mut room, n);
                            room.commit().is_ok()
                        });
                        u64::from(pushed)
                    },
                    || {
                        let Ok(message) = rx.pop() else { return 0 };
                        black_box(read(&message));
                        1
                    },
                )
            });
        });
    }
    group.throughput(Throughput::Bytes(64));
    group.bench_function(format!("batches of {BATCH}/64"), |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair();
            stream(count, |sent| push_batch(&mut tx, (count - sent).min(BATCH as u64)), || pop_batch(&mut rx))
        });
    });
    group.finish();

    let mut group = c.benchmark_group("bytes/round trip");
    for (name, wait) in [("busy-spin", Wait::BusySpin), ("default", Wait::default()), ("park", Wait::Park)] {
        group.bench_function(format!("64/{name}"), |b| b.iter_custom(|count| round_trips(count, wait)));
    }
    group.finish();
}

/// Times `count` round trips of 64 bytes over two rings.
fn round_trips(count: u64, wait: Wait) -> Duration {
    let (mut there, mut here) = pair();
    let (mut back, mut home) = pair();
    for tx in [&mut there, &mut back] {
        tx.set_wait(wait);
    }
    for rx in [&mut here, &mut home] {
        rx.set_wait(wait);
    }
    let trip = move |n| there.push_pod(&[n; 8]).is_ok() && answer(&mut home) == Some([n; 8]);
    common::round_trips(count, trip, move || answer(&mut here).is_some_and(|words| back.push_pod(&words).is_ok()))
}

fn answer(rx: &mut Consumer) -> Option<[u64; 8]> {
    rx.pop().ok()?.as_pod().ok().copied()
}

criterion_group!(benches, alone, across);
criterion_main!(benches);
