//! What a run leaves behind, and whose it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// A directory for temporary files that is empty at the start. It also marks the processes of one test: they have its name in
/// their environment, and their children inherit it.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rondel-torture-test-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Temporary(path)
    }

    pub(crate) fn mark<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("TMPDIR", &self.0)
    }

    /// The processes with the mark, other than this one.
    fn marked(&self) -> Vec<u32> {
        let mark = format!("TMPDIR={}\0", self.0.display());
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        let marked = |path: PathBuf| {
            std::fs::read(path.join("environ"))
                .is_ok_and(|environment| environment.windows(mark.len()).any(|window| window == mark.as_bytes()))
        };
        let marked = entries.filter(|entry| marked(entry.path()));
        marked.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// The children of the tool's children.
    pub(crate) fn participants(&self, tool: u32) -> Vec<Pid> {
        let marked: Vec<(u32, u32)> = self.marked().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let is_episode = |pid: u32| marked.contains(&(pid, tool));
        let participants = marked.iter().filter(|(_, parent)| is_episode(*parent));
        participants.filter_map(|(pid, _)| Pid::from_raw(*pid as i32)).collect()
    }

    /// Waits for participants: the tool, an episode, and who takes part in it.
    pub(crate) fn wait_for_participants(&self) {
        wait_until("no participant", || self.marked().len() >= 4);
    }

    /// Neither processes, nor files, nor names of the tool that had this pid.
    pub(crate) fn assert_nothing_left(&self, tool: u32) {
        // Who finds out that the tool has gone has something to do before it goes; and one that was just being started, and is no
        // process with the mark yet or any more while it is executed, does all of that later.
        let names = || files(Path::new("/dev/shm"), &format!("rondel.torture-{tool}-"));
        wait_until("processes or names are left", || {
            names().is_empty() && self.marked().is_empty() && names().is_empty()
        });
        assert_eq!(files(&self.0, ""), Vec::<String>::new());
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The parent's pid: field 4 of proc_pid_stat(5), the second behind the name, which is in brackets.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn files(directory: &Path, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("the directory").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
