//! Two runs beside each other.

use crate::fixture;
use crate::versus::record::{Finding, Key, Record, Run, TestName};
use crate::versus::show::compare::{self, Comparison, Tolerance};
use crate::versus::show::lines;
use crate::versus::show::table::Terminal;

fn tolerance(text: &str) -> Tolerance {
    text.parse().unwrap()
}

fn shown(comparison: &Comparison, percent: &str, width: Option<u16>) -> String {
    let mut out = Vec::new();
    compare::write(&mut out, comparison, tolerance(percent), &Terminal { width, colours: false }).unwrap();
    String::from_utf8(out).unwrap()
}

fn is(transport: &str, wait: &str, test: TestName, bytes: usize) -> impl Fn(&Key) -> bool {
    let (transport, wait) = (transport.to_owned(), wait.to_owned());
    move |key| {
        key.transport == transport
            && key.wait == wait
            && key.test == test
            && key.payload_bytes == bytes
            && key.batch.is_none()
    }
}

fn change(run: &mut Run, which: impl Fn(&Key) -> bool, how: impl Fn(&mut Record)) {
    let mut changed = 0;
    for record in run.records.iter_mut().filter(|record| which(&record.key)) {
        how(record);
        changed += 1;
    }
    assert!(changed > 0, "nothing to change");
}

/// Makes a message take so many times as long.
fn slow(by: f64) -> impl Fn(&mut Record) {
    move |record| match &mut record.finding {
        Finding::RoundTrip { p50_ns, .. } | Finding::Paced { p50_ns, .. } => *p50_ns *= by,
        Finding::Throughput { messages_per_s, .. } => *messages_per_s /= by,
        Finding::Unavailable { .. } | Finding::Failed { .. } => panic!("nothing to slow down"),
    }
}

fn forbid(record: &mut Record) {
    record.finding = Finding::Unavailable { unavailable: "forbidden".to_owned() };
}

fn worse(earlier: &Run, now: &Run, percent: &str) -> Vec<(String, TestName)> {
    let comparison = Comparison::of(earlier, now);
    let worse = comparison.worse_than(tolerance(percent));
    worse.into_iter().map(|change| (change.key.transport.clone(), change.key.test)).collect()
}

#[test]
fn a_run_is_no_worse_than_itself() {
    let run = fixture::run();
    let same = Comparison::of(&run, &run);
    assert!(same.warnings.is_empty() && same.only_now.is_empty() && same.only_earlier.is_empty());
    assert!(same.worse_than(tolerance("0")).is_empty());
    assert!(same.changes.iter().all(|change| change.ratio == Some(1.0)), "what neither could measure is no change");
    assert!(shown(&same, "0%", None).contains("is worse by more than 0 %"));
}

#[test]
fn worse_is_a_message_that_takes_longer() {
    let run = fixture::run();
    for test in [TestName::RoundTrip, TestName::Throughput, TestName::Handover] {
        for (by, percent, found) in
            [(1.09, "10", 0), (1.11, "10%", 1), (1.11, "11.5 %", 0), (2.5, "100", 1), (0.2, "0", 0)]
        {
            let mut now = run.clone();
            change(&mut now, is("spsc", "spin", test, 64), slow(by));
            let worse = worse(&run, &now, percent);
            assert_eq!(worse, vec![("spsc".to_owned(), test); found], "{test:?} by {by}, {percent}");
        }
    }
    let mut now = run.clone();
    change(&mut now, |key| key.transport == "pipe" && key.wait == "park" && key.rate_per_s == Some(1000), slow(1.3));
    assert_eq!(worse(&run, &now, "10"), [("pipe".to_owned(), TestName::Paced)]);
}

#[test]
fn what_changed_most_comes_first_whichever_way() {
    let run = fixture::run();
    let mut now = run.clone();
    change(&mut now, is("spsc", "spin", TestName::RoundTrip, 64), slow(1.5));
    change(&mut now, is("pipe", "park", TestName::Throughput, 64), slow(0.25));
    change(&mut now, is("tcp", "park", TestName::RoundTrip, 8), slow(1.2));
    change(&mut now, is("fifo", "park", TestName::RoundTrip, 8), forbid);
    let comparison = Comparison::of(&run, &now);
    let order: Vec<&str> = comparison.changes.iter().take(4).map(|change| change.key.transport.as_str()).collect();
    assert_eq!(order, ["fifo", "pipe", "spsc", "tcp"]);
    let ratios: Vec<_> =
        comparison.changes.iter().take(4).map(|change| change.ratio.map(|r| (r * 100.0).round())).collect();
    assert_eq!(ratios, [None, Some(400.0), Some(67.0), Some(83.0)]);
    let text = shown(&comparison, "10%", None);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(' ')).collect();
    assert!(
        lines[1].contains("fifo") && lines[1].contains("unavailable") && lines[1].trim_end().ends_with("worse"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains("pipe") && lines[2].contains(" 4.00 ") && lines[2].trim_end().ends_with("better"),
        "{}",
        lines[2]
    );
    assert!(lines[3].contains("round trip") && lines[3].contains(" 0.67 ") && lines[3].contains('('), "{}", lines[3]);
    assert!(text.contains("3 of ") && text.contains(" figures are worse by more than 10 %."), "{text}");
}

