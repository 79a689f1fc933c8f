//! What is measured of each transport, as the lines of `--json` tell it.

use super::{QUICK, alone, run, stdout, two_cores, versus};
use rondel_baselines::{Scope, Wait};
use serde_json::Value;
use std::collections::BTreeSet;

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no number {field} in {line}"))
}

fn name(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}")).to_owned()
}

/// A line's figures are all there, and can be.
fn check(line: &Value) {
    let bytes = number(line, "payload_bytes");
    assert!(
        [Wait::Spin, Wait::Yield, Wait::Default, Wait::Park].iter().any(|w| w.name() == name(line, "wait")),
        "{line}"
    );
    let scopes = [Scope::Processes, Scope::Threads, Scope::OneThread];
    assert!(scopes.iter().any(|scope| scope.name() == name(line, "between")), "{line}");
    assert_eq!(number(line, "repetitions"), 1.0);
    assert!(line.get("failed").is_none(), "{line}");
    if let Some(why) = line.get("unavailable") {
        assert!(why.as_str().is_some_and(|why| why.contains(&name(line, "transport"))), "{line}");
        return;
    }
    assert!(number(line, "cpu_s_per_million") > 0.0, "nothing comes of nothing: {line}");
    assert!(number(line, "switches_per_million") >= 0.0, "{line}");
    match name(line, "test").as_str() {
        "round_trip" => {
            let percentiles = ["p50_ns", "p99_ns", "p999_ns", "max_ns"].map(|field| number(line, field));
            assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{line}");
            assert!(number(line, "round_trips") >= 1.0, "{line}");
        }
        "throughput" | "handover" => {
            let rate = number(line, "messages_per_s");
            assert!(rate > 0.0, "{line}");
            assert!((number(line, "bytes_per_s") - rate * bytes).abs() <= bytes, "{line}");
            assert!(line.get("batch").is_none_or(|batch| batch.as_u64() > Some(1)), "{line}");
        }
        "paced" => {
            assert!(number(line, "rate_per_s") >= 1000.0 && number(line, "arrived_per_s") > 0.0, "{line}");
            let tail = ["p99_ns", "p999_ns", "p9999_ns"].iter().filter_map(|field| line[*field].as_f64());
            let all: Vec<f64> =
                [number(line, "p50_ns")].into_iter().chain(tail).chain([number(line, "max_ns")]).collect();
            assert!(all.is_sorted(), "{line}");
            assert!(number(line, "delays") >= 1.0, "{line}");
        }
        other => panic!("an unknown test {other}"),
    }
    // Not between two, whose numbers need not be told.
    assert_eq!(line.get("consumers").is_some(), line.get("producers").is_some(), "{line}");
    assert!(line.get("producers").is_none() || bytes == 8.0, "{line}");
}

/// What a line is known by, without the size of its batches and the rates.
type Known = (String, String, u64, String, bool, Option<u64>);

fn known(line: &Value) -> Known {
    (
        name(line, "transport"),
        name(line, "test"),
        number(line, "payload_bytes") as u64,
        name(line, "wait"),
        line.get("batch").is_some(),
        line.get("producers").or(line.get("rate_per_s")).and_then(Value::as_u64),
    )
}

