//! Names in memory that tell whose they are, so that what a killed or aborted run leaves behind is deleted: by its own watchdog, or
//! else by the next run of any of the tests. A pid means something in its own pid namespace only, so that stands in the name, too: a
//! run in a container that shares `/dev/shm` with others would otherwise take those for dead.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Once;

const MARK: &str = "-pid";
const NAMESPACE_MARK: &str = "-in";

/// `what`, marked as this process's. The first call deletes what processes have left that are gone.
pub(crate) fn of_this_process(what: &str) -> String {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| delete(is_gone));
    format!("{what}{}", mark(process::id()))
}

/// What names bear that are a process's.
fn mark(pid: u32) -> String {
    format!("{MARK}{pid}{NAMESPACE_MARK}{}", namespace())
}

/// The number of this process's pid namespace; 0 where it cannot be told.
fn namespace() -> u64 {
    let name = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let number = name.to_str().and_then(|name| name.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok());
    number.unwrap_or(0)
}

/// For one who is about to abort, so that nothing is dropped.
#[allow(dead_code, reason = "not every target has a watchdog")]
pub(crate) fn delete_own() {
    delete(|owner| owner == process::id());
}

/// Whether the process has ended, reaped or not: where a whole run is killed, it may be long before anybody reaps what is left of it.
fn is_gone(pid: u32) -> bool {
    let stat = match fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        // Any other error says nothing of the process.
        Err(error) => return matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)),
    };
    // The state stands behind the name, which is in brackets and may hold brackets itself.
    let state = stat.rsplit(|&byte| byte == b')').next().and_then(|rest| rest.trim_ascii_start().first());
    matches!(state, Some(b'Z' | b'X'))
}

/// Deletes what bears the mark of such a process.
fn delete(is_owner: impl Fn(u32) -> bool) {
    let Ok(entries) = fs::read_dir("/dev/shm") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(owner).is_some_and(&is_owner) {
            // One of the two it is; and where it is gone already, another test was quicker.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// Whose a name in `/dev/shm` is, if it is a test's, in this pid namespace.
fn owner(name: &str) -> Option<u32> {
    let (_, owner) = name.strip_prefix("rondel")?.split_once(MARK)?;
    let (pid, rest) = owner.split_once(NAMESPACE_MARK)?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    (rest.get(..digits)?.parse() == Ok(namespace())).then_some(())?;
    pid.parse().ok()
}

#[test]
fn what_the_dead_left_is_deleted_and_what_the_living_have_is_not() {
    // This process's own sweep, which would otherwise come in between.
    of_this_process("test");
    let [mut reaped, mut zombie] = [(); 2].map(|()| process::Command::new("true").spawn().expect("a child"));
    reaped.wait().expect("ours to reap");
    wait_until_ended(&zombie);
    let owners = [reaped.id(), zombie.id(), process::id()];
    let paths = owners.map(|pid| PathBuf::from(format!("/dev/shm/rondel-leftover{}-1", mark(pid))));
    for path in &paths {
        fs::create_dir_all(path.join("inside")).expect("a directory");
    }
    delete(is_gone);
    let left = paths.each_ref().map(|path| path.exists());
    // Whatever the outcome: nothing is to be left by this test.
    paths.iter().for_each(|path| drop(fs::remove_dir_all(path)));
    zombie.wait().expect("ours to reap");
    assert_eq!(left, [false, false, true], "reaped, not reaped, alive");
    assert_eq!(owner("rondel-unrelated"), None);
    assert_eq!(owner(&format!("other{}", mark(12))), None);
    assert_eq!(owner(&format!("rondel-x{}", mark(12))), Some(12));
    assert_eq!(owner("rondel-x-pid12-in1"), None, "of another namespace, where 12 is somebody else");
}

/// Leaves it to be reaped.
fn wait_until_ended(child: &process::Child) {
    // SAFETY: a record of integers and an address that nobody follows, for which all zeros is a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is alive; the process is our child.
    let result = unsafe { libc::waitid(libc::P_PID, child.id(), &raw mut info, libc::WEXITED | libc::WNOWAIT) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
