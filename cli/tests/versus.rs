//! `rondel versus` as its users run it: as a program.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Held while the tool measures: two of them at once on the same two cores would take turns.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn versus(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rondel"));
    command.arg("versus").args(arguments);
    command
}

/// The shortest run there is.
const QUICK: [&str; 4] = ["--seconds", "1", "--repetitions", "1"];

fn run(command: &mut Command) -> Output {
    command.output().expect("the tool starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("panicked"), "{told}");
    told
}

/// Whether this machine lets us run two sides at all. Where it does not, a test of what they say has nothing to say.
fn two_cores() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() >= 2)
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no number {field} in {line}"))
}

#[test]
fn every_json_line_has_every_field() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let text = stdout(&run(versus(&QUICK).arg("--json")));
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = |field: &str| line[field].as_str().unwrap_or_else(|| panic!("no {field} in {line}")).to_owned();
        let (transport, test, wait) = (name("transport"), name("test"), name("wait"));
        let bytes = number(&line, "payload_bytes");
        assert!(["spin", "yield", "park", "default"].contains(&wait.as_str()), "{line}");
        assert_eq!(number(&line, "repetitions"), 1.0);
        let between_threads = ["rtrb", "array-queue", "crossbeam-channel"].contains(&transport.as_str());
        assert_eq!(name("between"), if between_threads { "threads" } else { "processes" });
        match test.as_str() {
            "round_trip" => {
                let percentiles = ["p50_ns", "p99_ns", "p999_ns", "max_ns"].map(|field| number(&line, field));
                assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{line}");
                assert!(number(&line, "round_trips") >= 1.0);
            }
            "throughput" | "handover" => {
                let rate = number(&line, "messages_per_s");
                assert!(rate > 0.0, "{line}");
                assert!((number(&line, "bytes_per_s") - rate * bytes).abs() <= bytes, "{line}");
                assert!(line.get("batch").is_none_or(|batch| batch.as_u64() > Some(1)), "{line}");
            }
            other => panic!("an unknown test {other}"),
        }
        let batch = line.get("batch").is_some();
        // None between two, whose numbers need not be told.
        let many =
            line.get("producers").map(|_| [number(&line, "producers"), number(&line, "consumers")].map(|n| n as u64));
        assert_eq!(line.get("consumers").is_some(), many.is_some(), "{line}");
        assert!(many.is_none() || bytes == 8.0, "{line}");
        assert!(seen.insert((transport, test, bytes as u64, wait, batch, many)), "twice: {line}");
    }
    let is_there = |transport: &str, test: &str, bytes, wait: &str, batch, many| {
        let wanted = (transport.to_owned(), test.to_owned(), bytes, wait.to_owned(), batch, many);
        assert!(seen.contains(&wanted), "missing: {wanted:?}");
    };
    let has = |transport: &str, test: &str, bytes, wait: &str, batch| {
        is_there(transport, test, bytes, wait, batch, None);
    };
    for each in [1, 2, 4] {
        is_there("array-queue", "throughput", 8, "yield", false, Some([each, each]));
        is_there("crossbeam-channel", "throughput", 8, "default", false, Some([each, each]));
        for batch in [false, true] {
            is_there("mpmc", "throughput", 8, "default", batch, Some([each, each]));
        }
    }
    is_there("mpmc", "throughput", 8, "spin", false, Some([1, 1]));
    for bytes in [8, 64, 256, 1024, 4096, 65_536] {
        for transport in ["pipe", "fifo", "unix-stream", "unix-datagram", "unix-seqpacket"] {
            for test in ["round_trip", "throughput", "handover"] {
                has(transport, test, bytes, "park", false);
            }
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
    }
    assert!(!seen.iter().any(|(transport, test, ..)| transport == "bytes-in-place" && test == "handover"));
    for bytes in [8, 64] {
        has("floor", "round_trip", bytes, "spin", false);
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

#[test]
fn the_table_names_the_machine_and_shows_the_ratios() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let output = run(versus(&QUICK).args(["--only", "floor,pipe"]));
    let text = stdout(&output);
    assert!(text.lines().next().is_some_and(|line| line.contains("Linux") && line.contains("cores")), "{text}");
    for heading in ["p50", "p99.9", "× floor", "× futex", "× pipe", "× rtrb"] {
        assert!(text.contains(heading), "no {heading} in {text}");
    }
    // The floor is once itself, and so is the pipe.
    let row = |transport: &str| text.lines().find(|line| line.split_whitespace().nth(1) == Some(transport));
    assert!(row("floor").is_some_and(|line| line.contains(" 1.00 ")), "{text}");
    assert!(!text.contains("unix"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours where there is no terminal");
    assert!(output.stderr.is_empty(), "progress where there is no terminal");
}

#[test]
fn the_tables_by_size_have_every_size_beside_the_pipe() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let text = stdout(&run(versus(&QUICK).args(["--only", "bytes,bytes-in-place,pipe,unix-seqpacket"])));
    // Each table from its title to the line under it.
    let table = |title: &str| -> Vec<Vec<String>> {
        let lines =
            text.lines().skip_while(|line| !line.starts_with(title)).skip(1).take_while(|line| !line.is_empty());
        let cells = lines.map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()));
        cells.map(|row| row.map(str::to_owned).collect()).filter(|row: &Vec<_>| row.len() > 1).collect()
    };
    let rows = |title: &str, ratios: bool| {
        let table = table(title);
        let (heading, rows) = table.split_first().unwrap_or_else(|| panic!("no table {title} in {text}"));
        assert_eq!(heading[2..], ["8 B", "64 B", "256 B", "1 KiB", "4 KiB", "64 KiB"]);
        for row in rows {
            for cell in &row[2..] {
                let (figure, ratio) = cell.split_once(' ').unwrap_or((cell, ""));
                assert!(figure.parse::<f64>().is_ok_and(|figure| figure > 0.0), "{cell} in {text}");
                assert_eq!(ratio.ends_with("×)"), ratios, "{cell} in {text}");
                assert!(row[0] != "pipe" || !ratios || ratio == "(1.00×)", "the pipe is once itself: {cell} in {text}");
            }
        }
        rows.iter().map(|row| format!("{} {}", row[0], row[1])).collect::<Vec<_>>()
    };
    let rings = |waits: &[&str]| -> Vec<String> {
        let of = |ring: &'static str| waits.iter().map(move |wait| format!("{ring} {wait}"));
        of("bytes").chain(of("bytes-in-place")).collect()
    };
    let with_kernel = |rings: Vec<String>, kernel: &[&str]| {
        rings.into_iter().chain(kernel.iter().map(|name| format!("{name} park"))).collect::<Vec<_>>()
    };
    let both = ["pipe", "unix-seqpacket"];
    let streamed = with_kernel(rings(&["spin", "default"]), &both);
    assert_eq!(rows("Round trips by size", true), with_kernel(rings(&["spin", "default", "park"]), &both));
    assert_eq!(rows("Throughput by size, million", true), streamed);
    assert_eq!(rows("The same in GB", false), streamed);
    assert_eq!(rows("Handing over", true), with_kernel(vec!["bytes default".to_owned()], &both));
    assert_eq!(rows("Throughput by size in batches", true), with_kernel(rings(&["default"]), &["pipe"]));
}

