//! Other processes, and the tasks that they carry out.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rondel::handoff::{self, Descriptors};
use rondel::segment::Segment;

const TASK: &str = "RONDEL_TEST_TASK";
const WORDS: &str = "RONDEL_TEST_WORDS";
/// What the ring is handed down as.
const RING: &str = "ring";
/// What a line starts with that is meant for the parent; the test harness writes lines, too.
const MARK: &str = "@@";
/// Seconds after which a child is killed by its own alarm. No test takes nearly as long.
const ALARM: libc::c_uint = 120;

/// Starts a child on a task, with a ring, if it is to have one, and further words of advice.
pub(crate) fn start(task: &str, segment: Option<&Segment>, words: &str) -> Running {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["child::entry", "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(WORDS, words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(segment) = segment {
        handoff::inherit_segment(&mut command, RING, segment).expect("passes it");
    }
    let mut child = command.spawn().expect("starts");
    let stdin = child.stdin.take();
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    Running { child, stdin, stdout }
}

/// The entry of every child. In the test run proper there is no task, and it passes.
#[test]
fn entry() {
    let Some(task) = env::var_os(TASK) else { return };
    end_with_the_parent();
    let words = env::var(WORDS).expect("words");
    match task.to_str().expect("a task") {
        "try-everything" => crate::hostile::child_try_everything(&words),
        "receive" => crate::flood::child_receive(&words),
        "receive-until-killed" => crate::flood::child_receive_until_killed(),
        "create-and-hand-on" => crate::family::child_create_and_hand_on(&words),
        "give-up" => crate::hostile::child_give_up(),
        "no-such-seal" => crate::seccomp::child_no_such_seal(),
        unknown => panic!("no task {unknown:?}"),
    }
}

/// Also for a forked child, to which an alarm is not handed down.
pub(crate) fn end_with_the_parent() {
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(ALARM) };
}

/// In a child: the ring that was handed down.
pub(crate) fn inherited() -> Descriptors {
    handoff::inherited_segment(RING).expect("handed down")
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
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next thing that the child tells.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).expect("readable") == 0 {
                panic!("the child has ended without a word");
            }
            if let Some(text) = line.trim_end().strip_prefix(MARK) {
                return text.to_owned();
            }
        }
    }

    /// Kills it, and fails if it had ended before: a child that checks something ends by failing.
    #[track_caller]
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("ours to kill");
        let status = self.child.wait().expect("ours to reap");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}\n{}", self.rest());
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("readable");
        rest
    }

    /// Waits for its end, and for its success.
    #[track_caller]
    pub(crate) fn succeed(mut self) {
        drop(self.stdin.take());
        let rest = self.rest();
        let status = self.child.wait().expect("ours to reap");
        assert!(status.success(), "{status}\n{rest}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
