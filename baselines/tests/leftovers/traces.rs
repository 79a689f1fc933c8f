//! What a process might leave behind, and where to look for it.

use rustix::fs::{CWD, Mode};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable of the environment by which processes are known as ours.
pub(crate) const MARK: &str = "RONDEL_LEFTOVERS_MARK";

/// How long a moment may be: long enough for a machine that is busy with something else.
const MOMENT: Duration = Duration::from_secs(10);

/// Where the processes of one test live.
///
/// If the system allows it, they and the thread that starts them see System V objects, queues and `/dev/shm` of their own, and nothing at
/// all may be left there. If not, others' are there too: files and queues are known by the number of our process in their names, and of System V
/// objects, which say nothing of their maker, those count that were not there before and stay.
pub(crate) struct Quarters {
    mark: String,
    /// For temporary files, and nobody else's.
    directory: PathBuf,
    /// Where the queues are listed that the thread sees, if it sees only its own.
    private: Option<PathBuf>,
    /// The System V objects that were there before.
    before: BTreeSet<String>,
}

impl Quarters {
    /// Moves the calling thread there.
    pub(crate) fn new(role: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}-{role}", std::process::id());
        let directory = std::env::temp_dir().join(format!("rondel-leftovers-{mark}"));
        fs::create_dir(&directory).unwrap();
        let private = move_out(&directory).ok().map(|()| directory.join("mqueue"));
        let directory = directory.join("tmp");
        fs::create_dir(&directory).unwrap();
        Quarters { mark, directory, private, before: sysv() }
    }

    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Asserts that nothing is left, a moment after a process has ended that used a transport.
    pub(crate) fn assert_clean(&self, transport: &str, process: u32) {
        let begin = Instant::now();
        let mut suspects = sysv();
        loop {
            let mut left = self.left(process);
            let now = sysv();
            suspects.retain(|object| now.contains(object) && !self.before.contains(object));
            left.extend(suspects.iter().cloned());
            if left.is_empty() {
                return;
            }
            assert!(begin.elapsed() < MOMENT, "{transport} leaves behind: {}", left.join(", "));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// All but System V objects.
    fn left(&self, process: u32) -> Vec<String> {
        let mut left: Vec<_> = processes(&self.mark).into_iter().map(|id| format!("process {id}")).collect();
        left.extend(listed(&self.directory));
        let shared = listed(Path::new("/dev/shm")).into_iter();
        match &self.private {
            Some(queues) => {
                left.extend(shared);
                left.extend(listed(queues));
            }
            None => {
                left.extend(shared.filter(|name| name.contains(&process.to_string())));
                left.extend(queues_of(process));
            }
        }
        left
    }
}

impl Drop for Quarters {
    fn drop(&mut self) {
        if let Some(queues) = &self.private {
            let _ = rustix::mount::unmount(queues, rustix::mount::UnmountFlags::DETACH);
        }
        if let Some(directory) = self.directory.parent() {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Moves this thread to namespaces of its own. They go with the last process in them.
fn move_out(directory: &Path) -> rustix::io::Result<()> {
    // SAFETY: what this thread shares with the others remains, but for the view of files and the current directory, which nobody changes.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWIPC) }?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::empty(), None)?;
    let queues = directory.join("mqueue");
    rustix::fs::mkdirat(CWD, &queues, Mode::RWXU)?;
    mount("mqueue", &queues, "mqueue", MountFlags::empty(), None)
}

/// The names in a directory.
fn listed(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

/// The queues whose names say that a process has made them: for want of a list, by asking for each.
fn queues_of(process: u32) -> Vec<String> {
    let names = (0..32).map(|number| format!("/rondel-mq-{process}-{number}"));
    let is_there = |name: &String| {
        let name = CString::new(name.as_str()).unwrap();
        // SAFETY: the name ends in a zero, and without O_CREAT there are no more arguments.
        let queue = unsafe { libc::mq_open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        // SAFETY: the call takes a number; what has been opened here nobody else knows of, and what has not is no descriptor.
        unsafe { libc::close(queue) };
        queue >= 0
    };
    names.filter(is_there).collect()
}

/// All System V objects that this thread sees.
fn sysv() -> BTreeSet<String> {
    let list = |kind| {
        let list = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let ids = list.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
        ids.map(|id| format!("{kind} {id}")).collect::<Vec<_>>()
    };
    ["msg", "sem", "shm"].into_iter().flat_map(list).collect()
}

/// The processes that bear the mark, and live.
fn processes(mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}");
    let bears = |id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(bears).collect()
}
