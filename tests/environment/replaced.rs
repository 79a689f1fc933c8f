//! Names that change hands while somebody works on them: a process is stopped at each of its system calls, on the way in and on the way
//! out, and what its ring's name stands for is replaced there.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rondel::SegmentError;
use rondel::spsc::Ring;

use crate::agent::NEVER;
use crate::child::{Task, start, tell};
use crate::scratch::{Directory, Message, message, ring_path, within};
use crate::traced::{self, Traced};

/// What the name stands for from the stop on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replacement {
    AnotherRing,
    LinkToAFile,
    Fifo,
    Directory,
    Nothing,
}

const REPLACEMENTS: [Replacement; 5] = [
    Replacement::AnotherRing,
    Replacement::LinkToAFile,
    Replacement::Fifo,
    Replacement::Directory,
    Replacement::Nothing,
];

const CAPACITY: usize = 100;
const OTHER_CAPACITY: usize = 50;
const PRECIOUS: &str = "precious";

fn ring(capacity: usize, path: &Path) {
    Ring::<Message>::builder().capacity(capacity).create(path).map(drop).expect("a ring");
}

fn precious(directory: &Path) -> PathBuf {
    directory.join("precious")
}

impl Replacement {
    /// Takes the name, whatever has it.
    fn put(self, directory: &Path) {
        let path = ring_path(directory);
        let _ = fs::remove_file(&path);
        match self {
            Replacement::AnotherRing => ring(OTHER_CAPACITY, &path),
            Replacement::LinkToAFile => symlink(precious(directory), &path).expect("a link"),
            Replacement::Fifo => {
                let path = std::ffi::CString::new(path.to_str().expect("text")).expect("no zero");
                // SAFETY: a terminated string, alive.
                assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
            }
            Replacement::Directory => fs::create_dir(path).expect("a directory"),
            Replacement::Nothing => {}
        }
    }

    /// It has the name still, and is as it was.
    fn assert_untouched(self, directory: &Path, identity: Option<(u64, u64)>, case: &str) {
        let path = ring_path(directory);
        assert_eq!(identity_of(&path), identity, "{case}: the name is another's");
        let kind = fs::symlink_metadata(&path).map(|data| data.file_type()).ok();
        assert!(
            match self {
                Replacement::AnotherRing => kind.is_some_and(|kind| kind.is_file()),
                Replacement::LinkToAFile => kind.is_some_and(|kind| kind.is_symlink()),
                Replacement::Fifo => kind.is_some_and(|kind| kind.is_fifo()),
                Replacement::Directory => kind.is_some_and(|kind| kind.is_dir()),
                Replacement::Nothing => kind.is_none(),
            },
            "{case}"
        );
        if self == Replacement::AnotherRing {
            let ring = Ring::<Message>::attach(&path).expect("as good as new");
            assert_eq!(ring.capacity(), OTHER_CAPACITY, "{case}");
        }
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).map(|data| (data.dev(), data.ino())).ok()
}

