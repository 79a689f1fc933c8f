//! An element that is consumed only when its guard is dropped.

use core::ops::Deref;

use bytemuck::Pod;

use super::consumer::Consumer;

/// A copy of the ring's first element, which is consumed when this is dropped.
///
/// Made by [`Consumer::pop_guard`] and its siblings. If the process is killed meanwhile, the element is still the first
/// for a succeeding consumer: it is delivered at least once. [`keep`](PopGuard::keep) leaves it in the ring, and so does
/// `std::mem::forget`.
#[derive(Debug)]
#[must_use = "the element is consumed when the guard is dropped"]
pub struct PopGuard<'a, T: Pod> {
    consumer: &'a mut Consumer<T>,
    element: T,
}

impl<'a, T: Pod> PopGuard<'a, T> {
    pub(super) fn new(consumer: &'a mut Consumer<T>, element: T) -> Self {
        PopGuard { consumer, element }
    }

    /// Consumes the element and returns it.
    pub fn consume(self) -> T {
        self.element
    }

    /// Leaves the element in the ring, as the first.
    pub fn keep(self) {
        core::mem::forget(self);
    }
}

impl<T: Pod> Deref for PopGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.element
    }
}

impl<T: Pod> Drop for PopGuard<'_, T> {
    fn drop(&mut self) {
        self.consumer.consume();
    }
}