#[test]
fn every_figure_of_every_transport_is_there() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let text = stdout(&run(versus(&QUICK).arg("--json")));
    let mut lines =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let about: Value = lines.next().expect("the line about the run");
    let transports = about["about"]["transports"].as_array().expect("transports").clone();
    let mut seen: BTreeSet<Known> = BTreeSet::new();
    for line in lines {
        check(&line);
        assert!(seen.insert(known(&line)), "twice: {line}");
    }
    for transport in &transports {
        let (named, note) = (name(transport, "name"), name(transport, "note"));
        assert!(seen.iter().any(|known| known.0 == named), "nothing is known of {named}");
        assert!(note.len() > 20, "{named}: {note}");
    }
    let is_there = |transport: &str, test: &str, bytes, wait: &str, batch, more| {
        let wanted = (transport.to_owned(), test.to_owned(), bytes, wait.to_owned(), batch, more);
        assert!(seen.contains(&wanted), "missing: {wanted:?}");
    };
    let has = |transport: &str, test: &str, bytes, wait: &str, batch| {
        is_there(transport, test, bytes, wait, batch, None);
    };
    for each in [1, 2, 4] {
        is_there("array-queue", "throughput", 8, "yield", false, Some(each));
        is_there("crossbeam-channel", "throughput", 8, "default", false, Some(each));
        for batch in [false, true] {
            is_there("mpmc", "throughput", 8, "default", batch, Some(each));
        }
    }
    is_there("mpmc", "throughput", 8, "spin", false, Some(1));
    for rate in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        for (transport, wait) in
            [("spsc", "spin"), ("spsc", "park"), ("bytes", "default"), ("pipe", "park"), ("pipe", "spin")]
        {
            is_there(transport, "paced", 64, wait, false, Some(rate));
        }
    }
    for bytes in [8, 64, 256, 1024, 4096, 65_536] {
        for transport in ["pipe", "fifo", "unix-stream", "unix-datagram", "unix-seqpacket"] {
            for test in ["round_trip", "throughput", "handover"] {
                has(transport, test, bytes, "park", false);
            }
            has(transport, "throughput", bytes, "spin", false);
        }
        for transport in ["pipe", "fifo", "unix-stream"] {
            has(transport, "throughput", bytes, "park", true);
        }
        for transport in ["bytes", "bytes-in-place"] {
            for wait in ["spin", "park", "default"] {
                has(transport, "round_trip", bytes, wait, false);
            }
            has(transport, "throughput", bytes, "spin", false);
            has(transport, "throughput", bytes, "default", false);
            has(transport, "throughput", bytes, "default", true);
        }
        has("bytes", "handover", bytes, "default", false);
        has("memcpy", "throughput", bytes, "spin", false);
        has("memcpy", "handover", bytes, "spin", false);
    }
    assert!(!seen.iter().any(|(transport, test, ..)| transport == "bytes-in-place" && test == "handover"));
    for bytes in [8, 64] {
        for floor in ["floor", "floor-one-line"] {
            has(floor, "round_trip", bytes, "spin", false);
        }
        has("rtrb", "round_trip", bytes, "spin", false);
        has("futex", "round_trip", bytes, "park", false);
        for wait in ["spin", "park", "default"] {
            has("spsc", "round_trip", bytes, wait, false);
            has("mpmc", "round_trip", bytes, wait, false);
        }
    }
    for bytes in [8, 64, 1024] {
        has("spsc", "throughput", bytes, "spin", false);
        has("mpmc", "throughput", bytes, "spin", false);
        for batch in [false, true] {
            has("rtrb", "throughput", bytes, "spin", batch);
            has("spsc", "throughput", bytes, "default", batch);
            has("mpmc", "throughput", bytes, "default", batch);
        }
    }
}

/// Who polls uses its core whether anything comes or not; who sleeps does not, and is woken for every message that comes alone.
#[test]
fn spinning_is_not_shown_as_free() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let arguments = ["--seconds", "3", "--repetitions", "1", "--json", "--only", "spsc", "--sizes", "64"];
    let text = stdout(&run(&mut versus(&arguments)));
    let line = |wait: &str| {
        let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut lines = lines.filter(|l| l["test"] == "paced" && l["rate_per_s"] == 1000 && l["wait"] == wait);
        lines.next().unwrap_or_else(|| panic!("no {wait} in {text}"))
    };
    let (spin, park) = (line("spin"), line("park"));
    // A message a millisecond: a spinning receiver is charged with nearly all of it, or, on a busy machine, with its share.
    assert!(number(&spin, "cpu_s_per_million") > 4.0 * number(&park, "cpu_s_per_million"), "{spin} {park}");
    // One sleep a message, unless the machine is so busy that they arrive in heaps.
    assert!(number(&park, "switches_per_million") > 0.0, "it sleeps: {park}");
}

#[test]
fn the_quick_run_has_one_size_and_every_transport() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let text = stdout(&run(versus(&QUICK).args(["--quick", "--json"])));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (about, lines) = lines.split_first().expect("lines");
    assert!(lines.iter().all(|line| line["payload_bytes"] == 64), "{text}");
    let tests: BTreeSet<String> = lines.iter().map(|line| name(line, "test")).collect();
    assert_eq!(tests, ["paced", "round_trip", "throughput"].map(str::to_owned).into());
    for transport in about["about"]["transports"].as_array().expect("transports") {
        assert!(lines.iter().any(|line| line["transport"] == transport["name"]), "{transport} is missing");
    }
}