#[test]
fn the_table_of_many_has_each_shape_beside_array_queues() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let cores = rondel_baselines::allowed_cores().expect("cores");
    let pair = format!("{},{}", cores[1], cores[0]);
    let text = stdout(&run(versus(&QUICK).args(["--only", "mpmc,array-queue,crossbeam-channel", "--cores", &pair])));
    assert!(text.contains("× array-queue"), "{text}");
    // Two cores were asked for, and many use no more.
    assert!(text.contains(&format!("spread over cores {}, {}.", cores[1], cores[0])), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    for shape in ["1p1c", "2p2c", "4p4c"] {
        let batches = |row: &&Vec<&str>| row.starts_with(&[shape, "mpmc", "processes", "default", "32"]);
        let batches: Vec<_> = rows.iter().filter(batches).collect();
        assert_eq!(batches.len(), 1, "{text}");
        assert!(batches[0].last().is_some_and(|ratio| ratio.parse::<f64>().is_ok()), "compared with nothing: {text}");
        let row = |transport: &str| {
            let row = rows.iter().find(|row| row.starts_with(&[shape, transport]));
            row.unwrap_or_else(|| panic!("no {shape} of {transport} in {text}"))
        };
        assert_eq!(row("array-queue")[2..5], ["threads", "yield", "–"]);
        assert_eq!(row("array-queue").last(), Some(&"1.00"), "array-queue is once itself: {text}");
        assert_eq!(row("crossbeam-channel")[2..5], ["threads", "default", "–"]);
    }
    assert!(text.contains("crossbeam-channel: bounded channel"), "{text}");
}

#[test]
fn an_unknown_transport_is_answered_with_the_known_ones() {
    let told = failure(&run(versus(&QUICK).args(["--only", "pipe,pigeon"])));
    assert!(told.contains("pigeon"), "{told}");
    let known = "floor spsc mpmc rtrb futex bytes bytes-in-place pipe fifo unix-stream unix-datagram unix-seqpacket \
                 array-queue crossbeam-channel";
    for known in known.split_whitespace() {
        assert!(told.contains(known), "{known} is not told in {told}");
    }
}

#[test]
fn one_core_is_told_to_be_too_few() {
    let core = rondel_baselines::allowed_cores().expect("cores")[0];
    let mut command = versus(&QUICK);
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    // SAFETY: the closure makes one system call, which is all that is allowed between fork and exec.
    unsafe { command.pre_exec(move || Ok(rustix::thread::sched_setaffinity(None, &set)?)) };
    let told = failure(&run(&mut command));
    assert!(told.contains("two processors are needed") && told.contains(&format!("core {core}")), "{told}");
}

