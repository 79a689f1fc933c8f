//! The memory orderings, and what is weaker than which.

use std::fmt;

/// A memory ordering as the source names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

/// What kind of access an ordering is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A load, or a compare-and-swap that fails.
    Load,
    Store,
    /// A read-modify-write.
    Modify,
    Fence,
}

impl Order {
    /// The ordering of that name, if it is one.
    pub(crate) fn named(name: &str) -> Option<Order> {
        Some(match name {
            "Relaxed" => Order::Relaxed,
            "Acquire" => Order::Acquire,
            "Release" => Order::Release,
            "AcqRel" => Order::AcqRel,
            "SeqCst" => Order::SeqCst,
            _ => return None,
        })
    }

    /// Every weaker ordering that `access` may have. A fence has no weaker one than half of itself: it is left out instead.
    ///
    /// All of them, and not only the next weaker ones: where neither half of `AcqRel` is missed by itself, both may be.
    pub(crate) fn weaker(self, access: Access) -> Vec<Order> {
        let all: &[Order] = match (self, access) {
            (Order::Relaxed, _) => &[],
            (Order::Acquire | Order::Release, _) => &[Order::Relaxed],
            (Order::AcqRel, _) => &[Order::Acquire, Order::Release, Order::Relaxed],
            (Order::SeqCst, Access::Load) => &[Order::Acquire, Order::Relaxed],
            (Order::SeqCst, Access::Store) => &[Order::Release, Order::Relaxed],
            (Order::SeqCst, Access::Modify | Access::Fence) => {
                &[Order::AcqRel, Order::Acquire, Order::Release, Order::Relaxed]
            }
        };
        all.iter().copied().filter(|&order| access != Access::Fence || order != Order::Relaxed).collect()
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
