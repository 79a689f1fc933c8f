//! A run that nobody has measured: every transport and every test, with figures such as a machine might give, the same each time.

use crate::versus::record::{About, AboutTransport, Cost, Finding, Key, Record, Run, TestName};

/// A transport as it is imagined.
struct Imagined {
    name: &'static str,
    kind: &'static str,
    between: &'static str,
    waits: &'static [&'static str],
    /// A round trip of 8 bytes, spinning and asleep, in ns; none where there are none.
    trip: Option<(f64, f64)>,
    /// What a message of 8 bytes costs in a stream, and each byte more, in ns; none where there is no stream.
    stream: Option<(f64, f64)>,
    any_length: bool,
}

const fn imagined(
    name: &'static str,
    kind: &'static str,
    between: &'static str,
    waits: &'static [&'static str],
    trip: Option<(f64, f64)>,
    stream: Option<(f64, f64)>,
    any_length: bool,
) -> Imagined {
    Imagined { name, kind, between, waits, trip, stream, any_length }
}

const BOTH: &[&str] = &["spin", "park"];
const THREE: &[&str] = &["spin", "default", "park"];

const ALL: [Imagined; 33] = [
    imagined("floor", "floor", "processes", &["spin"], Some((305.0, 0.0)), None, false),
    imagined("floor-one-line", "floor", "processes", &["spin"], Some((212.0, 0.0)), None, false),
    imagined("futex", "floor", "processes", &["park"], Some((0.0, 49_600.0)), None, false),
    imagined("memcpy", "floor", "one thread", &["spin"], None, Some((1.9, 0.055)), true),
    imagined("spsc", "rondel", "processes", THREE, Some((331.0, 48_700.0)), Some((5.7, 0.36)), false),
    imagined("mpmc", "rondel", "processes", THREE, Some((409.0, 52_900.0)), Some((22.4, 0.41)), false),
    imagined("bytes", "rondel", "processes", THREE, Some((366.0, 49_100.0)), Some((7.9, 0.19)), true),
    imagined("bytes-in-place", "rondel", "processes", THREE, Some((369.0, 52_600.0)), Some((8.3, 0.11)), true),
    imagined("rtrb", "peer", "threads", &["spin"], Some((390.0, 0.0)), Some((4.1, 0.42)), false),
    imagined("array-queue", "peer", "threads", &["yield"], Some((444.0, 0.0)), Some((33.4, 0.4)), false),
    imagined("crossbeam-channel", "peer", "threads", &["default"], Some((612.0, 0.0)), Some((49.0, 0.4)), false),
    imagined("std-mpsc", "peer", "threads", &["park"], Some((0.0, 51_000.0)), Some((55.0, 0.45)), false),
    imagined("kanal", "peer", "threads", BOTH, Some((530.0, 55_000.0)), Some((71.0, 0.5)), false),
    imagined("iceoryx2", "peer", "processes", &["spin"], Some((702.0, 0.0)), Some((61.0, 0.2)), true),
    imagined("ipc-channel", "peer", "processes", &["park"], Some((0.0, 71_000.0)), Some((4100.0, 0.9)), true),
    imagined("ringfire", "peer", "processes", &["spin"], Some((421.0, 0.0)), Some((9.9, 0.4)), false),
    imagined("shaq", "peer", "processes", &["spin"], Some((402.0, 0.0)), Some((8.8, 0.41)), false),
    imagined("mutex-condvar", "guarded", "processes", BOTH, Some((1210.0, 58_800.0)), Some((310.0, 0.3)), true),
    imagined("posix-sem", "guarded", "processes", BOTH, Some((980.0, 54_300.0)), Some((410.0, 0.31)), true),
    imagined("sysv-sem", "guarded", "processes", BOTH, Some((3900.0, 61_200.0)), Some((1420.0, 0.31)), true),
    imagined("pipe", "kernel", "processes", BOTH, Some((2900.0, 56_600.0)), Some((432.0, 0.34)), true),
    imagined("fifo", "kernel", "processes", BOTH, Some((3010.0, 57_300.0)), Some((441.0, 0.34)), true),
    imagined("vmsplice", "kernel", "processes", BOTH, Some((3900.0, 58_900.0)), Some((880.0, 0.17)), true),
    imagined("unix-stream", "kernel", "processes", BOTH, Some((4200.0, 59_900.0)), Some((720.0, 0.35)), true),
    imagined("unix-datagram", "kernel", "processes", BOTH, Some((4400.0, 60_100.0)), Some((790.0, 0.36)), true),
    imagined("unix-seqpacket", "kernel", "processes", BOTH, Some((4350.0, 60_000.0)), Some((770.0, 0.36)), true),
    imagined("tcp", "kernel", "processes", BOTH, Some((14_800.0, 74_000.0)), Some((1320.0, 0.4)), true),
    imagined("udp", "kernel", "processes", BOTH, Some((12_200.0, 70_300.0)), Some((1510.0, 0.44)), true),
    imagined("posix-mq", "kernel", "processes", BOTH, Some((3100.0, 57_000.0)), Some((640.0, 0.4)), true),
    imagined("sysv-mq", "kernel", "processes", BOTH, Some((3300.0, 57_900.0)), Some((700.0, 0.4)), true),
    imagined("eventfd", "kernel", "processes", BOTH, Some((2700.0, 55_100.0)), Some((590.0, 0.3)), false),
    imagined("signal", "kernel", "processes", &["park"], Some((0.0, 66_600.0)), None, false),
    imagined("process-vm-readv", "kernel", "processes", BOTH, Some((2200.0, 55_500.0)), Some((520.0, 0.12)), true),
];

