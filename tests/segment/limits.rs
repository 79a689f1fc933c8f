//! Limits of the process.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use rondel::SegmentError;

use crate::child::{Running, command};
use crate::common::{Directory, assert_error, builder};

/// The signal that the kernel sends with this error would end the child, and fail the test.
#[test]
fn the_file_size_limit_is_an_error_and_no_signal() {
    let directory = Directory::new("fsize");
    Running::start(command("file-size-limit", directory.path())).succeed();
    assert_eq!(directory.names(), [""; 0]);
}

pub(crate) fn child_file_size_limit(directory: &Path) {
    set_limit(Limit::FileSize, 100_000);
    let large = || builder().capacity(20_000);
    assert_error!(
        large().create(directory.join("ring")),
        SegmentError::FileSizeLimit { requested_bytes: 160_000.., limit_bytes: 100_000 }
    );
    assert_error!(large().anonymous(), SegmentError::FileSizeLimit { .. });
    builder().anonymous().map(drop).expect("a small one");
}

#[test]
fn the_descriptor_limit_is_an_error_of_its_own() {
    let directory = Directory::new("nofile");
    Running::start(command("descriptor-limit", directory.path())).succeed();
    assert_eq!(directory.names(), ["ring"]);
}

pub(crate) fn child_descriptor_limit(directory: &Path) {
    let path = directory.join("ring");
    let ring = builder().create(&path).expect("a ring");
    let other = builder().attach(&path).expect("the ring");
    let (sender, receiver) = std::os::unix::net::UnixStream::pair().expect("a pair");
    // No number below the next free one is free, and none from there on is allowed.
    let next = File::open("/dev/null").expect("a file").as_raw_fd();
    set_limit(Limit::Descriptors, next.try_into().expect("not negative"));

    assert_error!(builder().create(directory.join("other")), SegmentError::DescriptorLimit { .. });
    assert_error!(builder().anonymous(), SegmentError::DescriptorLimit { .. });
    assert_error!(builder().attach(&path), SegmentError::DescriptorLimit { .. });
    assert_error!(builder().create_or_attach(&path), SegmentError::DescriptorLimit { .. });
    assert_error!(ring.try_clone_fd(), SegmentError::DescriptorLimit { .. });
    assert_error!(rondel::segment::list(), SegmentError::DescriptorLimit { .. });
    rondel::handoff::send(&sender, ring.as_fd()).expect("needs no descriptor here");
    assert_error!(rondel::handoff::receive(&receiver), SegmentError::DescriptorLimit { .. });
    let error = other.producer().map(drop).expect_err("needs a descriptor");
    assert!(error.to_string().starts_with("no descriptor left"), "{error}");
}

enum Limit {
    FileSize,
    Descriptors,
}

fn set_limit(limit: Limit, value: u64) {
    let resource = match limit {
        Limit::FileSize => libc::RLIMIT_FSIZE,
        Limit::Descriptors => libc::RLIMIT_NOFILE,
    };
    let value = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `value` is alive.
    assert_eq!(unsafe { libc::setrlimit(resource, &value) }, 0);
}
