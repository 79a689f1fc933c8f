//! A process that has no descriptor left.

use std::fs::File;
use std::os::fd::AsRawFd;

use rondel::mpmc::{Ring, TryPopError};
use rondel::{Fault, NotAttached, SegmentError};

use crate::child;
use crate::refusing::{consumer_refuses, producer_refuses};
use crate::scratch::assert_error;

/// Each handle needs one, for the lock by which its death is seen.
#[test]
fn the_descriptor_limit_is_an_error_of_its_own() {
    child::run("descriptor-limit");
}

pub(crate) fn child_descriptor_limit() {
    let ring = Ring::<u64>::builder().capacity(4).anonymous().expect("a ring");
    let (mut tx, mut rx) = (ring.producer().expect("a place"), ring.consumer().expect("a place"));
    // No number below the next free one is free, and none from there on is allowed.
    let next = File::open("/dev/null").expect("a file").as_raw_fd();
    let old = set_limit(next.try_into().expect("not negative"));

    assert_error!(ring.producer(), SegmentError::DescriptorLimit { .. });
    assert_error!(ring.consumer(), SegmentError::DescriptorLimit { .. });
    assert_error!(tx.try_clone(), SegmentError::DescriptorLimit { .. });
    assert_error!(rx.try_clone(), SegmentError::DescriptorLimit { .. });
    let fault = Fault::NotAttached(NotAttached::DescriptorLimit);
    producer_refuses(&mut tx.clone(), fault);
    consumer_refuses(&mut rx.clone(), fault);

    // Whoever is attached needs no more, and nobody is held dead for want of one.
    tx.push(1).expect("room");
    let guard = rx.pop_guard().expect("an element");
    assert_eq!(ring.recover().expect("no fault"), Default::default());
    drop(guard);
    assert_eq!(rx.try_pop(), Err(TryPopError::Empty));

    // No place was lost.
    set_limit(old);
    let attached: Vec<_> = (2..ring.places()).map(|_| ring.producer().expect("a place")).collect();
    assert_eq!(attached.len(), 62);
}

/// Returns the limit that there was.
fn set_limit(descriptors: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is alive.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    let old = std::mem::replace(&mut limit.rlim_cur, descriptors);
    // SAFETY: `limit` is alive.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    old
}