#[test]
fn what_is_lost_is_worse_and_what_is_new_is_not() {
    let run = fixture::run();
    let mut less = run.clone();
    change(&mut less, is("spsc", "spin", TestName::RoundTrip, 64), forbid);
    assert_eq!(worse(&run, &less, "1000"), [("spsc".to_owned(), TestName::RoundTrip)]);
    assert!(worse(&less, &run, "0").is_empty());
    let comparison = Comparison::of(&less, &run);
    assert!(
        shown(&comparison, "0", None)
            .lines()
            .any(|line| line.contains("unavailable") && line.trim_end().ends_with("new"))
    );
    // That which keeps up no more has no median that could be compared, but is worse all the same.
    let mut late = run.clone();
    let paced = |key: &Key| key.transport == "spsc" && key.wait == "spin" && key.rate_per_s == Some(1_000_000);
    change(&mut late, paced, |record| {
        if let Finding::Paced { arrived_per_s, .. } = &mut record.finding {
            *arrived_per_s = 9e5;
        }
    });
    assert_eq!(worse(&run, &late, "1000"), [("spsc".to_owned(), TestName::Paced)]);
    assert!(worse(&late, &run, "0").is_empty());
    // Of two that cannot keep up the one is worse through which less arrives, however long the delays.
    let mut later = late.clone();
    change(&mut later, paced, slow(50.0));
    assert!(worse(&late, &later, "0").is_empty());
    change(&mut later, paced, |record| {
        if let Finding::Paced { arrived_per_s, .. } = &mut record.finding {
            *arrived_per_s = 4.5e5;
        }
    });
    assert_eq!(worse(&late, &later, "50"), [("spsc".to_owned(), TestName::Paced)]);
}

#[test]
fn what_only_one_has_is_named_and_not_judged() {
    let run = fixture::run();
    let fewer = fixture::only(|key| key.transport != "tcp");
    let comparison = Comparison::of(&run, &fewer);
    assert!(comparison.worse_than(tolerance("0")).is_empty());
    assert!(comparison.only_now.is_empty() && comparison.only_earlier.iter().all(|key| key.transport == "tcp"));
    let text = shown(&comparison, "10", Some(100));
    assert!(text.contains("\nOnly in the earlier run\ntcp, spin, round trip, 8 B\n"), "{text}");
    let comparison = Comparison::of(&fewer, &run);
    assert!(comparison.only_earlier.is_empty() && !comparison.only_now.is_empty());
    let nothing = Comparison::of(&fixture::only(|key| key.transport == "tcp"), &fewer);
    assert!(nothing.changes.is_empty() && shown(&nothing, "5", Some(80)).contains("nothing in common"));
}

#[test]
fn nothing_and_something() {
    let run = fixture::run();
    let which = |test| is("spsc", "spin", test, 64);
    for test in [TestName::RoundTrip, TestName::Throughput] {
        let mut zero = run.clone();
        change(&mut zero, which(test), slow(if test == TestName::RoundTrip { 0.0 } else { f64::INFINITY }));
        let to_zero = Comparison::of(&run, &zero);
        let from_zero = Comparison::of(&zero, &run);
        let (lost, won) = if test == TestName::RoundTrip { (&from_zero, &to_zero) } else { (&to_zero, &from_zero) };
        assert_eq!(lost.worse_than(tolerance("1000")).len(), 1, "{test:?}");
        assert_eq!(won.worse_than(tolerance("0")).len(), 0, "{test:?}");
        assert!(Comparison::of(&zero, &zero).worse_than(tolerance("0")).is_empty());
        for comparison in [&to_zero, &from_zero] {
            let text = shown(comparison, "10", Some(120));
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}

#[test]
fn another_machine_is_warned_of() {
    let run = fixture::run();
    let mut other = run.clone();
    other.about.processor = "Another".to_owned();
    other.about.far = 7;
    other.about.clock = "CLOCK_MONOTONIC".to_owned();
    other.about.repetitions = 3;
    // Not a reason to warn: when it was, and with which version; that is what is compared.
    other.about.date = "2027-01-01T00:00:00Z".to_owned();
    other.about.rondel = "9.9.9".to_owned();
    let comparison = Comparison::of(&run, &other);
    assert_eq!(comparison.warnings.len(), 4, "{:?}", comparison.warnings);
    let text = shown(&comparison, "10", None);
    for what in [
        "The machine differs: An Imagined",
        "The cores differ: 2 and 3",
        "The clock differs",
        "The repetitions differ: 5 then, 3 now",
    ] {
        assert!(text.contains(&format!("Warning: {what}")), "{what} in {text}");
    }
}

#[test]
fn it_fits_the_terminal() {
    let run = fixture::run();
    let mut now = run.clone();
    change(&mut now, |key| key.transport == "spsc", slow(1.3));
    for width in [80, 100, 120, 200] {
        let text = shown(&Comparison::of(&run, &now), "10", Some(width));
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
    }
}

#[test]
fn tolerances() {
    assert_eq!(tolerance("10"), tolerance(" 10 % "));
    assert_eq!(tolerance("7.5%"), tolerance("7.5"));
    for text in ["", "%", "ten", "-1", "NaN", "inf", "10%%", "1e999"] {
        let error = text.parse::<Tolerance>().unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is no percentage")), "{error}");
    }
}

#[test]
fn what_failed_has_no_figure_and_is_worse() {
    let run = fixture::run();
    let mut now = run.clone();
    change(&mut now, is("spsc", "spin", TestName::RoundTrip, 64), |record| {
        record.finding = Finding::Failed { failed: "spsc: the other end is gone".to_owned() };
    });
    assert_eq!(worse(&run, &now, "1000"), [("spsc".to_owned(), TestName::RoundTrip)]);
    assert!(worse(&now, &run, "0").is_empty());
    let mut file = Vec::new();
    lines::write(&mut file, &now).unwrap();
    assert_eq!(lines::read(&file[..]).unwrap(), now);
    let text = crate::tables::shown(&now, None, false);
    assert!(text.contains("\nspsc, 64 B ") && text.contains("  the other end is gone\n"), "{text}");
}