#[test]
fn cores_that_cannot_be_are_told() {
    for (cores, why) in [("0", "two cores"), ("1,1", "must differ"), ("0,99999", "may not run on core 99999")] {
        let told = failure(&run(versus(&QUICK).args(["--cores", cores])));
        assert!(told.contains(why), "{cores}: {told}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let mut command = versus(&QUICK);
    command.args(["--json", "--only", "pipe"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = command.spawn().expect("the tool starts");
    // As `head -0` would: gone before the first line is written.
    drop(tool.stdout.take());
    let output = tool.wait_with_output().expect("the tool ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A directory for temporary files that is empty at the start. It also marks the processes of one test: they have its
/// name in their environment, and their children inherit it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rondel-test-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Temporary(path)
    }

    fn mark<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("TMPDIR", &self.0)
    }

    /// The processes with the mark, other than this one.
    fn processes(&self) -> Vec<String> {
        let mark = format!("TMPDIR={}\0", self.0.display());
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        entries
            .filter(|entry| {
                std::fs::read(entry.path().join("environ"))
                    .is_ok_and(|environment| environment.windows(mark.len()).any(|window| window == mark.as_bytes()))
            })
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn assert_nothing_left(&self) {
        // A child is killed at the moment of its parent's death, but takes a moment to be gone.
        let begin = Instant::now();
        while !self.processes().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(10), "left: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(files(&self.0), Vec::<String>::new());
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn success_leaves_nothing() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let place = Temporary::new("success");
    stdout(&run(place.mark(&mut versus(&QUICK))));
    place.assert_nothing_left();
}

/// A shell starts what it runs in the background with SIGINT ignored, which every descendant inherits.
fn heed_signals(command: &mut Command) {
    let heed = || {
        // SAFETY: the default action takes no handler of ours; the call changes this process alone.
        match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only `signal` is called, which is async-signal-safe.
    unsafe { command.pre_exec(heed) };
}

/// Ends the tool with a signal again and again, at other moments each time.
fn ended_by(signal: rustix::process::Signal, name: &str) {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let place = Temporary::new(name);
    let mut with_child = 0;
    for turn in 0..12 {
        let mut command = versus(&["--seconds", "60", "--repetitions", "200", "--only", "fifo"]);
        heed_signals(&mut command);
        let mut tool = place.mark(&mut command).stdout(Stdio::piped()).spawn().expect("the tool starts");
        // Until the tool has a child, then a little longer: 0 to 5.5 ms, in which several FIFOs come and go.
        let begin = Instant::now();
        while place.processes().len() < 2 && begin.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(500 * turn));
        with_child += usize::from(place.processes().len() == 2);
        let id = rustix::process::Pid::from_child(&tool);
        rustix::process::kill_process(id, signal).expect("the tool still runs");
        let status = tool.wait().expect("the tool ends");
        assert!(!status.success());
        let begin = Instant::now();
        while !place.processes().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(10), "left: {:?}", place.processes());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(with_child > 0, "the tool was never caught with a child");
    // One that was killed in the few microseconds in which a FIFO has a name is cleaned up after by the next.
    stdout(&run(place.mark(&mut versus(&QUICK)).args(["--only", "fifo"])));
    place.assert_nothing_left();
}

#[test]
fn ctrl_c_leaves_nothing() {
    ended_by(rustix::process::Signal::INT, "interrupted");
}

#[test]
fn kill_leaves_nothing() {
    ended_by(rustix::process::Signal::KILL, "killed");
}

/// Without a place for its FIFO one transport cannot be had; all others are measured all the same.
#[test]
fn a_transport_that_is_forbidden_is_a_line_and_no_failure() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let nowhere = "/nonexistent/place";
    let mut command = versus(&QUICK);
    let text = stdout(&run(command.args(["--json", "--only", "fifo,unix-stream"]).env("TMPDIR", nowhere)));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (fifo, unix): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["transport"] == "fifo");
    assert!(!fifo.is_empty() && !unix.is_empty());
    for line in fifo {
        let why = line["unavailable"].as_str().unwrap_or_else(|| panic!("{line}"));
        assert!(why.contains("fifo is not available here: making a private directory: No such file"), "{why}");
    }
    assert!(unix.iter().all(|line| line.get("unavailable").is_none()));
    let table = stdout(&run(versus(&QUICK).args(["--only", "fifo,unix-stream"]).env("TMPDIR", nowhere)));
    assert_eq!(table.matches("Not measured: fifo is not available here").count(), 1, "{table}");
}

/// The output reaches a pipe that is read slowly, whole.
#[test]
fn a_slow_reader_gets_everything() {
    let _alone = alone();
    if !two_cores() {
        return;
    }
    let mut command = versus(&QUICK);
    command.args(["--json", "--only", "floor"]).stdout(Stdio::piped());
    let mut tool = command.spawn().expect("the tool starts");
    let mut reader = BufReader::new(tool.stdout.take().expect("a pipe"));
    let mut first = String::new();
    reader.read_line(&mut first).expect("a line");
    std::thread::sleep(Duration::from_millis(50));
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("the rest");
    assert!(tool.wait().expect("the tool ends").success());
    assert_eq!(1 + rest.lines().count(), 2);
}
