//! All messages that are ready, borrowed where they lie in the ring.

use core::fmt;
use core::iter::FusedIterator;
use core::ptr::NonNull;
use core::slice;

use super::consumer::{Consumer, Front};
use crate::protocol::bytes::Place;

/// All messages that are ready, where they lie. Made by [`Consumer::pop_batch`] and its siblings.
///
/// `for message in &mut batch` gives them one after the other, those too that are published meanwhile, as far as the ring reaches; all that were
/// given stay readable until the batch is dropped. Then they are consumed, by one store; what was not given stays in the ring. If
/// the process is killed before, all of them are left to the successor. In a forked child, the parent's batch gives nothing more.
///
/// ```
/// let (mut tx, mut rx) = rondel::bytes::pair(4096)?;
/// for word in ["many", "messages", "one", "store"] {
///     tx.push(word.as_bytes())?;
/// }
/// let mut batch = rx.pop_batch()?;
/// let words: Vec<&[u8]> = (&mut batch).into_iter().take(3).collect();
/// assert_eq!(words, [&b"many"[..], b"messages", b"one"]);
/// drop(batch); // consumes three
/// assert_eq!(&*rx.pop()?, b"store");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "only what is taken out of the batch is consumed"]
pub struct PopBatch<'a> {
    consumer: &'a mut Consumer,
    /// The first message, which has been looked at; until it is given.
    first: Option<Front>,
    /// Behind the last message that was given.
    place: Place,
    given: usize,
}

impl<'a> PopBatch<'a> {
    /// `first` is the first message of the consumer's ring.
    pub(super) fn new(consumer: &'a mut Consumer, first: Front) -> Self {
        PopBatch { place: consumer.head(), consumer, first: Some(first), given: 0 }
    }

    /// How many messages it has given: as many as will be consumed.
    pub fn given(&self) -> usize {
        self.given
    }

    /// The bytes of the next message, and how many they are.
    #[inline(always)]
    fn next(&mut self) -> Option<(NonNull<u8>, usize)> {
        // In a forked child the batch is the parent's, which may give the messages back at any time.
        self.consumer.check().ok()?;
        let bytes = match self.first.take() {
            Some(first) => {
                self.place = self.consumer.behind(first);
                (self.consumer.bytes(first), first.len())
            }
            None => {
                // A corrupted length ends the batch; the next call of the consumer meets it again, and says so.
                let record = self.consumer.look(self.place)?;
                self.place = record.next;
                (self.consumer.bytes_of(record), record.len as usize)
            }
        };
        self.given += 1;
        Some(bytes)
    }
}

impl Drop for PopBatch<'_> {
    fn drop(&mut self) {
        if self.given > 0 {
            self.consumer.give_back_to(self.place);
        }
    }
}

impl fmt::Debug for PopBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PopBatch").field("given", &self.given).finish_non_exhaustive()
    }
}

/// The messages of a [`PopBatch`]. Ends when nothing more is published.
#[derive(Debug)]
pub struct PopBatchIter<'b, 'a> {
    batch: &'b mut PopBatch<'a>,
    ended: bool,
}

impl<'b, 'a> IntoIterator for &'b mut PopBatch<'a> {
    type Item = &'b [u8];
    type IntoIter = PopBatchIter<'b, 'a>;

    fn into_iter(self) -> PopBatchIter<'b, 'a> {
        PopBatchIter { batch: self, ended: false }
    }
}

impl<'b> Iterator for PopBatchIter<'b, '_> {
    type Item = &'b [u8];

    #[inline(always)]
    fn next(&mut self) -> Option<&'b [u8]> {
        if self.ended {
            return None;
        }
        let Some((bytes, len)) = self.batch.next() else {
            self.ended = true;
            return None;
        };
        // SAFETY: the message's bytes are in the ring, mapped as long as the consumer, which outlives 'b. They are published, and given back
        // when the batch is dropped, which is borrowed for 'b; until then no producer that keeps to the protocol writes them.
        Some(unsafe { slice::from_raw_parts(bytes.as_ptr(), len) })
    }
}

impl FusedIterator for PopBatchIter<'_, '_> {}