const SIZES: [usize; 6] = [8, 64, 256, 1024, 4096, 65_536];
const RATES: [u64; 5] = [1000, 10_000, 100_000, 1_000_000, 10_000_000];
const NO_ROOM: &str = "a message of 65536 bytes is longer than a queue takes: 8192 (kernel.msgmax)";

/// A factor around one that follows from what is measured: spreads and differences that nobody chose, and yet the same each time.
fn wobble(name: &str, test: TestName, number: usize) -> f64 {
    let seed = name
        .bytes()
        .chain([test as u8])
        .fold(number as u64 + 1, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17));
    0.94 + 0.12 * ((seed >> 40) as f64 / (1 << 24) as f64)
}

/// Everything.
pub(crate) fn run() -> Run {
    let mut records = Vec::new();
    for one in &ALL {
        trips(one, &mut records);
        streams(one, &mut records);
        paced(one, &mut records);
    }
    crowds(&mut records);
    Run { about: about(), records }
}

/// The part of it that answers to a description, as `--only` and `--sizes` would have it.
pub(crate) fn only(which: impl Fn(&Key) -> bool) -> Run {
    let Run { mut about, mut records } = run();
    records.retain(|record| which(&record.key));
    about.transports.retain(|about| records.iter().any(|record| record.key.transport == about.name));
    Run { about, records }
}

pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|one| one.name).collect()
}

fn about() -> About {
    About {
        command: "cargo run --release -p rondel-cli -- versus --cores 2,3".to_owned(),
        rondel: "0.1.0".to_owned(),
        date: "2026-03-14T09:26:53Z".to_owned(),
        processor: "An Imagined Processor <8> & Co. at 2.30GHz".to_owned(),
        kernel: "Linux 6.18.0".to_owned(),
        near: 2,
        far: 3,
        placement: "same-l3".to_owned(),
        cores: vec![0, 1, 2, 3],
        clock: "time stamp counter".to_owned(),
        clock_reading_ns: 9.4,
        clock_skew_ns: 3.0,
        repetitions: 5,
        warm_up_ms: 10.0,
        measured_ms: 49.0,
        transports: ALL
            .iter()
            .map(|one| AboutTransport {
                name: one.name.to_owned(),
                kind: one.kind.to_owned(),
                between: one.between.to_owned(),
                note: format!(
                    "what {} is & how it is set up, in one line for who wants to judge <whether> it is fair",
                    one.name
                ),
                granted: ["pipe", "fifo", "unix-stream", "tcp"]
                    .contains(&one.name)
                    .then(|| "208 KiB (net.core.wmem_max)".to_owned()),
            })
            .collect(),
    }
}

