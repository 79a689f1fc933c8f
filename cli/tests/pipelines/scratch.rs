//! A directory and a ring's name that are one test's own, and processes that do not outlive it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rondel::bytes::Ring;
use rondel::segment::RoleState;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, set_parent_process_death_signal};

use crate::leftovers;

pub(crate) const RONDEL: &str = env!("CARGO_BIN_EXE_rondel");

/// As documented for programs that join in.
pub(crate) const SCHEMA: u64 = 0x726f_6e64_7069_7065;

/// Longer than anything here takes on a busy machine. What hangs is killed then, and the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Scratch {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

impl Scratch {
    pub(crate) fn new(test: &str) -> Scratch {
        let name = leftovers::of_this_process(&format!("pipe-{test}"));
        let dir = PathBuf::from(format!("/dev/shm/rondel-{name}"));
        fs::create_dir_all(&dir).expect("a directory");
        Scratch { name, dir }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    pub(crate) fn write(&self, file: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(file);
        fs::write(&path, bytes).expect("a file");
        path
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).expect("a file")
    }

    pub(crate) fn read_text(&self, file: &str) -> String {
        String::from_utf8(self.read(file)).expect("text")
    }

    /// Whether the ring's name is there.
    pub(crate) fn has_name(&self) -> bool {
        Path::new(&format!("/dev/shm/rondel.{}", self.name)).exists()
    }

    pub(crate) fn wait_for_name(&self) {
        wait_until("the name", || self.has_name());
    }

    /// Waits until somebody lives in a role and has said so, so that the other side can see it.
    pub(crate) fn wait_for(&self, role: &str) {
        wait_until(role, || {
            let segments = rondel::segment::list().expect("a listing");
            let detail = segments.iter().find(|segment| segment.name == self.name).map(|segment| &segment.detail);
            detail.is_some_and(|detail| {
                detail.as_ref().is_ok_and(|detail| {
                    detail.roles.iter().any(|held| held.name == role && held.alive && held.state == RoleState::Attached)
                })
            })
        });
    }

    /// The ring, once there is one.
    pub(crate) fn ring(&self) -> Ring {
        self.wait_for_name();
        Ring::builder().schema(SCHEMA).attach(self.name.as_str()).expect("the ring of the commands")
    }

    /// Runs a shell script, in which `$RONDEL` is the tool and `$NAME` the ring's name, in the directory, and returns what it
    /// writes. What it started is gone afterwards.
    pub(crate) fn shell(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("RONDEL", RONDEL).env("NAME", &self.name).current_dir(&self.dir);
        let said = self.path("said");
        command.stdout(fs::File::create(&said).expect("a file")).process_group(0);
        heed_signals(&mut command);
        let mut group = Process(command.spawn().expect("a shell"));
        let status = group.wait();
        kill_group(&group);
        assert!(status.success(), "{status}: {script}");
        self.read_text("said")
    }

    /// Starts `rondel send` or `rondel recv` with these arguments behind the name; `stdin` and `stdout` are pipes to the test,
    /// and what it says goes to the file.
    pub(crate) fn start(&self, verb: &str, arguments: &[&str], stderr: &str) -> Process {
        self.start_with(verb, arguments, stderr, Stdio::piped(), Stdio::piped())
    }

    pub(crate) fn start_with(
        &self,
        verb: &str,
        arguments: &[&str],
        stderr: &str,
        stdin: Stdio,
        stdout: Stdio,
    ) -> Process {
        let mut command = Command::new(RONDEL);
        command.arg(verb).arg(&self.name).args(arguments).stdin(stdin).stdout(stdout);
        command.stderr(fs::File::create(self.path(stderr)).expect("a file")).process_group(0);
        heed_signals(&mut command);
        // SAFETY: prctl is a system call and nothing else, which may be made between fork and exec.
        unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
        Process(command.spawn().expect("the tool"))
    }

    /// `rondel send` of a file of the directory.
    pub(crate) fn send_file(&self, file: &str, arguments: &[&str], stderr: &str) -> Process {
        let input = fs::File::open(self.path(file)).expect("the input");
        self.start_with("send", arguments, stderr, input.into(), Stdio::null())
    }

    /// `rondel recv` into a file of the directory.
    pub(crate) fn receive_file(&self, file: &str, arguments: &[&str], stderr: &str) -> Process {
        let output = fs::File::create(self.path(file)).expect("the output");
        self.start_with("recv", arguments, stderr, Stdio::null(), output.into())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        let _ = fs::remove_file(format!("/dev/shm/rondel.{}", self.name));
    }
}

/// A shell starts what it runs in the background with SIGINT ignored, and nohup what it runs with SIGHUP, which every descendant
/// inherits, this test too.
fn heed_signals(command: &mut Command) {
    let heed = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: the default action takes no handler of ours; the call changes this process alone.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only `signal` is called, which is async-signal-safe.
    unsafe { command.pre_exec(heed) };
}

/// A child in a process group of its own, which is killed with it.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(process(self.id()), signal).expect("a child that was not waited for");
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert_eq!(self.wait().signal(), Some(9));
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("process {} has not ended", self.id());
    }

    /// The exit code; not by a signal.
    pub(crate) fn code(&mut self) -> i32 {
        let status = self.wait();
        status.code().unwrap_or_else(|| panic!("{status}"))
    }

    /// Writes to its stdin.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.0.stdin.as_mut().expect("a pipe").write_all(bytes).expect("a reader");
    }

    /// Ends its stdin.
    pub(crate) fn end_input(&mut self) {
        drop::<Option<ChildStdin>>(self.0.stdin.take());
    }

    /// Reads so many bytes of its stdout; fewer only where that ends before.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let watchdog = Watchdog::of(self.0.id());
        let stdout = self.0.stdout.as_mut().expect("a pipe");
        stdout.take(len as u64).read_to_end(&mut bytes).expect("its stdout");
        watchdog.rest();
        bytes
    }

    /// Reads its stdout to the end.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        self.take(usize::MAX)
    }

    /// Closes the reading end of its stdout.
    pub(crate) fn stop_reading(&mut self) {
        drop::<Option<ChildStdout>>(self.0.stdout.take());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            kill_group(self);
            let _ = self.0.wait();
        }
    }
}

fn process(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process")
}

/// What is left of a process's group, its children included.
fn kill_group(process: &Process) {
    // Nobody is left, usually.
    let _ = kill_process_group(self::process(process.id()), Signal::KILL);
}

/// Kills a process that the test would wait for without end.
struct Watchdog(std::sync::mpsc::Sender<()>);

impl Watchdog {
    fn of(id: u32) -> Watchdog {
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("process {id} says nothing more, and is killed");
                let _ = kill_process(process(id), Signal::KILL);
            }
        });
        Watchdog(sender)
    }

    fn rest(self) {
        let _ = self.0.send(());
    }
}

pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < PATIENCE, "waited for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
