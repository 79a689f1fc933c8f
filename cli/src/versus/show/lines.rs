//! The JSON lines: `about` first, and then a line for each figure.

use super::super::record::{About, Finding, Record, Run, TestName};
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

#[derive(Serialize, Deserialize)]
struct First<A> {
    about: A,
}

/// What a reader is told who brings something else.
const WANTED: &str = "expected what `rondel versus --json` writes, of which the first line is {\"about\": …}";

pub(crate) fn write(out: &mut impl Write, run: &Run) -> io::Result<()> {
    line(out, &First { about: &run.about })?;
    run.records.iter().try_for_each(|record| line(out, record))
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// Reads what [`write`] has written.
///
/// # Errors
///
/// When it is something else, or not all of it; the error says at which line, and what was expected there.
pub(crate) fn read(input: impl BufRead) -> anyhow::Result<Run> {
    let mut lines = input.lines().enumerate().map(|(before, text)| (before + 1, text));
    let Some((_, first)) = lines.next() else {
        bail!("the file is empty; {WANTED}");
    };
    let about = about(&first.context("line 1 cannot be read")?).context("line 1")?;
    let mut records = Vec::new();
    let mut seen = HashMap::new();
    for (number, text) in lines {
        let text = text.with_context(|| format!("line {number} cannot be read"))?;
        if text.trim().is_empty() {
            continue;
        }
        let record = record(&text).with_context(|| format!("line {number}"))?;
        if let Some(earlier) = seen.insert(record.key.clone(), number) {
            bail!("line {number}: the same was measured as in line {earlier}: two runs in one file?");
        }
        records.push(record);
    }
    Ok(Run { about, records })
}

fn about(text: &str) -> anyhow::Result<About> {
    ensure!(!text.trim().is_empty(), "it is empty; {WANTED}");
    let object = object(text)?;
    if !object.contains_key("about") {
        if object.contains_key("transport") && object.contains_key("test") {
            bail!(
                "it is a figure, and nothing says of which machine: an older version of rondel wrote this file, without a first \
                 line {{\"about\": …}}; measure anew with this version"
            );
        }
        bail!("it is JSON, but not from `rondel versus`; {WANTED}");
    }
    let First { about } = serde_json::from_value(Value::Object(object))
        .context("what it says about the run is not what this version of rondel writes")?;
    Ok(about)
}

fn record(text: &str) -> anyhow::Result<Record> {
    let object = object(text)?;
    if object.contains_key("about") {
        bail!("a second {{\"about\": …}}: two runs in one file?");
    }
    let record: Record = match serde_json::from_value(Value::Object(object.clone())) {
        Ok(record) => record,
        Err(error) => return Err(anyhow::Error::new(error).context(what_is_wrong(&object))),
    };
    let test = record.key.test;
    let agree = match record.finding {
        Finding::RoundTrip { .. } => test == TestName::RoundTrip,
        Finding::Throughput { .. } => matches!(test, TestName::Throughput | TestName::Handover),
        Finding::Paced { .. } => test == TestName::Paced && record.key.rate_per_s.is_some(),
        Finding::Unavailable { .. } | Finding::Failed { .. } => true,
    };
    ensure!(agree, "the figures are not those of the test that it names; {}", expected(&object));
    ensure!(
        figures(&object).all(|(_, figure)| figure.is_some_and(|figure| figure >= 0.0)),
        "a figure is negative or too large: {}",
        figures(&object).find(|(_, figure)| !figure.is_some_and(|f| f >= 0.0)).map_or("", |(name, _)| name)
    );
    Ok(record)
}

/// All numbers of an object. None of what no `f64` can hold.
fn figures(object: &Map<String, Value>) -> impl Iterator<Item = (&str, Option<f64>)> {
    object
        .iter()
        .filter(|(_, value)| value.is_number())
        .map(|(name, value)| (name.as_str(), value.as_f64().filter(|figure| figure.is_finite())))
}

/// One line as an object.
fn object(text: &str) -> anyhow::Result<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => bail!("it is JSON, but no object; {WANTED}"),
        Err(error) if error.is_eof() => {
            Err(anyhow::Error::new(error).context("it breaks off: the file is not whole, or the run had not ended"))
        }
        Err(error) => Err(anyhow::Error::new(error).context(format!("it is not JSON; {WANTED}"))),
    }
}

const COMMON: [&str; 6] = ["transport", "test", "wait", "payload_bytes", "between", "repetitions"];
const COST: [&str; 2] = ["cpu_s_per_million", "switches_per_million"];

/// Which figures a line of its test has.
fn of_test(object: &Map<String, Value>) -> Option<&'static [&'static str]> {
    Some(match object.get("test").and_then(Value::as_str)? {
        "round_trip" => &["p50_ns", "p50_min_ns", "p50_max_ns", "p99_ns", "p999_ns", "max_ns", "round_trips"],
        "throughput" | "handover" => {
            &["messages_per_s", "messages_per_s_min", "messages_per_s_max", "bytes_per_s", "messages"]
        }
        "paced" => &["rate_per_s", "arrived_per_s", "p50_ns", "p50_min_ns", "p50_max_ns", "max_ns", "delays"],
        _ => return None,
    })
}