fn record(one: &Imagined, test: TestName, wait: &str, bytes: usize, finding: Finding) -> Record {
    Record {
        key: Key {
            transport: one.name.to_owned(),
            test,
            wait: wait.to_owned(),
            payload_bytes: bytes,
            batch: None,
            producers: None,
            consumers: None,
            rate_per_s: None,
        },
        between: one.between.to_owned(),
        repetitions: 5,
        finding,
    }
}

impl Imagined {
    fn sizes(&self) -> impl Iterator<Item = usize> + Clone {
        SIZES.into_iter().filter(|bytes| self.any_length || [8, 64, 1024].contains(bytes))
    }

    fn forbids(&self, bytes: usize) -> bool {
        bytes == 65_536 && ["posix-mq", "sysv-mq", "udp"].contains(&self.name)
    }

    /// What a round trip of 8 bytes takes when it waits so.
    fn base(&self, wait: &str) -> Option<f64> {
        let (spinning, asleep) = self.trip?;
        Some(match wait {
            "park" => asleep,
            "default" => spinning * 1.01,
            _ => spinning,
        })
    }
}

fn trips(one: &Imagined, records: &mut Vec<Record>) {
    for (bytes, wait) in one.sizes().flat_map(|bytes| one.waits.iter().map(move |wait| (bytes, *wait))) {
        let Some(base) = one.base(wait) else {
            continue;
        };
        let test = TestName::RoundTrip;
        if one.forbids(bytes) {
            let unavailable = format!("{} is not available here: {NO_ROOM}", one.name);
            records.push(record(one, test, wait, bytes, Finding::Unavailable { unavailable }));
            continue;
        }
        let (per_byte, cost) = (one.stream.map_or(0.3, |(_, per_byte)| per_byte), wait == "park");
        let p50 = (base + 2.0 * per_byte * (bytes - 8) as f64 + if bytes > 8 { 60.0 } else { 0.0 })
            * wobble(one.name, test, bytes);
        records.push(record(
            one,
            test,
            wait,
            bytes,
            Finding::RoundTrip {
                p50_ns: p50.round(),
                p50_min_ns: (p50 * 0.93).round(),
                p50_max_ns: (p50 * if wait == "park" { 1.62 } else { 1.11 }).round(),
                p99_ns: (p50 * 1.9).round(),
                p999_ns: (p50 * 4.2).round(),
                max_ns: (p50 * 60.0 + 2.1e6).round(),
                round_trips: (2e8 / p50) as u64,
                cost: if cost {
                    Cost { cpu_s_per_million: (p50 / 1000.0 * 0.42).round(), switches_per_million: 2_000_000.0 }
                } else {
                    Cost { cpu_s_per_million: (p50 * 2.0).round() / 1000.0, switches_per_million: 14.0 }
                },
            },
        ));
    }
}

fn streams(one: &Imagined, records: &mut Vec<Record>) {
    let Some((fixed, per_byte)) = one.stream else {
        return;
    };
    let lanes = one.sizes().flat_map(|bytes| one.waits.iter().map(move |wait| (bytes, *wait)));
    for (bytes, wait) in lanes.clone() {
        for test in [TestName::Throughput, TestName::Handover] {
            if test == TestName::Handover && one.name == "bytes-in-place" {
                continue;
            }
            if one.forbids(bytes) {
                let unavailable = format!("{} is not available here: {NO_ROOM}", one.name);
                records.push(record(one, test, wait, bytes, Finding::Unavailable { unavailable }));
                continue;
            }
            let making = if test == TestName::Throughput { 0.09 } else { 0.0 };
            let takes = (fixed + (per_byte + making) * (bytes - 8) as f64) * wobble(one.name, test, bytes);
            records.push(record(one, test, wait, bytes, stream(1e9 / takes, bytes, wait)));
        }
    }
    for (bytes, wait) in lanes.filter(|(bytes, _)| *bytes <= 1024) {
        if ["array-queue", "crossbeam-channel", "memcpy", "sysv-mq"].contains(&one.name) {
            continue;
        }
        let batch = match bytes {
            8 => 448,
            64 => 64,
            256 => 32,
            _ => 16,
        };
        let takes = fixed / batch as f64 + 0.4 + (per_byte + 0.09) * bytes as f64 * 0.8;
        let mut record = record(one, TestName::Throughput, wait, bytes, stream(1e9 / takes, bytes, wait));
        record.key.batch = Some(batch);
        records.push(record);
    }
}

