//! Attaching to the two parts of a ring with read-only consumers: whatever the one or the other holds, attaching answers with a ring or a typed
//! error, and both sides can be used without a panic, a hang, or an access outside of it.
//!
//! The first byte of the input chooses. Either the ring is a good one and the input is written into its control part, which
//! is what a consumer can do: then its producer, too, has to bear it. Or the sealed part is hostile as well, a file of anybody's that
//! names its control part truly, so that the checks behind that are reached.

use crate::bytes::{bytes_of, control_part, mutate, sealed_part};
use rondel::handoff::Descriptors;
use rondel::{bytes, spsc};
use std::fs::File;
use std::hint::black_box;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

/// Operations on a ring of hostile bytes: bounded, for each may report as many elements as the ring has lines.
const OPERATIONS: usize = 32;

/// Where the header names its control part, by device and inode: docs/layout.md.
const CONTROL: usize = 96;

const CONTROL_LEN: usize = 4096;

type Element = [u8; 24];

fn pop_elements(ring: &spsc::Ring<Element>) {
    assert!(ring.producer().is_err(), "an attacher cannot push");
    let Ok(mut rx) = ring.consumer() else { return };
    let mut batch = [[0; 24]; 9];
    for _ in 0..OPERATIONS {
        let _ = black_box((rx.len(), rx.is_empty(), rx.peer()));
        let _ = black_box(rx.try_pop());
        let _ = black_box(rx.try_pop_slice(&mut batch));
        drop(rx.try_pop_guard());
        let _ = black_box(rx.pop_timeout(Duration::ZERO));
    }
}

fn push_elements(ring: &spsc::Ring<Element>) {
    let Ok(mut tx) = ring.producer() else { return };
    for _ in 0..OPERATIONS {
        let _ = black_box((tx.len(), tx.is_full(), tx.peer()));
        let _ = black_box(tx.try_push([7; 24]));
        let _ = black_box(tx.try_push_slice(&[[7; 24]; 9]));
        let _ = black_box(tx.push_timeout([7; 24], Duration::ZERO));
        let _ = black_box(tx.wait_until_empty_timeout(Duration::ZERO));
    }
}

fn pop_messages(ring: &bytes::Ring) {
    assert!(ring.producer().is_err(), "an attacher cannot push");
    let Ok(mut rx) = ring.consumer() else { return };
    let mut buffer = vec![0; ring.largest().min(1 << 16)];
    for _ in 0..OPERATIONS {
        let _ = black_box((rx.is_empty(), rx.peer()));
        let _ = black_box(rx.try_pop_into(&mut buffer));
        let _ = black_box(rx.try_pop().map(|message| message.len()));
        let _ = black_box(rx.try_pop_batch().map(|mut batch| (&mut batch).into_iter().count()));
        let _ = black_box(rx.pop_into_timeout(&mut buffer, Duration::ZERO));
    }
}

fn push_messages(ring: &bytes::Ring) {
    let Ok(mut tx) = ring.producer() else { return };
    for len in 0..OPERATIONS {
        let _ = black_box((tx.is_full(len), tx.peer()));
        let _ = black_box(tx.try_push(&[7; OPERATIONS][..len]));
        let _ = black_box(tx.push_timeout(&[7; OPERATIONS][..len], Duration::ZERO));
        let _ = black_box(tx.wait_until_empty_timeout(Duration::ZERO));
    }
}

/// Puts arbitrary bytes, or a valid page with some words of it changed, into the control part of a ring.
fn scribble(control: &OwnedFd, rest: &[u8], whole: bool) {
    let control = File::from(control.try_clone().expect("a descriptor"));
    let mut page = [0; CONTROL_LEN];
    if whole {
        let len = rest.len().min(CONTROL_LEN);
        page[..len].copy_from_slice(&rest[..len]);
    } else {
        control.read_exact_at(&mut page, 0).expect("readable");
        mutate(&mut page, rest);
    }
    control.write_all_at(&page, 0).expect("writable");
}

/// A sealed part of anybody's, with a control part of its own, which it names.
fn hostile(mut sealed: Vec<u8>, rest: &[u8]) -> Descriptors {
    let control = control_part(&[0; CONTROL_LEN]);
    mutate(&mut sealed, rest);
    let data = File::from(control.try_clone().expect("a descriptor")).metadata().expect("open");
    sealed[CONTROL..][..8].copy_from_slice(&data.dev().to_ne_bytes());
    sealed[CONTROL + 8..][..8].copy_from_slice(&data.ino().to_ne_bytes());
    scribble(&control, rest, rest.len() % 2 == 0);
    Descriptors { segment: sealed_part(&sealed), control: Some(control) }
}

/// One input.
pub fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else {
        return;
    };
    let capacity = 1 + usize::from(choice / 4);
    let elements = || {
        let ring = spsc::Ring::<Element>::builder().capacity(capacity).read_only_consumers().anonymous();
        ring.expect("two memfds")
    };
    let messages = || {
        let ring = bytes::Ring::builder().capacity(capacity + 16).read_only_consumers().anonymous();
        ring.expect("two memfds")
    };
    match choice % 4 {
        0 => {
            let ring = elements();
            push_elements(&ring);
            let parts = ring.segment().try_clone_fds().expect("descriptors");
            scribble(parts.control.as_ref().expect("two"), rest, choice % 8 == 0);
            // The header is sealed: it attaches, whatever the control part holds.
            pop_elements(&spsc::Ring::from_fds(parts).expect("the same ring"));
            push_elements(&ring);
        }
        1 => {
            let ring = messages();
            push_messages(&ring);
            let parts = ring.segment().try_clone_fds().expect("descriptors");
            scribble(parts.control.as_ref().expect("two"), rest, choice % 8 == 1);
            pop_messages(&bytes::Ring::from_fds(parts).expect("the same ring"));
            push_messages(&ring);
        }
        2 => {
            if let Ok(ring) = spsc::Ring::from_fds(hostile(bytes_of(elements().segment()), rest)) {
                pop_elements(&ring);
            }
        }
        _ => {
            if let Ok(ring) = bytes::Ring::from_fds(hostile(bytes_of(messages().segment()), rest)) {
                pop_messages(&ring);
            }
        }
    }
}