/// In one sentence; the reader of the whole line cannot tell which of several forms was meant, and so not what it lacks.
fn what_is_wrong(object: &Map<String, Value>) -> String {
    let wanted = of_test(object).filter(|_| !["unavailable", "failed"].iter().any(|why| object.contains_key(*why)));
    let figures = wanted.into_iter().flatten().chain(if wanted.is_some() { &COST[..] } else { &[] });
    let missing: Vec<&str> = COMMON.iter().chain(figures).copied().filter(|name| !object.contains_key(*name)).collect();
    if missing.is_empty() {
        format!("it is no figure of this version's; {}", expected(object))
    } else {
        format!("it lacks {}; {}", missing.join(", "), expected(object))
    }
}

fn expected(object: &Map<String, Value>) -> String {
    match of_test(object) {
        Some(figures) => {
            format!("expected {} and {}, or `unavailable` or `failed` and why", figures.join(", "), COST.join(", "))
        }
        None => "expected `test` to be round_trip, throughput, handover or paced".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &str = r#"{"about":{"rondel":"0.1.0","date":"2026-01-01T00:00:00Z","processor":"P","kernel":"K","near":0,"far":1,
        "placement":"same-l3","cores":[0,1],"clock":"tsc","clock_reading_ns":9,"clock_skew_ns":0,"repetitions":5,"warm_up_ms":1,
        "measured_ms":2,"transports":[]}}"#;
    const TRIP: &str = r#"{"transport":"pipe","test":"round_trip","wait":"park","payload_bytes":8,"between":"processes",
        "repetitions":5,"p50_ns":300,"p50_min_ns":1.5,"p50_max_ns":2,"p99_ns":3,"p999_ns":4,"max_ns":5,"round_trips":6,
        "cpu_s_per_million":7,"switches_per_million":8}"#;

    fn told(lines: &[&str]) -> String {
        let text: Vec<String> = lines.iter().map(|line| line.replace('\n', " ")).collect();
        match read(text.join("\n").as_bytes()) {
            Ok(run) => format!("{} records", run.records.len()),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_whole_file_is_read() {
        assert_eq!(told(&[ABOUT]), "0 records");
        assert_eq!(told(&[ABOUT, TRIP, ""]), "1 records");
        assert_eq!(told(&[ABOUT, &TRIP.replace("pipe", "tcp"), TRIP]), "2 records");
    }

    #[test]
    fn what_is_something_else_is_named() {
        assert!(told(&[]).starts_with("the file is empty; expected"), "{}", told(&[]));
        let cases: [(&[&str], &str); 12] = [
            (&["", ABOUT], "line 1: it is empty; expected"),
            (&["hello"], "line 1: it is not JSON; expected"),
            (&["[1, 2]"], "line 1: it is JSON, but no object; expected"),
            (&[r#"{"name":"x","version":3}"#], "line 1: it is JSON, but not from `rondel versus`; expected"),
            (&[TRIP], "line 1: it is a figure, and nothing says of which machine: an older version"),
            (&[r#"{"about":{"rondel":"9"}}"#], "line 1: what it says about the run is not what this version"),
            (&[&ABOUT[..40]], "line 1: it breaks off"),
            (&[ABOUT, TRIP, &TRIP.replace("pipe", "tcp")[..60]], "line 3: it breaks off"),
            (&[ABOUT, TRIP, TRIP], "line 3: the same was measured as in line 2"),
            (&[ABOUT, TRIP, ABOUT], "line 3: a second {\"about\": …}"),
            (&[ABOUT, &TRIP.replace("round_trip\"", "drumming\"")], "line 2: it is no figure of this"),
            (&[ABOUT, &TRIP.replace("\"payload_bytes\":8", "\"payload_bytes\":-8")], "line 2: it is no figure of this"),
        ];
        for (lines, wanted) in cases {
            let told = told(lines);
            assert!(told.starts_with(wanted), "{lines:?}: {told}");
        }
    }

    #[test]
    fn what_a_figure_lacks_is_named() {
        let lacking = told(&[ABOUT, &TRIP.replace("\"p99_ns\":3,", "").replace("\"repetitions\":5,", "")]);
        assert!(lacking.starts_with("line 2: it lacks repetitions, p99_ns; expected p50_ns, "), "{lacking}");
        let other = told(&[ABOUT, &TRIP.replace("round_trip\"", "throughput\"")]);
        assert!(other.starts_with("line 2: the figures are not those of the test"), "{other}");
        let negative = told(&[ABOUT, &TRIP.replace("\"p50_ns\":300", "\"p50_ns\":-300")]);
        assert!(negative.starts_with("line 2: a figure is negative or too large: p50_ns"), "{negative}");
    }

    #[test]
    fn text_that_is_none_is_named() {
        let error = read(&b"\xff\xfe\n"[..]).unwrap_err();
        assert!(format!("{error:#}").starts_with("line 1 cannot be read: "), "{error:#}");
    }
}