fn stream(rate: f64, bytes: usize, wait: &str) -> Finding {
    Finding::Throughput {
        messages_per_s: rate.round(),
        messages_per_s_min: (rate * 0.71).round(),
        messages_per_s_max: (rate * 1.24).round(),
        bytes_per_s: (rate * bytes as f64).round(),
        messages: (rate / 4.0) as u64,
        cost: Cost {
            cpu_s_per_million: if wait == "park" { 1.7e6 } else { 2e6 } / rate,
            switches_per_million: if wait == "park" { 91.0 } else { 0.6 },
        },
    }
}

fn paced(one: &Imagined, records: &mut Vec<Record>) {
    let (Some((fixed, _)), Some(_)) = (one.stream, one.trip) else {
        return;
    };
    for (rate, wait) in RATES.into_iter().flat_map(|rate| one.waits.iter().map(move |wait| (rate, *wait))) {
        let Some(base) = one.base(wait) else {
            continue;
        };
        let most = 1e9 / (fixed + 25.0);
        let load = (rate as f64 / most).min(1.0);
        // A sleeper sleeps less the more there is to do.
        let idle = if wait == "park" { base / 2.0 * (1.0 - load * 0.93) } else { base / 2.0 };
        let delay = idle / (1.0 - load * 0.9) * wobble(one.name, TestName::Paced, rate as usize);
        let behind = rate as f64 > most;
        let delay = if behind { 2.4e7 } else { delay };
        let share = if wait == "park" { (0.009 + rate as f64 * 9e-6).min(0.97) } else { 1.0 };
        let arrived = if behind { most * 0.9 } else { rate as f64 };
        let mut record = record(
            one,
            TestName::Paced,
            wait,
            64,
            Finding::Paced {
                arrived_per_s: arrived.round(),
                p50_ns: delay.round(),
                p50_min_ns: (delay * 0.9).round(),
                p50_max_ns: (delay * 1.2).round(),
                p99_ns: Some((delay * (2.0 + load * 3.0)).round()),
                p999_ns: Some((delay * (4.0 + load * 22.0)).round()),
                // Of a thousand a second there were too few.
                p9999_ns: (rate > 1000).then(|| (delay * (9.0 + load * 40.0)).round()),
                max_ns: (delay * 30.0 + 1.1e5).round(),
                delays: rate / 4,
                cost: Cost { cpu_s_per_million: share / arrived * 1e6, switches_per_million: 1000.0 },
            },
        );
        record.key.rate_per_s = Some(rate);
        records.push(record);
    }
}

fn crowds(records: &mut Vec<Record>) {
    for one in ALL.iter().filter(|one| ["mpmc", "array-queue", "crossbeam-channel"].contains(&one.name)) {
        let (fixed, _) = one.stream.unwrap_or((10.0, 0.1));
        for (many, wait) in [1, 2, 4].into_iter().flat_map(|many| one.waits.iter().map(move |wait| (many, *wait))) {
            for batch in [None, Some(32)].into_iter().filter(|batch| batch.is_none() || one.name == "mpmc") {
                let takes = fixed * (1.0 + many as f64 * 0.12) / if batch.is_some() { 2.1 } else { 1.0 };
                let mut record = record(one, TestName::Throughput, wait, 8, stream(1e9 / takes, 8, wait));
                record.key = Key { batch, producers: Some(many), consumers: Some(many), ..record.key };
                records.push(record);
            }
        }
    }
}
