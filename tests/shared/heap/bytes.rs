//! The memory of a ring of messages between one producer and one consumer.

use std::sync::Arc;

use super::block::{Block, LINE};
use crate::protocol::bytes::{Geometry, Memory};
use crate::sync::AtomicU64;

const CONSUMED: usize = 0;
const RELEASED: usize = LINE;
const FREED: usize = 2 * LINE;
const DATA: usize = 3 * LINE;

/// A block with the words of one ring, the ring and its slack.
pub(crate) struct Ring {
    pub(crate) block: Block,
    pub(crate) geometry: Geometry,
    /// The producer says what it has been told, as where consumers cannot write what it writes.
    tells: bool,
}

impl Ring {
    pub(crate) fn new(capacity: u64, largest: u64, tells: bool) -> Arc<Ring> {
        let geometry = Geometry::new(capacity, largest).expect("a capacity");
        let bytes = DATA + (geometry.data + geometry.slack) as usize;
        Arc::new(Ring { block: Block::new(bytes), geometry, tells })
    }

    /// The bytes of a message of this length at an offset in the ring.
    pub(crate) fn place(&self, payload: u64, len: u64) -> *mut u8 {
        self.block.at(DATA + payload as usize, len as usize)
    }
}

/// The memory, as the protocol asks for it.
pub(crate) struct Handle(pub(crate) Arc<Ring>);

// SAFETY: every word is one of the block, which lives as long as the handle.
unsafe impl Memory for Handle {
    unsafe fn word(&self, offset: u64) -> &AtomicU64 {
        assert!(offset < self.0.geometry.data);
        self.0.block.word(DATA + offset as usize)
    }

    fn consumed(&self) -> &AtomicU64 {
        self.0.block.word(CONSUMED)
    }

    fn released(&self) -> &AtomicU64 {
        self.0.block.word(RELEASED)
    }

    fn freed(&self) -> Option<&AtomicU64> {
        self.0.tells.then(|| self.0.block.word(FREED))
    }

    fn hint_read(&self, _: u64) {}

    fn hint_write(&self, _: u64, _: u64) {}
}
