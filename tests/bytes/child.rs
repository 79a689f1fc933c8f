//! Other processes: this binary again, with the one test [`entry`] and a task in the environment. It is not threaded but for
//! the harness that waits, and may fork.

use std::env;
use std::process::Command;

const TASK: &str = "RONDEL_TEST_TASK";
/// Seconds after which a child is killed by its own alarm. No test takes nearly as long.
const ALARM: libc::c_uint = 60;

/// Runs a task in a process of its own, and fails if that fails.
pub(crate) fn run(task: &str) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["child::entry", "--exact", "--nocapture", "--test-threads=1"]).env(TASK, task);
    let output = command.output().expect("starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{}\n{text}", output.status);
    assert!(text.contains("1 passed"), "the task was not run:\n{text}");
}

/// The entry of every child. In the test run proper there is no task, and it passes.
#[test]
fn entry() {
    let Some(task) = env::var_os(TASK) else { return };
    end_with_the_parent();
    match task.to_str() {
        Some("handles-across-fork") => crate::forked::child_handles(),
        Some("lent-across-fork") => crate::forked::child_lent(),
        Some("ring-across-fork") => crate::forked::child_ring(),
        unknown => panic!("no task {unknown:?}"),
    }
}

/// Also for a forked child, to which neither is handed down.
pub(crate) fn end_with_the_parent() {
    // SAFETY: takes integers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: takes an integer; the signal's default action ends this process.
    unsafe { libc::alarm(ALARM) };
}
