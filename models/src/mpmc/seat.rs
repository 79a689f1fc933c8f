//! A consumer together with what it holds.

use std::ptr::NonNull;

use rondel::mpmc::{Consumer, PopGuard};

use crate::element::Element;

/// A consumer, and its guard if it has one. A guard borrows its consumer; to let others go on meanwhile, and to drop guards in
/// any order, both are kept here side by side.
pub(crate) struct Seat<T: Element> {
    /// Owned, and not touched while there is a guard.
    consumer: NonNull<Consumer<T>>,
    /// Its number in the table, which a guard does not let us ask for.
    pub(crate) number: u32,
    guard: Option<(PopGuard<'static, T>, u64)>,
    /// The position under a guard that was forgotten.
    pub(crate) forgotten: Option<u64>,
}

impl<T: Element> Seat<T> {
    pub(crate) fn new(consumer: Consumer<T>) -> Self {
        let number = consumer.participant();
        let consumer = NonNull::from(Box::leak(Box::new(consumer)));
        Seat { consumer, number, guard: None, forgotten: None }
    }

    /// The position that is held, by a guard or where one was forgotten.
    pub(crate) fn holds(&self) -> Option<u64> {
        self.guard.as_ref().map(|(_, position)| *position).or(self.forgotten)
    }

    pub(crate) fn has_guard(&self) -> bool {
        self.guard.is_some()
    }

    /// The consumer, if no guard borrows it.
    pub(crate) fn consumer(&mut self) -> Option<&mut Consumer<T>> {
        if self.guard.is_some() {
            return None;
        }
        // SAFETY: from a box that lives until `self` is dropped; the only other reference would be the guard's, which there
        // is none of, and `self` is borrowed for as long as this one.
        Some(unsafe { self.consumer.as_mut() })
    }

    /// Takes an element under a guard, and keeps it if `keep` says so.
    pub(crate) fn take<E>(
        &mut self,
        take: impl FnOnce(&'static mut Consumer<T>) -> Result<PopGuard<'static, T>, E>,
        keep: impl FnOnce(PopGuard<'static, T>) -> Option<(PopGuard<'static, T>, u64)>,
    ) -> Result<(), E> {
        assert!(self.guard.is_none());
        // SAFETY: as above; the reference lives in the guard at most, and that is dropped before the box is, and before
        // another reference is made.
        let consumer = unsafe { self.consumer.as_mut() };
        self.guard = keep(take(consumer)?);
        Ok(())
    }

    /// Drops the guard, which has to hold what it held from the first.
    pub(crate) fn drop_guard(&mut self) {
        if let Some((guard, position)) = self.guard.take() {
            guard.assert_numbered(position);
        }
    }
}

impl<T: Element> Seat<T> {
    /// From now on the guard is not dropped, for that would let go. Returns the position that is held.
    pub(crate) fn die(&mut self) -> Option<u64> {
        let held = self.holds();
        std::mem::forget(self.guard.take());
        held
    }
}

impl<T: Element> Drop for Seat<T> {
    fn drop(&mut self) {
        self.drop_guard();
        // SAFETY: leaked by `new` and not freed before; no reference is left.
        drop(unsafe { Box::from_raw(self.consumer.as_ptr()) });
    }
}
