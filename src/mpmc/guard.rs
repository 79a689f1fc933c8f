//! An element that is let go of only when its guard is dropped.

use core::ops::Deref;

use bytemuck::Pod;

use super::consumer::Consumer;

/// A copy of an element whose slot is freed when this is dropped.
///
/// Made by [`Consumer::pop_guard`] and its siblings. If the process is killed meanwhile, another consumer gets the element: it is delivered
/// at least once. (Unless the ring was made to discard it: then at most once.)
#[derive(Debug)]
#[must_use = "the element is let go of when the guard is dropped"]
pub struct PopGuard<'a, T: Pod> {
    consumer: &'a mut Consumer<T>,
    element: T,
}

impl<'a, T: Pod> PopGuard<'a, T> {
    pub(super) fn new(consumer: &'a mut Consumer<T>, element: T) -> Self {
        PopGuard { consumer, element }
    }

    /// Lets go of the element in the ring, and returns it.
    pub fn consume(self) -> T {
        self.element
    }

    /// True if the element had been claimed before by a consumer that died.
    pub fn is_redelivered(&self) -> bool {
        self.consumer.redelivered()
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
        self.consumer.finish();
    }
}
