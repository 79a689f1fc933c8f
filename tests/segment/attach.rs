//! What may be at a name, and who may own it. The header's fields are in `header`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rondel::SegmentError;
use rondel::segment::Place;
use rondel::spsc::Ring;

use crate::common::{Directory, assert_error, builder, inode};

#[test]
fn a_missing_file_is_not_found() {
    let directory = Directory::new("missing");
    let place = Place::from(directory.file("ring"));
    assert_error!(builder().attach(&place), SegmentError::NotFound { place: found } if found == place);
    assert_error!(builder().attach(directory.file("no/such/directory")), SegmentError::NotFound { .. });
    assert_eq!(directory.names(), [""; 0]);
}

#[test]
fn only_regular_files_are_opened() {
    let directory = Directory::new("irregular");
    let at = |name: &str| directory.file(name);
    let ring = builder().create(at("ring")).expect("a ring");
    symlink(at("ring"), at("link")).expect("a link");
    symlink(at("nothing"), at("dangling")).expect("a link");
    fs::create_dir(at("directory")).expect("a directory");
    let _listener = UnixListener::bind(at("socket")).expect("a socket");
    let fifo = std::ffi::CString::new(at("fifo").to_str().expect("text")).expect("no zero");
    // SAFETY: a terminated string, alive.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);

    for (name, expected) in [
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("directory", "a directory"),
        ("socket", "a socket"),
        ("fifo", "a FIFO"),
    ] {
        assert_error!(
            builder().attach(at(name)),
            SegmentError::NotRegularFile { found, .. } if found == expected
        );
        // Nor does creating touch them, a dangling link's target included.
        assert_error!(builder().create(at(name)), SegmentError::AlreadyExists { .. });
    }
    assert_error!(builder().attach(Path::new("/dev/null")), SegmentError::NotRegularFile { found: "a device", .. });
    assert_eq!(directory.names(), ["dangling", "directory", "fifo", "link", "ring", "socket"]);
    assert!(fs::symlink_metadata(at("fifo")).expect("still there").file_type().is_fifo());
    drop(ring);
}

#[test]
fn what_grants_too_much_is_refused() {
    let directory = Directory::new("mode");
    let path = directory.file("ring");
    let ring = builder().create(&path).expect("a ring");
    for mode in [0o640, 0o620, 0o604, 0o602, 0o666, 0o610] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
        assert_error!(
            builder().attach(&path),
            SegmentError::Mode { expected: 0o600, found } if found == mode
        );
    }
    fs::set_permissions(&path, Permissions::from_mode(0o660)).expect("ours");
    assert_error!(builder().mode(0o640).attach(&path), SegmentError::Mode { expected: 0o640, found: 0o660 });
    let same = builder().mode(0o660).attach(&path).expect("asked for");
    assert_eq!(inode(&same), inode(&ring));
    // Less than what would be accepted is fine.
    builder().mode(0o666).attach(&path).map(drop).expect("less is fine");
}

#[test]
fn another_users_file_is_refused() {
    let directory = Directory::new("owner");
    let path = directory.file("ring");
    builder().create(&path).map(drop).expect("a ring");
    // SAFETY: takes nothing and cannot fail.
    let uid = unsafe { libc::geteuid() };

    // Whoever we are: this is somebody else's view of our file.
    assert_error!(
        builder().owner(uid + 1).attach(&path),
        SegmentError::Owner { expected_uid, found_uid } if expected_uid == uid + 1 && found_uid == uid
    );
    if uid != 0 {
        println!("skipped in part: only root can give files away");
        return;
    }
    chown(&path, Some(12345), None).expect("root may");
    assert_error!(builder().attach(&path), SegmentError::Owner { expected_uid: 0, found_uid: 12345 });
    builder().owner(12345).attach(&path).map(drop).expect("asked for");
}

#[test]
fn a_descriptor_needs_its_seals() {
    let directory = Directory::new("seals");
    let named = builder().create(directory.file("ring")).expect("a ring");
    let fd = named.try_clone_fd().expect("a descriptor");
    // tmpfs gives an ordinary file the seal against sealing.
    assert_error!(builder().from_fd(fd), SegmentError::SealsMissing { expected: 7, found: 1 });

    let disk = std::env::temp_dir().join(format!("rondel-tests-seals-{}", std::process::id()));
    fs::write(&disk, "no seals").expect("a file");
    let file = fs::OpenOptions::new().read(true).write(true).open(&disk).expect("the file");
    let result = builder().from_fd(file.into());
    fs::remove_file(&disk).expect("ours");
    assert_error!(result, SegmentError::SealsMissing { expected: 7, found: 0 | 1 });

    let (socket, _peer) = UnixStream::pair().expect("a pair");
    assert_error!(builder().from_fd(socket.into()), SegmentError::SealsMissing { expected: 7, found: 0 });
}

#[test]
fn an_anonymous_segment_is_sealed_and_cannot_be_resized() {
    let ring = builder().anonymous().expect("a ring");
    let file = fs::File::from(ring.try_clone_fd().expect("a descriptor"));
    for len in [0, 4096, 8191, 8193, 1 << 20] {
        let error = file.set_len(len).expect_err("sealed");
        assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{len}");
    }
    let same = Ring::<u64>::from_fd(file.into()).expect("the same");
    assert_eq!(inode(&same), inode(&ring));
}

#[test]
fn an_anonymous_segment_has_the_requested_mode() {
    for mode in [0o600, 0o666] {
        let ring = builder().mode(mode).anonymous().expect("a ring");
        let file = fs::File::from(ring.try_clone_fd().expect("a descriptor"));
        assert_eq!(file.metadata().expect("open").permissions().mode() & 0o7777, mode);
    }
    let open = builder().mode(0o666).anonymous().expect("a ring");
    let fd = open.try_clone_fd().expect("a descriptor");
    assert_error!(builder().from_fd(fd), SegmentError::Mode { expected: 0o600, found: 0o666 });
}
