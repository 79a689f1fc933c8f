//! Creating: names, modes, what is in the way, and what is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rondel::SegmentError;
use rondel::segment::Place;
use rondel::spsc::Ring;

use crate::child::{Running, command};
use crate::common::{Directory, Name, assert_error, builder, inode};

#[test]
fn what_is_there_is_never_touched() {
    let directory = Directory::new("exists");
    let path = directory.file("ring");
    let first = builder().create(&path).expect("a ring");
    let before = fs::read(&path).expect("the file");
    let place = Place::from(&path);
    assert_error!(
        builder().capacity(5000).create(&path),
        SegmentError::AlreadyExists { place: found } if found == place
    );
    assert_eq!(fs::read(&path).expect("the file"), before);
    let same = builder().create_or_attach(&path).expect("attaches");
    assert_eq!(inode(&same), inode(&first));
    assert_eq!((first.segment().is_creator(), same.segment().is_creator()), (true, false));
    assert_eq!(directory.names(), ["ring"]);
}

#[test]
fn a_name_is_a_file_in_dev_shm() {
    let name = Name::new("name");
    let ring = Ring::<u64>::builder().capacity(10).create(name.as_str()).expect("a ring");
    assert_eq!(name.path().parent(), Some(Path::new("/dev/shm")));
    assert_eq!(fs::metadata(name.path()).expect("the file").len(), ring.segment().total_len());
    assert_eq!(ring.segment().place().name(), Some(name.as_str()));
    let same = Ring::<u64>::attach(name.as_str()).expect("attaches");
    assert_eq!(inode(&same), inode(&ring));
    ring.unlink().expect("unlinks");
    assert!(!name.path().exists());
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let directory = Directory::new("refused");
    let path = directory.file("ring");
    let without = Ring::<u64>::builder;
    assert_error!(without().create(&path), SegmentError::CapacityMissing);
    assert_error!(without().create_or_attach(&path), SegmentError::CapacityMissing);
    assert_error!(without().anonymous(), SegmentError::CapacityMissing);
    assert_error!(without().capacity(0).create(&path), SegmentError::ZeroCapacity);
    assert_error!(without().capacity(0).anonymous(), SegmentError::ZeroCapacity);
    for capacity in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8] {
        assert_error!(
            without().capacity(capacity).create(&path),
            SegmentError::CapacityTooLarge { requested, element_bytes: 8 } if requested == capacity as u64
        );
    }
    for mode in [0, 0o400, 0o200, 0o700, 0o755, 0o4600, 0o1600, u32::MAX] {
        assert_error!(
            builder().mode(mode).create(&path),
            SegmentError::InvalidMode { requested } if requested == mode
        );
        assert_error!(builder().mode(mode).anonymous(), SegmentError::InvalidMode { .. });
    }
    for name in ["", ".hidden", "a/b", "..", "a b"] {
        assert_error!(builder().create(name), SegmentError::InvalidName { name: found, .. } if found == name);
        assert_error!(builder().attach(name), SegmentError::InvalidName { name: found, .. } if found == name);
    }
    assert_eq!(directory.names(), [""; 0]);
}

#[test]
fn a_missing_directory_is_an_error_that_says_where() {
    let directory = Directory::new("no-directory");
    let path = directory.file("missing/ring");
    let place = Place::from(&path);
    assert_error!(
        builder().create(&path),
        SegmentError::Io { place: found, source, .. } if found == place && source.kind() == std::io::ErrorKind::NotFound
    );
    assert_eq!(directory.names(), [""; 0]);
}

#[test]
fn all_memory_is_allocated_at_creation() {
    use std::os::unix::fs::MetadataExt;
    let directory = Directory::new("allocated");
    let path = directory.file("ring");
    let ring = builder().capacity(1 << 17).create(&path).expect("a ring");
    let data = fs::metadata(&path).expect("the file");
    assert_eq!(data.len(), ring.segment().total_len());
    assert!(data.blocks() * 512 >= data.len(), "{} blocks for {} bytes", data.blocks(), data.len());
}

#[test]
fn the_mode_is_exact_whatever_the_umask() {
    let directory = Directory::new("umask");
    Running::start(command("create-with-umask", directory.path())).succeed();
    assert_eq!(directory.names(), ["600", "620", "666"]);
    for mode in [0o600, 0o620, 0o666] {
        let data = fs::metadata(directory.file(&format!("{mode:o}"))).expect("the file");
        assert_eq!(data.permissions().mode() & 0o7777, mode);
    }
}

pub(crate) fn child_create_with_umask(directory: &Path) {
    for (umask, mode) in [(0o777, 0o620), (0o022, 0o666), (0, 0o600)] {
        // SAFETY: changes a number of this process, in which nothing else runs.
        unsafe { libc::umask(umask) };
        let path = directory.join(format!("{mode:o}"));
        builder().mode(mode).create(path).map(drop).expect("a ring");
    }
}

#[test]
fn a_relative_path_keeps_its_meaning() {
    let directory = Directory::new("relative");
    Running::start(command("relative-path", directory.path())).succeed();
    assert_eq!(directory.names(), ["elsewhere"]);
}

/// Needs a process of its own, because the current directory is the whole process's.
pub(crate) fn child_relative_path(directory: &Path) {
    std::env::set_current_dir(directory).expect("the directory");
    let ring = builder().create(Path::new("ring")).expect("a ring");
    assert!(directory.join("ring").exists());
    fs::create_dir("elsewhere").expect("a directory");
    std::env::set_current_dir("elsewhere").expect("the directory");
    ring.unlink().expect("unlinks where it was created");
    assert!(!directory.join("ring").exists());
}

#[test]
fn the_owner_option_unlinks_what_it_created() {
    let directory = Directory::new("on-drop");
    let path = directory.file("ring");
    let owner = builder().unlink_on_drop(true);
    let created = owner.create(&path).expect("a ring");
    owner.attach(&path).map(drop).expect("attaches");
    assert!(path.exists(), "an attacher is not the owner");
    drop(created);
    assert!(!path.exists());

    builder().create(&path).map(drop).expect("a ring");
    assert!(path.exists(), "not unless asked for");

    // What has replaced it stays.
    let created = owner.create(directory.file("other")).expect("a ring");
    fs::rename(&path, directory.file("other")).expect("replaces it");
    drop(created);
    assert_eq!(directory.names(), ["other"]);
}

#[test]
fn a_forked_child_unlinks_nothing() {
    let directory = Directory::new("on-drop-fork");
    Running::start(command("unlink-on-drop-and-fork", directory.path())).succeed();
    assert_eq!(directory.names(), [""; 0]);
}

/// Forks, so it needs a process without other threads.
pub(crate) fn child_unlink_on_drop_and_fork(directory: &Path) {
    let path = directory.join("ring");
    let ring = builder().unlink_on_drop(true).create(&path).expect("a ring");
    // SAFETY: this process has one thread, so the child may do anything.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(ring);
        // SAFETY: ends the child without the harness's exit handlers.
        unsafe { libc::_exit(i32::from(!path.exists())) };
    }
    let mut status = 0;
    // SAFETY: `status` is alive and writable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child's drop has unlinked the parent's segment");
    assert!(path.exists());
    drop(ring);
    assert!(!path.exists());
}
