//! Popping as iteration.

use bytemuck::Pod;

use super::consumer::Consumer;
use super::error::TryPopError;
use crate::outcome::PopError;

/// Waits for each element; ends when the producers are gone and the ring is drained. Made by [`Consumer::iter`].
///
/// ```
/// # let (mut tx, mut rx) = rondel::mpmc::pair::<u64>(8)?;
/// tx.push_slice(&[1, 2, 3])?;
/// drop(tx);
/// let mut iter = rx.iter();
/// assert_eq!(iter.by_ref().sum::<u64>(), 6);
/// assert_eq!(iter.ended_by(), Some(rondel::mpmc::PopError::Closed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Iter<'a, T: Pod> {
    consumer: &'a mut Consumer<T>,
    ended_by: Option<PopError>,
}

impl<'a, T: Pod> Iter<'a, T> {
    pub(super) fn new(consumer: &'a mut Consumer<T>) -> Self {
        Iter { consumer, ended_by: None }
    }

    /// Why the iteration ended: closed, dead or failed. `None` while it goes on.
    pub fn ended_by(&self) -> Option<PopError> {
        self.ended_by
    }
}

impl<T: Pod> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.ended_by.is_some() {
            return None;
        }
        self.consumer.pop().inspect_err(|&error| self.ended_by = Some(error)).ok()
    }
}

impl<T: Pod> core::iter::FusedIterator for Iter<'_, T> {}

/// Ends when nothing more can be had at once; never waits. Made by [`Consumer::try_iter`].
///
/// It is not fused: after an end, more may have been published.
///
/// ```
/// # let (mut tx, mut rx) = rondel::mpmc::pair::<u64>(8)?;
/// tx.push_slice(&[1, 2, 3])?;
/// let mut iter = rx.try_iter();
/// assert_eq!(iter.by_ref().collect::<Vec<_>>(), [1, 2, 3]);
/// assert_eq!(iter.ended_by(), Some(rondel::mpmc::TryPopError::Empty));
/// tx.push(4)?;
/// assert_eq!((iter.next(), iter.ended_by()), (Some(4), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TryIter<'a, T: Pod> {
    consumer: &'a mut Consumer<T>,
    ended_by: Option<TryPopError>,
}

impl<'a, T: Pod> TryIter<'a, T> {
    pub(super) fn new(consumer: &'a mut Consumer<T>) -> Self {
        TryIter { consumer, ended_by: None }
    }

    /// Why the last call of `next` gave nothing: empty, pending, closed or failed. `None` if it gave something.
    pub fn ended_by(&self) -> Option<TryPopError> {
        self.ended_by
    }
}

impl<T: Pod> Iterator for TryIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let popped = self.consumer.try_pop();
        self.ended_by = popped.as_ref().err().copied();
        popped.ok()
    }
}
