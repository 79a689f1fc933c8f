//! Nothing is left behind, however the tool ends.

use super::{QUICK, alone, run, stdout, two_cores, versus};
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
    let (before, mut with_child) = (ipc(), 0);
    for turn in 0..12 {
        let mut command =
            versus(&["--seconds", "60", "--repetitions", "200", "--only", "fifo,posix-mq,sysv-mq,sysv-sem"]);
        heed_signals(&mut command);
        let mut tool = place.mark(&mut command).stdout(Stdio::piped()).spawn().expect("the tool starts");
        // Until the tool has a child, then a little longer: 0 to 22 ms, in which several connections come and go.
        let begin = Instant::now();
        while place.processes().len() < 2 && begin.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(2000 * turn));
        with_child += usize::from(place.processes().len() >= 2);
        let id = rustix::process::Pid::from_child(&tool);
        rustix::process::kill_process(id, signal).expect("the tool still runs");
        let status = tool.wait().expect("the tool ends");
        assert!(!status.success());
        // Not by the next run, which may never come, but now.
        place.assert_nothing_left();
        let begin = Instant::now();
        while !ipc().is_subset(&before) {
            assert!(begin.elapsed() < Duration::from_secs(10), "left: {:?}", ipc().difference(&before));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert!(with_child > 0, "the tool was never caught with a child");
}

/// The queues, sets of semaphores and segments of System V that there are, by kind and number.
fn ipc() -> BTreeSet<String> {
    let of = |kind: &'static str| {
        let table = std::fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let number = |line: &str| line.split_whitespace().nth(1).map(|number| format!("{kind} {number}"));
        table.lines().skip(1).filter_map(number).collect::<Vec<_>>()
    };
    ["msg", "sem", "shm"].into_iter().flat_map(of).collect()
}

#[test]
fn ctrl_c_leaves_nothing() {
    ended_by(rustix::process::Signal::INT, "interrupted");
}

#[test]
fn kill_leaves_nothing() {
    ended_by(rustix::process::Signal::KILL, "killed");
}
