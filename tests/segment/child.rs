//! Tasks for other processes.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

const TASK: &str = "RONDEL_TEST_TASK";
const ARGUMENT: &str = "RONDEL_TEST_ARGUMENT";
/// What a line starts with that is meant for the parent; the test harness writes lines, too.
const MARK: &str = "@@";

/// A command that runs a task, given by its name in [`run`], with an argument.
pub(crate) fn command(task: &str, argument: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command
        .args(["child::entry", "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env(ARGUMENT, argument.as_ref())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// The entry of every child. In the test run proper there is no task, and it passes.
#[test]
fn entry() {
    let Some(task) = env::var_os(TASK) else {
        return;
    };
    let argument = env::var(ARGUMENT).expect("an argument");
    run(task.to_str().expect("a task"), Path::new(&argument));
}

fn run(task: &str, argument: &Path) {
    match task {
        "create-with-umask" => crate::create::child_create_with_umask(argument),
        "relative-path" => crate::create::child_relative_path(argument),
        "unlink-on-drop-and-fork" => crate::create::child_unlink_on_drop_and_fork(argument),
        "create-or-attach" => crate::race::child_create_or_attach(argument),
        "create-for-ever" => crate::killed::child_create_for_ever(argument),
        "create-once" => crate::killed::child_create_once(argument),
        "full-tmpfs" => crate::memory::child_full_tmpfs(argument),
        "transparent-tmpfs" => crate::memory::child_transparent_tmpfs(argument),
        "memory-lock" => crate::memory::child_memory_lock(argument),
        "file-size-limit" => crate::limits::child_file_size_limit(argument),
        "descriptor-limit" => crate::limits::child_descriptor_limit(argument),
        "hold-role" => crate::fork::child_hold_role(argument),
        "hold-role-and-fork" => crate::fork::child_hold_role_and_fork(argument),
        "drop-forked-copy" => crate::fork::child_drop_forked_copy(argument),
        "fork-while-acquiring" => crate::fork::child_fork_while_acquiring(argument),
        "inherit" => crate::handoff::child_inherit(argument),
        "no-inheritance" => crate::handoff::child_no_inheritance(argument),
        "send-to-nobody" => crate::handoff::child_send_to_nobody(argument),
        "receive" => crate::handoff::child_receive(argument),
        unknown => panic!("no task {unknown:?}"),
    }
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
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        libc::pid_t::try_from(self.child.id()).expect("a pid")
    }

    /// The next thing that the child tells.
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

    /// Lets a child go on that waits for its parent.
    pub(crate) fn go_on(&mut self) {
        self.stdin.as_mut().expect("not closed").write_all(b"\n").expect("the child listens");
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to our own child, which has not been reaped yet, so that the pid is
        // still its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("ours to kill");
        self.child.wait().expect("ours to reap");
    }

    /// Waits for its end, and for its success.
    pub(crate) fn succeed(mut self) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("readable");
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

/// Makes a command run in user and mount namespaces of its own, as root there (others would lose
/// their privileges at the exec), where it may mount and has no
/// privilege over limits. `Err` where the machine does not allow that: the test is to be skipped
/// then, and say so.
pub(crate) fn unshare(command: &mut Command) -> Result<(), String> {
    // SAFETY: takes nothing and cannot fail.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: takes nothing and cannot fail.
    let gid = unsafe { libc::getegid() };
    let maps = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {uid} 1")),
        (c"/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    let enter = move || {
        // SAFETY: takes integers and touches no memory.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) } == -1 {
            return Err(std::io::Error::last_os_error());
        }
        for (file, text) in &maps {
            // SAFETY: a terminated string, alive.
            let fd = unsafe { libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
            // SAFETY: `text` is alive and as long as it says.
            let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
            if written == -1 {
                return Err(std::io::Error::last_os_error());
            }
            // SAFETY: ours, opened above.
            unsafe { libc::close(fd) };
        }
        Ok(())
    };
    let mut trial = Command::new("/bin/true");
    // SAFETY: only system calls, no allocation: async-signal-safe.
    unsafe { trial.pre_exec(enter.clone()) };
    match trial.status() {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("cannot enter namespaces: {status}")),
        Err(error) => return Err(format!("cannot enter namespaces: {error}")),
    }
    // SAFETY: as above.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

/// In a child with namespaces of its own: mounts an empty tmpfs.
pub(crate) fn mount_tmpfs(directory: &Path, options: &str) -> std::io::Result<()> {
    let directory = std::ffi::CString::new(directory.to_str().expect("a path")).expect("no zero");
    let options = std::ffi::CString::new(options).expect("no zero");
    // SAFETY: terminated strings, alive.
    let result =
        unsafe { libc::mount(c"tmpfs".as_ptr(), directory.as_ptr(), c"tmpfs".as_ptr(), 0, options.as_ptr().cast()) };
    if result == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
