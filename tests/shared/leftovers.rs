//! Names in memory that tell whose they are, so that what a killed or aborted run leaves behind is deleted: by its own watchdog, or
//! else by the next run of any of the tests.

use std::fs;
use std::path::Path;
use std::process;
use std::sync::Once;

const MARK: &str = "-pid";

/// `what`, marked as this process's. The first call deletes what processes have left that are gone.
pub(crate) fn of_this_process(what: &str) -> String {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| delete(|owner| !Path::new(&format!("/proc/{owner}")).exists()));
    format!("{what}{MARK}{}", process::id())
}

/// For one who is about to abort, so that nothing is dropped.
#[allow(dead_code, reason = "not every target has a watchdog")]
pub(crate) fn delete_own() {
    delete(|owner| owner == process::id());
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

/// Whose a name in `/dev/shm` is, if it is a test's.
fn owner(name: &str) -> Option<u32> {
    let (_, owner) = name.strip_prefix("rondel")?.split_once(MARK)?;
    let digits = owner.find(|character: char| !character.is_ascii_digit()).unwrap_or(owner.len());
    owner.get(..digits)?.parse().ok()
}

#[test]
fn what_the_dead_left_is_deleted_and_what_the_living_have_is_not() {
    let dead =
        process::Command::new("true").spawn().and_then(|mut child| child.wait().map(|_| child.id())).expect("a child");
    let paths = [dead, process::id()].map(|pid| format!("/dev/shm/rondel-leftover{MARK}{pid}-1"));
    for path in &paths {
        fs::create_dir_all(format!("{path}/inside")).expect("a directory");
    }
    delete(|owner| !Path::new(&format!("/proc/{owner}")).exists());
    assert_eq!(paths.each_ref().map(|path| Path::new(path).exists()), [false, true]);
    fs::remove_dir_all(&paths[1]).expect("the living one's");
    assert_eq!(owner("rondel-unrelated"), None);
    assert_eq!(owner("other-pid12"), None);
}
