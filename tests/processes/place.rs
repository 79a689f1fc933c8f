//! Where the rings of these tests are made and found.

use std::path::Path;

use rondel::spsc::Ring;

use crate::scratch::{Directory, Message, ring_path};

impl Directory {
    pub(crate) fn create(&self, capacity: usize) -> Ring<Message> {
        let ring = Ring::builder().capacity(capacity);
        ring.create(ring_path(self.path())).expect("a new ring")
    }
}

/// In a child: the ring that the test has made.
pub(crate) fn attach(directory: &Path) -> Ring<Message> {
    Ring::attach(ring_path(directory)).expect("the ring")
}
