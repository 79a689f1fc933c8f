//! `rondel versus` as its users run it: as a program.

mod arguments;
mod earlier;
mod figures;
mod leftovers;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    // One of the run, and one for each size.
    assert_eq!(1 + rest.lines().count(), 3);
}
