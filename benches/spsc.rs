//! Single operations of `spsc`, beside `rtrb`'s where it has the same.
//!
//! `alone`: both handles on one thread, so that no line ever moves between cores: the instructions alone.
//! `across`: two threads, pinned to the first two cores that the process may use: what the memory system adds.
//!
//! Run with `cargo bench --bench spsc`.

// What criterion's macro makes has no documentation.
#![allow(missing_docs)]

mod common;

use std::hint::{black_box, spin_loop};
use std::time::Duration;

use bytemuck::Pod;
use common::{stream, stream_of_batches};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rondel::Wait;
use rondel::spsc::{self, Consumer, Producer};

const CAPACITY: usize = 7168;
const BATCH: usize = 448;

fn pair<T: Pod>() -> (Producer<T>, Consumer<T>) {
    spsc::pair(CAPACITY).expect("a ring of this size fits everywhere")
}

fn push_pop<T: Pod>(group: &mut BenchmarkGroup<'_, WallTime>, element: T) {
    let (mut tx, mut rx) = pair::<T>();
    group.bench_function(BenchmarkId::new("push+pop", size_of::<T>()), |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(element));
            rx.try_pop()
        });
    });
}

fn alone(c: &mut Criterion) {
    let mut group = c.benchmark_group("spsc/alone");
    group.throughput(Throughput::Elements(1));
    push_pop(&mut group, 1u64);
    push_pop(&mut group, [1u64; 8]);
    push_pop(&mut group, [1u64; 128]);

    let (mut tx, mut rx) = pair::<u64>();
    group.bench_function("push+guard/8", |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(1));
            rx.try_pop_guard().map(|guard| guard.consume())
        });
    });
    group.bench_function("push+peek+pop/8", |b| {
        b.iter(|| {
            let _ = tx.try_push(black_box(1));
            (rx.peek(), rx.try_pop())
        });
    });
    group.bench_function("try_pop of an empty ring", |b| b.iter(|| rx.try_pop()));
    group.bench_function("len of an empty ring", |b| b.iter(|| (tx.len(), rx.len())));
    while tx.try_push(1).is_ok() {}
    group.bench_function("try_push into a full ring", |b| b.iter(|| tx.try_push(black_box(1)).is_err()));
    group.bench_function("len of a full ring", |b| b.iter(|| (tx.len(), rx.len())));

    let (mut tx, mut rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
    group.bench_function("rtrb: push+pop/8", |b| {
        b.iter(|| {
            let _ = tx.push(black_box(1));
            rx.pop()
        });
    });
    group.finish();

    let mut group = c.benchmark_group("spsc/alone/batch");
    for size in [32, BATCH] {
        group.throughput(Throughput::Elements(size as u64));
        let (mut tx, mut rx) = pair::<u64>();
        let (elements, mut out) = (vec![1u64; size], vec![0u64; size]);
        group.bench_function(BenchmarkId::new("push_slice+pop_slice", size), |b| {
            b.iter(|| {
                let pushed = tx.try_push_slice(black_box(&elements));
                (pushed.is_ok(), rx.try_pop_slice(black_box(&mut out)).is_ok())
            });
        });
    }
    group.finish();
}

fn across(c: &mut Criterion) {
    let mut group = c.benchmark_group("spsc/across");
    group.throughput(Throughput::Elements(1));
    for (name, wait) in [("default", Wait::default()), ("busy-spin", Wait::BusySpin)] {
        group.bench_function(format!("one at a time/8/{name}"), |b| {
            b.iter_custom(|count| {
                let (mut tx, mut rx) = pair::<u64>();
                tx.set_wait(wait);
                rx.set_wait(wait);
                stream(count, |n| u64::from(tx.push(n).is_ok()), || u64::from(black_box(rx.pop()).is_ok()))
            });
        });
    }
    group.bench_function("one at a time/64/default", |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair::<[u64; 8]>();
            stream(count, |n| u64::from(tx.push([n; 8]).is_ok()), || u64::from(black_box(rx.pop()).is_ok()))
        });
    });
    group.bench_function(format!("batches of {BATCH}/8/default"), |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = pair::<u64>();
            stream_of_batches::<BATCH>(
                count,
                |batch| tx.push_slice(batch).is_ok(),
                |out| rx.pop_slice(out).unwrap_or(0),
            )
        });
    });
    group.bench_function("rtrb: one at a time/8", |b| {
        b.iter_custom(|count| {
            let (mut tx, mut rx) = rtrb::RingBuffer::<u64>::new(CAPACITY);
            stream(
                count,
                |n| match tx.push(n) {
                    Ok(()) => 1,
                    Err(_) => {
                        spin_loop();
                        0
                    }
                },
                || match black_box(rx.pop()) {
                    Ok(_) => 1,
                    Err(_) => {
                        spin_loop();
                        0
                    }
                },
            )
        });
    });
    group.finish();

    let mut group = c.benchmark_group("spsc/round trip");
    for (name, wait) in [("busy-spin", Wait::BusySpin), ("default", Wait::default()), ("park", Wait::Park)] {
        group.bench_function(format!("8/{name}"), |b| b.iter_custom(|count| round_trips(count, wait)));
    }
    group.finish();
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
