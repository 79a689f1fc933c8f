//! `rondel torture` as its users run it: as a program.

mod accounts;
mod arguments;
mod interrupted;
mod place;

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use serde_json::Value;

fn torture(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rondel"));
    command.arg("torture").args(arguments);
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The account of a run, which was clean if it succeeded.
#[track_caller]
fn account(output: &Output) -> Value {
    let told = text(&output.stdout);
    assert_eq!(told.lines().count(), 1, "{told}{}", text(&output.stderr));
    serde_json::from_str(&told).expect("JSON")
}

/// A shell starts what it runs in the background with SIGINT ignored, which every descendant inherits.
fn heed_signals(command: &mut Command) -> &mut Command {
    let heed = || {
        // SAFETY: the default action takes no handler of ours; the call changes this process alone.
        match unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) } {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // SAFETY: between fork and exec only `signal` is called, which is async-signal-safe.
    unsafe { command.pre_exec(heed) }
}
