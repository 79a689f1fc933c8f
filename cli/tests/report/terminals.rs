//! What the tables make of the terminal that they are written to.

use crate::fixture;
use crate::versus::show::table::{self, Terminal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

const BEGIN: &str = "<<<begin>>>";
const END: &str = "<<<end>>>";

/// Not a test: what the others run in a process of its own, whose stdout is what they say.
#[test]
#[ignore = "run by the other tests of this file"]
fn writes_a_table_to_stdout() {
    let run = fixture::only(|key| ["floor", "spsc", "pipe"].contains(&key.transport.as_str()));
    let mut out = io::stdout().lock();
    writeln!(out, "{BEGIN}").unwrap();
    table::write(&mut out, &run, &Terminal::of_stdout()).unwrap();
    writeln!(out, "{END}").unwrap();
}

fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "terminals::writes_a_table_to_stdout"]).stderr(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLORTERM"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").envs(environment.iter().copied());
    command
}

/// What is written between the two marks: the harness writes things of its own.
fn between(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let (_, rest) = text.split_once(&format!("{BEGIN}\n")).unwrap_or_else(|| panic!("no beginning in {text}"));
    rest.split_once(END).unwrap_or_else(|| panic!("no end in {text}")).0.to_owned()
}

fn to_terminal(columns: u16, environment: &[(&str, &str)]) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, vec![]).unwrap();
    tcsetwinsize(&ours, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.to_bytes())).unwrap();
    let mut command = command(environment);
    let mut child = command.stdout(theirs).spawn().unwrap();
    // So that nobody but the child holds the other end, and its going is the end of the text.
    drop(command);
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let mut ours = std::fs::File::from(ours);
    // A terminal whose other end is gone answers with an error.
    while let Ok(read @ 1..) = ours.read(&mut buffer) {
        text.extend_from_slice(&buffer[..read]);
    }
    assert!(child.wait().unwrap().success());
    between(&String::from_utf8(text).unwrap())
}

#[test]
fn a_terminal_gets_colours_and_lines_that_fit() {
    for columns in [80, 132] {
        let text = to_terminal(columns, &[]);
        assert!(text.contains("\x1b[1m"), "{text}");
        let plain = anstream::adapter::strip_str(&text).to_string();
        let longest = plain.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= usize::from(columns) && longest > 70, "{longest} of {columns}");
    }
}

#[test]
fn colours_can_be_declined() {
    for (environment, colours) in [
        ([("NO_COLOR", "1")], false),
        ([("NO_COLOR", "")], true),
        ([("NO_COLOR", "0")], false),
        ([("TERM", "dumb")], false),
    ] {
        let text = to_terminal(80, &environment);
        assert_eq!(text.contains('\x1b'), colours, "{environment:?}");
    }
}

#[test]
fn a_pipe_gets_neither_colours_nor_a_width() {
    let output = command(&[]).stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success());
    let text = between(&String::from_utf8(output.stdout).unwrap());
    assert!(!text.contains('\x1b'));
    assert!(text.lines().any(|line| line.chars().count() > 132));
}