/// Goes through all stops of an operation with all replacements. `there`: whether the name stands for a ring to begin with.
fn sweep(operation: &str, there: bool, may_be: impl Fn(&str, Replacement) -> bool) {
    let directory = Directory::new(&format!("replaced-{operation}-{there}"));
    let path = ring_path(directory.path());
    fs::write(precious(directory.path()), PRECIOUS).expect("a file");
    let mut traced = Traced::start(start("operate-stopped", directory.path(), &[operation]));
    assert_eq!(traced.wait_for_stop(libc::SIGSTOP), libc::SIGSTOP);
    traced.watch_calls();
    let mut cases = 0;
    for replacement in REPLACEMENTS {
        for stops in 0.. {
            let case = format!("{operation}, there {there}, {replacement:?} at stop {stops}");
            if path.is_dir() {
                fs::remove_dir(&path).expect("ours");
            }
            let _ = fs::remove_file(&path);
            if there || operation == "unlink" {
                ring(CAPACITY, &path);
            }
            // Up to where the operation begins.
            assert_eq!(traced.go_on(libc::PTRACE_CONT), libc::SIGSTOP);
            let over = (0..stops).any(|_| traced.go_on(libc::PTRACE_SYSCALL) == libc::SIGSTOP);
            let identity = if over {
                None
            } else {
                replacement.put(directory.path());
                let identity = identity_of(&path);
                within(NEVER, &case, || assert_eq!(traced.go_on(libc::PTRACE_CONT), libc::SIGSTOP, "{case}"));
                identity
            };
            // Up to where the next round begins; the answer is given on the way.
            assert_eq!(traced.go_on(libc::PTRACE_CONT), libc::SIGSTOP);
            let answer = traced.child.hear();
            if over {
                assert!(stops > 10, "only {stops} stops: were system calls traced at all?");
                break;
            }
            cases += 1;
            assert!(answer.starts_with("ok") || may_be(&answer, replacement), "{case}: {answer}");
            // Where nothing was put there, the operation may have put something.
            if replacement != Replacement::Nothing || operation == "unlink" {
                replacement.assert_untouched(directory.path(), identity, &case);
            }
            assert_eq!(fs::read_to_string(precious(directory.path())).ok().as_deref(), Some(PRECIOUS), "{case}");
            let names = fs::read_dir(directory.path()).expect("the directory").flatten();
            let mut strangers = names.map(|name| name.file_name()).filter(|name| name != "ring" && name != "precious");
            assert_eq!(strangers.next(), None, "{case}: left behind");
        }
    }
    println!("{operation}, there {there}: {cases} replacements");
}

fn is_not_regular(answer: &str, replacement: Replacement) -> bool {
    let found = match replacement {
        Replacement::LinkToAFile => "a symbolic link",
        Replacement::Fifo => "a FIFO",
        Replacement::Directory => "a directory",
        Replacement::AnotherRing | Replacement::Nothing => return false,
    };
    answer.starts_with("NotRegularFile") && answer.contains(found)
}

#[test]
fn while_attaching() {
    sweep("attach", true, |answer, replacement| match replacement {
        Replacement::Nothing => answer.starts_with("NotFound"),
        _ => is_not_regular(answer, replacement),
    });
}

#[test]
fn while_creating() {
    sweep("create", false, |answer, replacement| {
        replacement != Replacement::Nothing && answer.starts_with("AlreadyExists")
    });
}

#[test]
fn while_creating_or_attaching() {
    for there in [false, true] {
        sweep("create-or-attach", there, is_not_regular);
    }
}

#[test]
fn while_unlinking() {
    sweep("unlink", true, |answer, replacement| match replacement {
        Replacement::Nothing => answer.starts_with("NotFound"),
        _ => answer.starts_with("Replaced"),
    });
}

/// Repeats the operation, with a stop before and after, and one behind the answer.
pub(crate) fn child_operate(task: &Task) {
    let path = ring_path(&task.path);
    let builder = Ring::<Message>::builder().capacity(CAPACITY);
    traced::begin();
    loop {
        // What is to be deleted is attached to before the round's stops.
        let to_unlink = (task.word(0) == "unlink").then(|| Ring::<Message>::attach(&path).expect("a ring"));
        traced::stop_here();
        let result = match task.word(0) {
            "attach" => Ring::<Message>::attach(&path).map(Some),
            "create" => builder.create(&path).map(Some),
            // Of any capacity, where there is one.
            "create-or-attach" => match builder.create_or_attach(&path) {
                Err(SegmentError::Capacity { found, .. }) if found == OTHER_CAPACITY as u64 => Ok(None),
                result => result.map(Some),
            },
            "unlink" => to_unlink.as_ref().expect("attached").unlink().map(|()| None),
            unknown => panic!("no operation {unknown:?}"),
        };
        traced::stop_here();
        tell(match result {
            Ok(None) => "ok".to_owned(),
            Ok(Some(ring)) => {
                // Whichever it is, it is a whole one.
                let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
                tx.push(message(1)).expect("room");
                assert_eq!(rx.pop(), Ok(message(1)));
                "ok".to_owned()
            }
            Err(error) => format!("{error:?}"),
        });
        traced::stop_here();
    }
}
