//! The rings of these tests, and what they carry: elements that bear their own position.

use rondel::{bytes, spsc};

/// Several to a stamp, and long enough to be torn.
pub(crate) type Element = [u64; 16];

/// What is published at a position, and nowhere else.
pub(crate) fn element(position: u64) -> Element {
    [position; 16]
}

/// The message that is published at a position, and nowhere else. No word of it can pass for a length word.
pub(crate) fn message(position: u64) -> Vec<u8> {
    let words = 1 + position / 8 % 23;
    (0..words).flat_map(|_| position.to_ne_bytes()).collect()
}

pub(crate) fn elements(capacity: usize) -> spsc::Ring<Element> {
    spsc::Ring::builder().capacity(capacity).read_only_consumers().anonymous().expect("two memfds")
}

pub(crate) fn messages(capacity: usize) -> bytes::Ring {
    bytes::Ring::builder().capacity(capacity).read_only_consumers().anonymous().expect("two memfds")
}

/// The same ring as another process has it.
pub(crate) fn reader(ring: &spsc::Ring<Element>) -> spsc::Ring<Element> {
    spsc::Ring::from_fds(ring.segment().try_clone_fds().expect("descriptors")).expect("the same ring")
}

/// The same for a ring of messages.
pub(crate) fn messages_reader(ring: &bytes::Ring) -> bytes::Ring {
    bytes::Ring::from_fds(ring.segment().try_clone_fds().expect("descriptors")).expect("the same ring")
}
