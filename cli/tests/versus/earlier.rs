//! Runs that are kept: shown again, and compared with.

use super::{QUICK, alone, failure, run, stdout, two_cores, versus};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rondel-test-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a directory");
        Scratch(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A run of a transport with one figure, and with that figure made so many times as good.
fn kept(scratch: &Scratch) -> (String, impl Fn(f64) -> String) {
    let text = stdout(&run(versus(&QUICK).args(["--json", "--only", "pipe", "--quick", "--wait", "park"])));
    let file = scratch.file("run.jsonl");
    fs::write(&file, &text).expect("written");
    let altered = scratch.file("altered.jsonl");
    let alter = move |factor: f64| {
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            if let Some(rate) = line.get("messages_per_s").and_then(Value::as_f64) {
                line["messages_per_s"] = json!(rate * factor);
            }
            line.to_string() + "\n"
        });
        fs::write(&altered, lines.collect::<String>()).expect("written");
        altered.clone()
    };
    (file, alter)
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn a_run_that_was_kept_is_shown_as_it_was() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let scratch = Scratch::new("kept");
    let (file, _) = kept(&scratch);
    let again = stdout(&run(versus(&["--json", "--from"]).arg(&file)));
    assert_eq!(again, fs::read_to_string(&file).expect("the file"));
    let page = scratch.file("page.html");
    let table = stdout(&run(versus(&["--from", &file, "--html"]).arg(&page)));
    assert!(table.contains("pipe") && table.contains("Linux"), "{table}");
    let html = fs::read_to_string(&page).expect("the page");
    assert!(html.contains("<svg") && html.contains("pipe") && html.trim_end().ends_with("</html>"));
    let charts = scratch.file("charts/of/it");
    stdout(&run(versus(&["--from", &file, "--svg"]).arg(&charts)));
    for chart in ["round-trips", "throughput", "under-load"] {
        let svg = fs::read_to_string(format!("{charts}/{chart}.svg")).expect("a chart");
        assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"), "{chart}: {svg}");
    }
    // A shorter page over a longer one leaves nothing of it.
    fs::write(&page, "x".repeat(html.len() * 2)).expect("written");
    stdout(&run(versus(&["--from", &file, "--html"]).arg(&page)));
    assert_eq!(fs::read_to_string(&page).expect("the page"), html);
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let scratch = Scratch::new("compared");
    let (file, altered) = kept(&scratch);
    let compared = |now: &str, tolerance: &[&str]| run(versus(&["--from", now, "--baseline", &file]).args(tolerance));
    // The same run is within any tolerance of itself.
    let same = compared(&file, &["--tolerance", "0"]);
    assert_eq!(status(&same), Some(0), "{}", String::from_utf8_lossy(&same.stderr));
    // A fifth less is within a quarter, and beyond a tenth; more is never too much.
    let less = altered(0.8);
    assert_eq!(status(&compared(&less, &["--tolerance", "25%"])), Some(0));
    let worse = compared(&less, &["--tolerance", "10%"]);
    assert_eq!(status(&worse), Some(1));
    let told = String::from_utf8_lossy(&worse.stderr);
    assert!(told.contains("worse than the baseline's by more than the tolerance"), "{told}");
    let table = String::from_utf8_lossy(&worse.stdout);
    assert!(table.contains("0.80"), "the ratio is shown: {table}");
    // Who names no tolerance is told the same, and no more.
    assert_eq!(status(&compared(&less, &[])), Some(0));
    assert_eq!(status(&compared(&altered(3.0), &["--tolerance", "1%"])), Some(0));
}

/// A tolerance that is kept because nothing was compared would be kept for ever.
#[test]
fn a_baseline_with_nothing_in_common_is_an_error_where_a_tolerance_is_named() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let scratch = Scratch::new("apart");
    let (file, _) = kept(&scratch);
    let about = fs::read_to_string(&file).expect("the file").lines().next().expect("a line").to_owned() + "\n";
    let nothing = scratch.file("nothing.jsonl");
    fs::write(&nothing, about).expect("written");
    let compared = |more: &[&str]| run(versus(&["--from", &file, "--baseline", &nothing]).args(more));
    assert_eq!(status(&compared(&[])), Some(0));
    let told = compared(&["--tolerance", "10%"]);
    assert_eq!(status(&told), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("no figure in common"));
}

#[test]
fn a_file_that_cannot_be_read_is_told_before_anything_is_measured() {
    let scratch = Scratch::new("unreadable");
    let other = scratch.file("other.jsonl");
    fs::write(&other, "{\"transport\":\"pipe\"}\n").expect("written");
    for (file, why) in [(scratch.file("none"), "No such file"), (other.clone(), "other.jsonl")] {
        for option in ["--from", "--baseline"] {
            let told = failure(&run(&mut versus(&[option, &file])));
            assert!(told.contains(why), "{told}");
        }
    }
    let told = failure(&run(&mut versus(&["--html", &scratch.file("no/such/place.html")])));
    assert!(told.contains("place.html") && told.contains("No such file"), "{told}");
    let told = failure(&run(&mut versus(&["--tolerance", "10%"])));
    assert!(told.contains("--baseline"), "{told}");
}
