//! What the protocol files import as `crate::sync`: loom's atomics, each of whose accesses is a place to die.
//!
//! Loom compares a store with the last access to the word alone. A thread that loads a word before it stores to it hides the loads of
//! all others from loom then, which does not try the store before those loads: a model may so shrink to a single
//! execution, and prove nothing. Hence [`AtomicU64::watched`]: each load is also a relaxed increment of a counter that nobody
//! reads, and which orders nothing. Increments are stores to loom, so that loads are compared with each other too.

pub(crate) use loom::sync::atomic::Ordering;

use loom::sync::atomic::AtomicUsize;

use crate::crash;

macro_rules! mortal_atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name, Option<AtomicUsize>);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value), None)
            }

            /// For a word that a thread may load before it stores to it.
            pub(crate) fn watched(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value), Some(AtomicUsize::new(0)))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                crash::step();
                if let Some(loads) = &self.1 {
                    loads.fetch_add(1, Ordering::Relaxed);
                }
                self.0.load(order)
            }

            /// An access of the kernel's, which no participant's death can prevent.
            pub(crate) fn load_by_kernel(&self) -> $value {
                self.0.load(Ordering::Relaxed)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                crash::step();
                self.0.store(value, order);
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                crash::step();
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                crash::step();
                self.0.compare_exchange(current, new, success, failure)
            }

            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                crash::step();
                self.0.fetch_add(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                crash::step();
                self.0.fetch_or(value, order)
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                crash::step();
                self.0.fetch_and(value, order)
            }
        }
    };
}

mortal_atomic!(AtomicU32, u32);
mortal_atomic!(AtomicU64, u64);
