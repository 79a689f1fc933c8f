//! Single operations of `mpmc`, beside crossbeam's `ArrayQueue`.
//!
//! `alone`: both handles on one thread, so that no line ever moves between cores: the instructions alone.
//! `across`: threads pinned in turn to the first two cores that the process may use: what the memory system adds.
//! `contended`: on either core one that pushes and pops in turn, so that both are at both ends at the same time.
//! How many producers and consumers share a ring, and how processes fare, is `rondel versus`'s to measure.
//!
//! Run with `cargo bench --bench mpmc`.

// What criterion's macro makes has no documentation.
#![allow(missing_docs)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use bytemuck::Pod;
use common::{contended, stream, stream_of_batches};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_queue::ArrayQueue;
use rondel::Wait;
use rondel::mpmc::{self, Consumer, Producer};

const CAPACITY: usize = 8192;
const BATCH: usize = 32;

fn pair<T: Pod>() -> (Producer<T>, Consumer<T>) {
    mpmc::pair(CAPACITY).expect("a ring of this size fits everywhere")
}

fn push_pop<T: Pod>(group: &mut BenchmarkGroup<'_, WallTime>, element: T) {
    let (mut tx, mut rx) = pair::<T>();
    group.bench_function(BenchmarkId::new("push+pop", size_of::<T>()), |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(element));
            rx.try_pop()
        });
    });
    let queue = ArrayQueue::new(CAPACITY);
    group.bench_function(BenchmarkId::new("ArrayQueue: push+pop", size_of::<T>()), |b| {
        b.iter(|| {
            let _ = queue.push(black_box(element));
            queue.pop()
        });
    });
}

fn alone(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpmc/alone");
    group.throughput(Throughput::Elements(1));
    push_pop(&mut group, 1u64);
    push_pop(&mut group, [1u64; 7]);
    push_pop(&mut group, [1u64; 128]);

    let (mut tx, mut rx) = pair::<u64>();
    group.bench_function("push+guard/8", |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(1));
            rx.try_pop_guard().map(|guard| guard.consume())
        });
    });
    group.bench_function("try_pop of an empty ring", |b| b.iter(|| rx.try_pop()));
    group.bench_function("len of an empty ring", |b| b.iter(|| (tx.len(), rx.len())));
    group.bench_function("recover, nobody dead", |b| b.iter(|| rx.recover()));
    while tx.try_push(1).is_ok() {}
    group.bench_function("try_push into a full ring", |b| b.iter(|| tx.try_push(black_box(1)).is_err()));
    group.finish();

    let mut group = c.benchmark_group("mpmc/alone/batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut tx, mut rx) = pair::<u64>();
    let (elements, mut out) = ([1u64; BATCH], [0u64; BATCH]);
    group.bench_function(BenchmarkId::new("push_slice+pop_slice", BATCH), |b| {
        b.iter(|| {
            let pushed = tx.try_push_slice(black_box(&elements));
            (pushed.is_ok(), rx.try_pop_slice(black_box(&mut out)).is_ok())
        });
    });
    group.finish();
}

fn across(c: &mut Criterion) {
    let mut group = c.benchmark_group("mpmc/across");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one at a time/8", |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair::<u64>();
            stream(count, |n| u64::from(tx.push(n).is_ok()), || u64::from(black_box(rx.pop()).is_ok()))
        });
    });
    group.bench_function(format!("batches of {BATCH}/8"), |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair::<u64>();
            stream_of_batches::<BATCH>(
                count,
                |batch| tx.push_slice(batch).is_ok(),
                |out| rx.pop_slice(out).unwrap_or(0),
            )
        });
    });
    group.bench_function("ArrayQueue: one at a time/8", |b| {
        b.iter_custom(|count| {
            let queue = ArrayQueue::new(CAPACITY);
            let (mut sending, mut receiving) = (Retry::default(), Retry::default());
            stream(count, |n| sending.until(|| queue.push(n).is_ok()), || receiving.until(|| queue.pop().is_some()))
        });
    });
    group.finish();

    let mut group = c.benchmark_group("mpmc/contended");
    // One push and one pop of each of the two.
    group.throughput(Throughput::Elements(2));
    group.bench_function("push+pop/8", |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair::<u64>();
            let mut second_tx = tx.try_clone().expect("a line for another producer");
            let mut second_rx = rx.try_clone().expect("a line for another consumer");
            let here = || {
                let _ = tx.try_push(black_box(1));
                // What it has pushed the other may have popped.
                let _ = black_box(rx.try_pop());
            };
            let there = || {
                let _ = second_tx.try_push(black_box(1));
                let _ = black_box(second_rx.try_pop());
            };
            contended(count, here, there)
        });
    });
    group.bench_function("ArrayQueue: push+pop/8", |b| {
        b.iter_custom(|count| {
            let queue = ArrayQueue::new(CAPACITY);
            let turn = || {
                let _ = queue.push(black_box(1));
                let _ = black_box(queue.pop());
            };
            contended(count, turn, turn)
        });
    });
    group.finish();

    let mut group = c.benchmark_group("mpmc/round trip");
    for (name, wait) in [("busy-spin", Wait::BusySpin), ("default", Wait::default()), ("park", Wait::Park)] {
        group.bench_function(format!("8/{name}"), |b| b.iter_custom(|count| round_trips(count, wait)));
    }
    group.finish();
}

/// What users of a queue that cannot block do: try again, and give the core away if it takes long.
#[derive(Default)]
struct Retry {
    backoff: crossbeam_utils::Backoff,
}

impl Retry {
    fn until(&mut self, mut attempt: impl FnMut() -> bool) -> u64 {
        if attempt() {
            self.backoff.reset();
            1
        } else {
            self.backoff.snooze();
            0
        }
    }
}

/// Times `count` round trips over two rings.
fn round_trips(count: u64, wait: Wait) -> Duration {
    let (mut there, mut here) = pair::<u64>();
    let (mut back, mut home) = pair::<u64>();
    there.set_wait(wait);
    here.set_wait(wait);
    back.set_wait(wait);
    home.set_wait(wait);
    let trip = move |n| there.push(n).is_ok() && home.pop() == Ok(n);
    common::round_trips(count, trip, move || here.pop().is_ok_and(|n| back.push(n).is_ok()))
}

criterion_group!(benches, alone, across);
criterion_main!(benches);
