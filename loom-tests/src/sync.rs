//! What the protocol files import as `crate::sync`: loom's atomics, each of whose accesses is a place to die.
//!
//! Loom compares a store with the last access to the word alone. A thread that loads a word before it stores to it hides the loads of
//! all others from loom then, which does not try the store before those loads: a model may so shrink to a single
//! execution, and prove nothing. Hence [`AtomicU64::watched`]: each load is also a relaxed increment of a counter that nobody
//! reads, and which orders nothing. Increments are stores to loom, so that loads are compared with each other too.
//!
//! [`AtomicU64::among_bytes`] is a word that messages lie on, too: plain reads and writes reach it, and are checked against its atomic
//! accesses. It is watched, for a producer that attaches loads the words that it goes on to store.

pub(crate) use loom::sync::atomic::{Ordering, fence};

use loom::sync::atomic::AtomicUsize;

use crate::crash;
use crate::overlap::Overlap;

macro_rules! mortal_atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            value: loom::sync::atomic::$name,
            loads: Option<AtomicUsize>,
            overlap: Option<Overlap>,
        }

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self { value: loom::sync::atomic::$name::new(value), loads: None, overlap: None }
            }

            /// For a word that a thread may load before it stores to it.
            pub(crate) fn watched(value: $value) -> Self {
                Self { loads: Some(AtomicUsize::new(0)), ..Self::new(value) }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                crash::step();
                if let Some(loads) = &self.loads {
                    loads.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(overlap) = &self.overlap {
                    overlap.load();
                }
                self.value.load(order)
            }

            /// An access of the kernel's, which no participant's death can prevent.
            pub(crate) fn load_by_kernel(&self) -> $value {
                self.value.load(Ordering::Relaxed)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                crash::step();
                if let Some(overlap) = &self.overlap {
                    overlap.store(value.into());
                }
                self.value.store(value, order);
            }

            /// Read-modify-writes reach no word that messages lie on: what they would race with has not been thought out.
            fn step_to_modify(&self) {
                crash::step();
                assert!(self.overlap.is_none(), "a read-modify-write of a length word");
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.step_to_modify();
                self.value.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.step_to_modify();
                self.value.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.step_to_modify();
                self.value.fetch_add(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.step_to_modify();
                self.value.fetch_or(value, order)
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.step_to_modify();
                self.value.fetch_and(value, order)
            }
        }
    };
}

mortal_atomic!(AtomicU32, u32);
mortal_atomic!(AtomicU64, u64);

impl AtomicU64 {
    /// For a word on which messages lie.
    pub(crate) fn among_bytes(value: u64) -> Self {
        Self { overlap: Some(Overlap::new(value)), ..Self::watched(value) }
    }

    fn overlap(&self) -> &Overlap {
        self.overlap.as_ref().expect("a word on which messages lie")
    }

    /// Eight bytes of a message are written.
    pub(crate) fn write_bytes(&self, value: u64) {
        crash::step();
        self.overlap().write(value);
        // For whoever polls here, rightly or not.
        self.value.store(value, Ordering::Relaxed);
    }

    /// Eight bytes of a message are read.
    pub(crate) fn read_bytes(&self) -> u64 {
        crash::step();
        self.overlap().read()
    }
}
