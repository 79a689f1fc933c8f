//! rondel's rings beside the main other ways from one process to another, by the same harness as the single operations: round trips,
//! and messages one at a time without a pause, with 8 and with 64 bytes.
//!
//! The far side is a forked process (a thread, for what works between threads only); each side is pinned to one of the first two
//! cores that the process may use. A sample starts its far side anew, and its clock starts when that has answered or sent for the first
//! time. Every message is checked. For all transports, sizes and batches, with percentiles, there is `rondel versus`; this is
//! for comparisons of one build with another by criterion's statistics.
//!
//! Run with `cargo bench --bench versus`.

// What criterion's macro makes has no documentation.
#![allow(missing_docs)]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rondel_baselines::transports::{Bytes, BytesInPlace, Floor, Futex, Mpmc, Pipe, Rtrb, Spsc, Tcp, UnixStream};
use rondel_baselines::{
    Arrival, Carries, Cores, Message, Receiver, Result, STOP, Seat, Sender, Stop, Wait, allowed_cores, duet, echo, pump,
};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The first two cores that the process may use; anywhere if it has but one. Asked once, before anything is pinned.
fn cores() -> Cores {
    static CORES: OnceLock<Cores> = OnceLock::new();
    *CORES.get_or_init(|| match allowed_cores().unwrap_or_default()[..] {
        [near, far, ..] => Cores::Pinned { near, far },
        _ => Cores::Anywhere,
    })
}

/// Times so many round trips. One goes before them, by which both sides have come up.
fn round_trips<T: Carries<WORDS>, const WORDS: usize>(wait: Wait, count: u64) -> Result<Duration> {
    let ((asking, asked), (answering, answered)) = T::converse(wait)?;
    let far = move || echo(T::NAME, &mut asked.take()?, &mut answering.take()?);
    let near = move || {
        let (mut to, mut from) = (asking.take()?, answered.take()?);
        let mut desk = Message::<WORDS>::default();
        let mut trip = |number| {
            to.make(number, &mut desk)?;
            from.check(T::NAME, number, &mut desk).map(drop)
        };
        trip(0)?;
        let start = Instant::now();
        (1..=count).try_for_each(&mut trip)?;
        let elapsed = start.elapsed();
        to.make(STOP, &mut desk)?;
        Ok(elapsed)
    };
    duet(T::SCOPE, cores(), far, near)
}

/// Times so many messages in the midst of a stream. It has begun before them, and goes on until the far side is told to stop.
fn stream<T: Carries<WORDS>, const WORDS: usize>(wait: Wait, count: u64) -> Result<Duration> {
    let (sending, receiving) = T::open(wait)?;
    let stop = Stop::new()?;
    let told = stop.clone();
    let far = move || pump(&mut sending.take()?, &told);
    let near = move || {
        let mut from = receiving.take()?;
        let mut desk = Message::<WORDS>::default();
        from.check(T::NAME, 0, &mut desk)?;
        let start = Instant::now();
        for number in 1..=count {
            from.check(T::NAME, number, &mut desk)?;
        }
        let elapsed = start.elapsed();
        stop.request();
        let mut number = count + 1;
        while from.check(T::NAME, number, &mut desk)? == Arrival::Due {
            number += 1;
        }
        Ok(elapsed)
    };
    duet(T::SCOPE, cores(), far, near)
}

type Timed = fn(Wait, u64) -> Result<Duration>;

/// One benchmark, unless this machine forbids the transport, which is said.
fn bench<const WORDS: usize>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, wait: Wait, timed: Timed) {
    if let Err(error) = timed(wait, 1) {
        eprintln!("{name}: left out: {error}");
        return;
    }
    let id = BenchmarkId::new(format!("{name}/{}", wait.name()), Message::<WORDS>::BYTES);
    group.bench_function(id, |b| {
        b.iter_custom(|count| timed(wait, count).unwrap_or_else(|error| panic!("{name}: {error}")));
    });
}

/// Round trips in the two ways of waiting that can be compared with one another: without giving up the core, and giving it up at once.
fn trips<T: Carries<WORDS>, const WORDS: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    for &wait in T::WAITS.iter().filter(|wait| matches!(wait, Wait::Spin | Wait::Park)) {
        bench::<WORDS>(group, T::NAME, wait, round_trips::<T, WORDS>);
    }
}

/// Messages one at a time, in the way of waiting that one would choose for a busy stream.
fn messages<T: Carries<WORDS>, const WORDS: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let order = [Wait::Default, Wait::Park, Wait::Spin, Wait::Yield];
    let wait = order.into_iter().find(|wait| T::WAITS.contains(wait)).expect("every transport waits in some way");
    bench::<WORDS>(group, T::NAME, wait, stream::<T, WORDS>);
}

fn all_trips<const WORDS: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.throughput(Throughput::Elements(1));
    trips::<Floor, WORDS>(group);
    trips::<Spsc, WORDS>(group);
    trips::<Mpmc, WORDS>(group);
    trips::<Bytes, WORDS>(group);
    trips::<BytesInPlace, WORDS>(group);
    trips::<Rtrb, WORDS>(group);
    trips::<Futex, WORDS>(group);
    trips::<Pipe, WORDS>(group);
    trips::<UnixStream, WORDS>(group);
    trips::<Tcp, WORDS>(group);
}

fn all_messages<const WORDS: usize>(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.throughput(Throughput::Elements(1));
    messages::<Spsc, WORDS>(group);
    messages::<Mpmc, WORDS>(group);
    messages::<Bytes, WORDS>(group);
    messages::<BytesInPlace, WORDS>(group);
    messages::<Rtrb, WORDS>(group);
    messages::<Pipe, WORDS>(group);
    messages::<UnixStream, WORDS>(group);
    messages::<Tcp, WORDS>(group);
}

fn versus(c: &mut Criterion) {
    let mut group = c.benchmark_group("versus/round trip");
    all_trips::<1>(&mut group);
    all_trips::<8>(&mut group);
    group.finish();
    let mut group = c.benchmark_group("versus/one at a time");
    all_messages::<1>(&mut group);
    all_messages::<8>(&mut group);
    group.finish();
}

criterion_group!(benches, versus);
criterion_main!(benches);
