//! The tool, run as a reader runs it.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use rondel_proof::kills::EXIT_FORBIDDEN;

pub(crate) fn kills<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rondel-proof"));
    command.arg("kills").args(arguments);
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this machine lets nobody be stepped, which is then said: there is nothing to test.
pub(crate) fn is_forbidden(output: &Output) -> bool {
    let forbidden = output.status.code() == Some(EXIT_FORBIDDEN.into());
    if forbidden {
        eprintln!("PASSED OVER: {}", text(&output.stderr));
    }
    forbidden
}

/// What it prints, if it succeeds; `None` where the machine forbids it.
#[track_caller]
pub(crate) fn succeed(mut command: Command) -> Option<String> {
    let output = command.output().expect("the tool");
    if is_forbidden(&output) {
        return None;
    }
    assert!(output.status.success(), "{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr));
    Some(text(&output.stdout))
}

/// What is in the file system that bears this sweep's number.
pub(crate) fn names_of(pid: u32) -> Vec<String> {
    let names =
        fs::read_dir("/dev/shm").expect("a directory").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let beginnings = [format!("rondel-proof.{pid}"), format!("rondel.proof-{pid}-")];
    names.filter(|name| beginnings.iter().any(|beginning| name.starts_with(beginning))).collect()
}

/// Waits until that is so: for what a kill brings about, a moment later.
#[track_caller]
pub(crate) fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "still not so: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
