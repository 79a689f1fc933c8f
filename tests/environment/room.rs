//! A file system without room, in mounts of a child's own.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rondel::SegmentError;

use crate::agent::{NEVER, command};
use crate::apart::{Apart, live_apart, mount_tmpfs, pass_over};
use crate::child::{Task, launch};
use crate::rings::{Answer, KINDS, Kind};
use crate::scratch::{Directory, ring_path};

/// Has an own child, in mounts of its own, carry out a task on a directory.
pub(crate) fn apart(task: &str, directory: &Directory) {
    let mut command = crate::child::command(task, directory.path(), &[]);
    match live_apart(&mut command, Apart::Mounts) {
        Ok(()) => launch(command).succeed(),
        Err(reason) => pass_over("mounts", &reason),
    }
}

#[test]
fn nothing_is_left_where_there_is_no_room_and_what_is_there_goes_on() {
    let directory = Directory::new("room");
    apart("full-tmpfs", &directory);
    let left = fs::read_dir(directory.path()).expect("the directory").count();
    assert_eq!(left, 0, "mounted where others see it");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory");
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A file system with room, and without a file to spare: there is no place for the segment, either.
fn no_file_to_spare(kind: Kind, mount: &Path) {
    fs::create_dir(mount).expect("a directory");
    mount_tmpfs(mount, "size=1m,nr_inodes=3");
    let path = ring_path(mount);
    let files = [1, 2].map(|number| mount.join(number.to_string()));
    files.iter().for_each(|file| drop(File::create(file).expect("one of the two")));
    match kind.create(&path).map(drop) {
        Err(SegmentError::NoSpace { place, requested_bytes: 1.. }) => {
            assert_eq!(place.to_string(), path.display().to_string());
        }
        other => panic!("{kind:?}: {other:?}"),
    }
    assert_eq!(names(mount), ["1", "2"], "{kind:?}");
    // However the kernel counts a file that has not got its name yet.
    files.iter().for_each(|file| fs::remove_file(file).expect("ours"));
    kind.create(&path).map(drop).expect("a file to spare");
    detach(mount);
}

/// The same files through a mount that is read only: they can be looked at, and no more. Whoever has them by the other way goes on.
fn read_only(kind: Kind, mount: &Path) {
    let through = mount.with_extension("through");
    fs::create_dir(mount).expect("a directory");
    fs::create_dir(&through).expect("a directory");
    mount_tmpfs(mount, "size=1m");
    let ring = kind.create(&ring_path(mount)).expect("room");
    let [from, to] =
        [mount, &through].map(|path| std::ffi::CString::new(path.to_str().expect("a path")).expect("no zero"));
    let nothing: *const libc::c_void = std::ptr::null();
    for flags in [libc::MS_BIND, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY] {
        // SAFETY: terminated strings, alive; the others may be null for these changes.
        let result = unsafe { libc::mount(from.as_ptr(), to.as_ptr(), nothing.cast(), flags, nothing) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
    let path = ring_path(&through);
    let is_read_only = |result: Result<_, SegmentError>, expected: &str| match result.map(drop) {
        Err(SegmentError::Io { op, source, .. }) => {
            assert_eq!((op, source.kind()), (expected, std::io::ErrorKind::ReadOnlyFilesystem), "{kind:?}");
        }
        other => panic!("{kind:?}: {other:?}"),
    };
    is_read_only(kind.attach(&path), "open");
    is_read_only(kind.create_or_attach(&path), "open");
    is_read_only(kind.create(&through.join("second")), "create a file for");
    let (mut tx, mut rx) = (ring.producer().expect("free"), ring.consumer().expect("free"));
    assert_eq!(tx.push(1, NEVER), Answer::Pushed);
    assert_eq!(rx.pop(NEVER), Answer::Popped(1));
    assert_eq!(names(mount), ["ring"]);
    drop((tx, rx, ring));
    detach(&through);
    detach(mount);
}

/// Fills a file system to its last byte.
fn fill(directory: &Path) {
    let mut file = File::create(directory.join("filler")).expect("a file");
    let error = loop {
        if let Err(error) = file.write_all(&[1; 512]) {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

pub(crate) fn child_full_tmpfs(task: &Task) {
    for kind in KINDS {
        let mount = task.path.join(kind.name());
        fs::create_dir(&mount).expect("a directory");
        // One page, and the kernel needs none for the directory.
        mount_tmpfs(&mount, "size=4k");
        let path = ring_path(&mount);
        for result in [kind.create(&path), kind.create_or_attach(&path)] {
            match result.map(drop) {
                Err(ref error @ SegmentError::NoSpace { ref place, requested_bytes }) => {
                    assert_eq!(place.to_string(), path.display().to_string());
                    assert!(requested_bytes > 4096, "{kind:?}");
                    let text = error.to_string();
                    assert!(text.contains(&path.display().to_string()) && text.contains(&requested_bytes.to_string()));
                }
                other => panic!("{kind:?}: {other:?}"),
            }
            assert_eq!(names(&mount), [""; 0], "{kind:?}");
        }
        going_on_without_room(kind, &task.path.join(format!("{}-full", kind.name())));
        detach(&mount);
        no_file_to_spare(kind, &task.path.join(format!("{}-files", kind.name())));
        read_only(kind, &task.path.join(format!("{}-read-only", kind.name())));
    }
}

/// A ring that was made while there was room needs none any more: neither to be attached to nor to be used, by whoever comes.
fn going_on_without_room(kind: Kind, mount: &Path) {
    fs::create_dir(mount).expect("a directory");
    mount_tmpfs(mount, "size=128k");
    let path = ring_path(mount);
    let ring = kind.create(&path).expect("room for one");
    fill(mount);
    match kind.create(&mount.join("second")).map(drop) {
        Err(SegmentError::NoSpace { .. }) => {}
        other => panic!("{kind:?}: {other:?}"),
    }
    let mut producer = crate::agent::Agent::launch(command(kind, mount));
    producer.does("attach").does("producer");
    let mut rx = ring.consumer().expect("free");
    producer.begin("push-many 500");
    for number in 0..500 {
        assert_eq!(rx.pop(NEVER), Answer::Popped(number), "{kind:?}");
    }
    assert_eq!(producer.answer(), "ok");
    producer.kill();
    assert_eq!(rx.pop(NEVER), Answer::Dead, "{kind:?}");
    let mut successor = ring.producer().expect("free");
    assert_eq!(successor.push(1, NEVER), Answer::Pushed);
    assert_eq!(rx.pop(NEVER), Answer::Popped(1));
    ring.unlink().expect("needs no room");
    assert_eq!(names(mount), ["filler"], "{kind:?}");
    drop((ring, rx, successor));
    detach(mount);
}

/// The mount goes with this process's namespace in any case; the directory is not to be left.
fn detach(mount: &Path) {
    let path = std::ffi::CString::new(mount.to_str().expect("a path")).expect("no zero");
    // SAFETY: a terminated string, alive.
    let result = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    fs::remove_dir(mount).expect("empty");
}

/// Where there is no `/proc`, segments can be made and opened, and roles cannot be taken: the lock needs a description of its own.
#[test]
fn without_proc_a_role_is_refused_by_name() {
    apart("without-proc", &Directory::new("no-proc"));
}

pub(crate) fn child_without_proc(task: &Task) {
    mount_tmpfs(Path::new("/proc"), "size=4k");
    for kind in KINDS {
        let ring = kind.anonymous().expect("needs no /proc");
        match ring.producer().map(drop) {
            Err(SegmentError::Io { op: "reopen, to lock a role,", source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
            }
            other => panic!("{kind:?}: {other:?}"),
        }
        let path = ring_path(&task.path);
        match kind.create(&path) {
            Ok(ring) => {
                kind.attach(&path).map(drop).expect("needs no /proc");
                // Without the lock that keeps two of them from the same name. The role's error is the same.
                assert!(matches!(ring.consumer().map(drop), Err(SegmentError::Io { .. })));
                fs::remove_file(&path).expect("ours");
            }
            // Older kernels name a file without one only through /proc, or for the privileged.
            Err(SegmentError::Io { op: "give its name to", .. }) => assert_eq!(names(&task.path), [""; 0]),
            Err(other) => panic!("{kind:?}: {other:?}"),
        }
    }
}
