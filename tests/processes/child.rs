//! Other processes, and the tasks that they carry out.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::tasks;

const TASK: &str = "RONDEL_TEST_TASK";
const PATH: &str = "RONDEL_TEST_PATH";
const WORDS: &str = "RONDEL_TEST_WORDS";
/// What a line starts with that is meant for the parent; the test harness writes lines, too.
const MARK: &str = "@@";
/// Seconds after which a child is killed by its own alarm. No test takes nearly as long.
const ALARM: libc::c_uint = 120;

/// Starts a child on a task, with the directory of the test and further words of advice.
pub(crate) fn start(task: &str, path: &Path, words: &[&str]) -> Running {
    launch(command(task, path, words))
}

/// The command that starts such a child, for those who want to change the circumstances.
pub(crate) fn command(task: &str, path: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["child::entry", "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(PATH, path)
        .env(WORDS, words.join(" "))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Starts what a command says.
pub(crate) fn launch(mut command: Command) -> Running {
    let mut child = command.spawn().expect("starts");
    let stdin = child.stdin.take();
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    Running { child, stdin, stdout }
}

/// What a child is to do, and where.
pub(crate) struct Task {
    pub(crate) path: PathBuf,
    words: Vec<String>,
}

impl Task {
    pub(crate) fn word(&self, index: usize) -> &str {
        &self.words[index]
    }

    pub(crate) fn number(&self, index: usize) -> u64 {
        self.words[index].parse().expect("a number")
    }
}

/// The entry of every child. In the test run proper there is no task, and it passes.
#[test]
fn entry() {
    let Some(name) = env::var_os(TASK) else {
        return;
    };
    end_with_the_parent();
    let task = Task {
        path: env::var_os(PATH).expect("a path").into(),
        words: env::var(WORDS).expect("words").split_whitespace().map(str::to_owned).collect(),
    };
    tasks::run(name.to_str().expect("a task"), &task);
}

/// Also for a forked child, to which an alarm is not handed down.
pub(crate) fn end_with_the_parent() {
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    set_alarm();
}

pub(crate) fn set_alarm() {
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(ALARM) };
}

/// In a child: tells the parent something.
pub(crate) fn tell(text: impl std::fmt::Display) {
    // On a line of its own: the harness does not end the line in which it names the test.
    println!("\n{MARK}{text}");
    std::io::stdout().flush().expect("the parent listens");
}

/// In a child: waits for the parent to say something, or to be gone.
pub(crate) fn wait_for_parent() {
    let mut byte = [0];
    let _ = std::io::stdin().read(&mut byte);
}

/// A running child, killed and reaped on drop.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn pid(&self) -> libc::pid_t {
        libc::pid_t::try_from(self.child.id()).expect("a pid")
    }

    /// The next thing that the child tells.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        self.try_hear().expect("the child has ended without a word")
    }

    /// The same; `None` if it ends without a word.
    pub(crate) fn try_hear(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).expect("readable") == 0 {
                return None;
            }
            if let Some(text) = line.trim_end().strip_prefix(MARK) {
                return Some(text.to_owned());
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        assert_eq!(self.hear(), text);
    }

    /// Lets a child go on that waits for its parent.
    pub(crate) fn go_on(&mut self) {
        self.say("");
    }

    /// Says something to a child that reads lines.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not closed");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the child listens");
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child, which has not been reaped yet, so that the pid is still its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Kills it, and fails if it had ended before: a child that checks something ends by failing.
    #[track_caller]
    pub(crate) fn kill(mut self) {
        self.signal(libc::SIGKILL);
        self.ended_by(libc::SIGKILL);
    }

    /// Waits for its end by a signal.
    #[track_caller]
    pub(crate) fn ended_by(&mut self, signal: libc::c_int) {
        let status = self.child.wait().expect("ours to reap");
        if status.signal() != Some(signal) {
            panic!("{}{}", describe(status), self.rest());
        }
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("readable");
        rest
    }

    /// Waits for its end; the code that it left with, if it was not killed.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().expect("ours to reap").code()
    }

    /// Waits for its end, and for its success.
    #[track_caller]
    pub(crate) fn succeed(mut self) {
        drop(self.stdin.take());
        let rest = self.rest();
        let status = self.child.wait().expect("ours to reap");
        assert!(status.success(), "{}{rest}", describe(status));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn describe(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("killed by signal {signal}\n"),
        None => format!("{status}\n"),
    }
}
