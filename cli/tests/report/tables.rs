//! The tables, at all widths.

use crate::fixture;
use crate::versus::record::{Finding, Run, TestName};
use crate::versus::show::table::{self, Terminal};

pub(crate) fn shown(run: &Run, width: Option<u16>, colours: bool) -> String {
    let mut out = Vec::new();
    table::write(&mut out, run, &Terminal { width, colours }).unwrap();
    String::from_utf8(out).unwrap()
}

/// The table with a title: its heading and its rows, a cell each.
fn rows<'a>(text: &'a str, title: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(title)).skip(2);
    lines
        .take_while(|line| !line.starts_with('─'))
        .filter(|line| !line.starts_with('═'))
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

/// Where it stands among the rows.
fn row<'a>(rows: &'a [Vec<&'a str>], transport: &str, wait: &str) -> &'a [&'a str] {
    rows.iter().find(|row| row.contains(&transport) && row.contains(&wait)).unwrap()
}

const TITLES: [&str; 15] = [
    "At a glance, 64 B",
    "Round trips, 64 B, in µs",
    "Round trips by size",
    "Throughput by size, million messages a second",
    "What a stream costs, 64 B",
    "Throughput by size, GB a second",
    "Handing over by size",
    "In batches",
    "Many to many",
    "Under load, 64 B: delay one way in µs, p50 / p99",
    "Under load, 64 B, 1 k/s",
    "Under load, 64 B, 10 k/s",
    "Under load, 64 B, 100 k/s",
    "Under load, 64 B, 1 M/s",
    "Under load, 64 B, 10 M/s",
];

#[test]
fn every_table_is_there_in_its_order() {
    let text = shown(&fixture::run(), None, false);
    let mut rest = text.as_str();
    for title in TITLES.into_iter().chain(["Not measured", "What each is"]) {
        let (_, after) =
            rest.split_once(&format!("\n{title}")).unwrap_or_else(|| panic!("{title} is missing or too early"));
        rest = after;
    }
    for name in fixture::names() {
        assert!(rest.contains(&format!("\n{name}")), "{name} has no note");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let run = fixture::run();
    for width in [80, 100, 120, 200] {
        let text = shown(&run, Some(width), false);
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
        for title in TITLES {
            // The title itself may be broken between words.
            let title: String = title.chars().take(24).collect();
            let rows = rows(&text, &title);
            let (heading, rows) = rows.split_first().unwrap_or_else(|| panic!("{width}: no table {title}"));
            assert!(heading.contains(&"transport"), "{width}: {title}: {heading:?}");
            assert!(!rows.is_empty(), "{width}: {title}");
            // A row that were broken would begin with an empty cell, or have fewer than its heading.
            for row in rows {
                assert_eq!(row.len(), heading.len(), "{width}: {title}: {row:?}");
            }
        }
    }
}

#[test]
fn what_there_is_no_room_for_is_named() {
    let run = fixture::run();
    let narrow = shown(&run, Some(80), false).replace('\n', " ");
    assert!(narrow.contains("Left out for want of width: between, of repetitions, p99.9, max, × futex, switches."));
    assert!(!shown(&run, None, false).contains("Left out"));
    // Ratios go before columns do: at 80 columns all sizes are there.
    let text = shown(&run, Some(80), false);
    let sizes = &rows(&text, "Round trips by size")[0][2..];
    assert_eq!(*sizes, ["8 B", "64 B", "256 B", "1 KiB", "4 KiB", "64 KiB"]);
    assert!(rows(&text, "Round trips by size")[1..].iter().all(|row| row.iter().all(|cell| !cell.contains('×'))));
    assert!(row(&rows(&shown(&run, Some(200), false), "Round trips by size"), "spsc", "spin")[2].ends_with("×)"));
}

#[test]
fn figures_stand_beside_what_they_are_compared_with() {
    let run = fixture::run();
    let p50 = |transport: &str, wait: &str| {
        run.records
            .iter()
            .find_map(|record| match record.finding {
                Finding::RoundTrip { p50_ns, .. }
                    if record.key.transport == transport
                        && record.key.wait == wait
                        && record.key.payload_bytes == 64 =>
                {
                    Some(p50_ns)
                }
                _ => None,
            })
            .unwrap()
    };
    let text = shown(&run, None, false);
    let trips = rows(&text, "Round trips, 64 B");
    assert_eq!(
        trips[0],
        [
            "transport",
            "between",
            "wait",
            "p50",
            "of repetitions",
            "p99",
            "p99.9",
            "max",
            "× floor",
            "× pipe",
            "× futex",
            "CPU-s",
            "switches"
        ]
    );
    let spsc = row(&trips, "spsc", "park");
    assert_eq!(spsc[8], format!("{:.0}", p50("spsc", "park") / p50("floor", "spin")));
    assert_eq!(spsc[9], format!("{:.2}", p50("pipe", "park") / p50("spsc", "park")));
    assert_eq!(spsc[10], format!("{:.2}", p50("spsc", "park") / p50("futex", "park")));
    assert_eq!(spsc[12], "2,000,000");
    assert_eq!(row(&trips, "spsc", "spin")[10], "–", "only who sleeps is compared with the futex");
    // Sorted by the median.
    let medians: Vec<f64> = trips[1..].iter().map(|row| row[3].parse().unwrap()).collect();
    assert!(medians.is_sorted() && medians.len() > 40, "{medians:?}");
    // The pipe that spins is set beside the pipe that sleeps.
    let flows = rows(&text, "Throughput by size, million");
    assert!(row(&flows, "pipe", "park")[2].ends_with("(1.00×)"), "{flows:?}");
    let many = rows(&text, "Many to many");
    assert_eq!(row(&many, "array-queue", "yield")[8], "1.00");
    let costs = rows(&text, "What a stream costs");
    assert_eq!(row(&costs, "spsc", "spin")[5], "2.00", "two sides that spin keep two cores busy");
}

#[test]
fn who_cannot_keep_up_has_no_delay() {
    let run = fixture::run();
    let wide = shown(&run, None, false);
    let loads = rows(&wide, "Under load, 64 B: delay");
    let pipe = row(&loads, "pipe", "park");
    assert!(pipe[2].contains(" / ") && pipe[6].starts_with("cannot keep up: "), "{pipe:?}");
    let tens = rows(&wide, "Under load, 64 B, 10 M/s");
    let pipe = row(&tens, "pipe", "park");
    assert!(pipe[2].starts_with("cannot keep up") && pipe[3..8] == ["–"; 5], "{pipe:?}");
    // Behind all that can.
    let first = tens.iter().position(|row| row[2].starts_with("cannot")).unwrap();
    assert!(tens[first..].iter().all(|row| row[2].starts_with("cannot")) && first > 3, "{tens:?}");
    // Of a thousand a second there were too few for the rarest.
    assert_eq!(row(&rows(&wide, "Under load, 64 B, 1 k/s"), "pipe", "park")[6], "–");
    let narrow = shown(&run, Some(80), false);
    assert!(row(&rows(&narrow, "Under load, 64 B: delay"), "pipe", "park").last().unwrap().starts_with("✗ "));
}

#[test]
fn a_reason_is_told_once() {
    let text = shown(&fixture::run(), None, false);
    let (_, rest) = text.split_once("\nNot measured\n").unwrap();
    let (told, _) = rest.split_once("\n\n").unwrap();
    let told: Vec<&str> = told.lines().collect();
    // Three transports, of which four tests of two ways of waiting were forbidden.
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("udp, 64 KiB") && told[0].contains("is not available here: a message of 65536"),
        "{told:?}"
    );
}

#[test]
fn a_run_of_little_shows_little() {
    let run = fixture::only(|key| key.transport == "pipe" && key.payload_bytes == 8);
    let text = shown(&run, Some(80), false);
    assert!(text.contains("\nAt a glance, 8 B\n") && text.contains("\nRound trips, 8 B, in µs\n"), "{text}");
    for absent in ["Many to many", "Under load", "Not measured", "Round trips by size", "NaN", "inf", "spsc"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    let trips = rows(&shown(&run, None, false), "Round trips, 8 B").concat().join(" ");
    assert!(trips.contains(" – ") && !trips.contains("NaN"), "no floor to compare with: {trips}");
}

#[test]
fn a_run_of_nothing_is_no_reason_to_panic() {
    let empty = fixture::only(|_| false);
    assert!(shown(&empty, Some(80), true).contains("An Imagined Processor"));
    // All of it forbidden.
    let mut none = fixture::only(|key| key.transport == "pipe");
    for record in &mut none.records {
        record.finding = Finding::Unavailable { unavailable: "pipe is not available here: no".to_owned() };
    }
    let text = shown(&none, Some(80), false);
    assert!(!text.contains("At a glance") && text.contains("Not measured\npipe  is not available here: no"), "{text}");
    // All of it nothing.
    let mut zero = fixture::run();
    for record in &mut zero.records {
        match &mut record.finding {
            Finding::RoundTrip { p50_ns, p50_min_ns, p50_max_ns, p99_ns, p999_ns, max_ns, .. } => {
                for figure in [p50_ns, p50_min_ns, p50_max_ns, p99_ns, p999_ns, max_ns] {
                    *figure = 0.0;
                }
            }
            Finding::Throughput { messages_per_s, messages_per_s_min, messages_per_s_max, bytes_per_s, .. } => {
                for figure in [messages_per_s, messages_per_s_min, messages_per_s_max, bytes_per_s] {
                    *figure = 0.0;
                }
            }
            _ => {}
        }
    }
    let text = shown(&zero, Some(200), false);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let run = fixture::run();
    let plain = shown(&run, Some(120), false);
    assert!(!plain.contains('\x1b'));
    let coloured = shown(&run, Some(120), true);
    let plainly = |line: &str| anstream::adapter::strip_str(line).to_string();
    let line = |start: &str| coloured.lines().find(|line| plainly(line).starts_with(start)).unwrap();
    assert!(line(" spsc ").starts_with("\x1b[1m\x1b[36m "), "{:?}", line(" spsc "));
    assert!(line(" floor ").starts_with("\x1b[2m "), "{:?}", line(" floor "));
    assert!(line(" pipe ").starts_with(" pipe "), "{:?}", line(" pipe "));
    // Without them it is the same text.
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn what_a_file_says_gives_a_terminal_no_orders() {
    let mut run = fixture::only(|key| key.transport == "pipe");
    run.about.processor = "evil \x1b[2J\x07".to_owned();
    run.about.transports[0].note = "a\x1b]0;title\x07".to_owned();
    for record in &mut run.records {
        record.key.wait = format!("{}\x1b[31m", record.key.wait);
    }
    assert!(!shown(&run, Some(80), false).contains(['\x1b', '\x07']));
}

#[test]
fn each_test_by_itself_shows_its_tables() {
    for test in [TestName::RoundTrip, TestName::Throughput, TestName::Handover, TestName::Paced] {
        let text = shown(&fixture::only(|key| key.test == test), Some(100), false);
        let tables = TITLES.into_iter().filter(|title| text.contains(&format!("\n{title}"))).count();
        let wanted = match test {
            TestName::RoundTrip => 3,
            TestName::Throughput => 6,
            TestName::Handover => 1,
            TestName::Paced => 6,
        };
        assert_eq!(tables, wanted, "{test:?}\n{text}");
    }
}
