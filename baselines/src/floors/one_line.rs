//! The floor of a conversation in which question and answer share their memory.
//!
//! In [`floor`](super::floor) each direction has lines of its own: a round trip moves two lines, and each side fetches one that the
//! other has changed. Here the answer is written over the question, so there is one line, which goes to and fro. Which of the two is
//! quicker depends on the machine; together they bound what any exchange through memory can reach.
//!
//! # How an answer is told from the question
//!
//! Question and answer of one number have the same words, so an answer put down as it is would change nothing. It is
//! put down as the complement of its words instead. Each side remembers the first word that it last wrote or read there, and waits until it
//! changes. As the sides take turns, only the other side can have changed it, and its change is always seen:
//!
//! - the answer to a question differs from it in every bit;
//! - the next question n + 1 would equal the complement of answer n only if 2 (`ORIGIN` + n) + 1 were −1 in 64 bits (`ORIGIN` is the
//!   first word of message 0), which no number below 2⁶¹ fulfils, and the last of a stream only after number 2⁶¹ and more.
//!
//! And the words before the first have been written when the first is seen, as there.

use crate::error::check_wait;
use crate::patience::poll_until;
use crate::seat::its_own_seat;
use crate::shared::Shared;
use crate::{Carries, Conversation, Error, Kind, Message, Receiver, Result, Scope, Sender, Transport, Wait};
use bytemuck::Zeroable;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two cores, one line of memory. For round trips only.
#[derive(Clone, Copy, Debug)]
pub struct FloorOneLine;

impl Transport for FloorOneLine {
    const NAME: &'static str = "floor-one-line";
    const NOTE: &'static str = "the answer is written over the question, in the same cache line; no queue";
    const KIND: Kind = Kind::Floor;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin];
    const QUEUES: bool = false;
    const BATCHES: bool = false;
}

impl<const WORDS: usize> Carries<WORDS> for FloorOneLine {
    type Sending = Sending<WORDS>;
    type Receiving = Receiving<WORDS>;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        let line = map(wait)?;
        // The ends are on different sides, and each remembers for itself.
        Ok((Sending::new(&line, PLAIN, &Arc::default()), Receiving::new(&line, PLAIN, &Arc::default())))
    }

    fn converse(wait: Wait) -> Result<Conversation<Self::Sending, Self::Receiving>> {
        let line = map(wait)?;
        let (asks, answers) = (Arc::default(), Arc::default());
        let questions = (Sending::new(&line, PLAIN, &asks), Receiving::new(&line, PLAIN, &answers));
        let replies = (Sending::new(&line, COMPLEMENT, &answers), Receiving::new(&line, COMPLEMENT, &asks));
        Ok((questions, replies))
    }
}

fn map<const WORDS: usize>(wait: Wait) -> Result<Shared<Line<WORDS>>> {
    check_wait(FloorOneLine::NAME, wait, FloorOneLine::WAITS)?;
    Shared::new().map_err(|error| Error::unavailable(FloorOneLine::NAME, "mapping shared memory", error))
}

/// What the words of a direction are combined with, bit by bit, on their way in and out.
const PLAIN: u64 = 0;
const COMPLEMENT: u64 = u64::MAX;

/// The message itself, as long as it is, on lines of its own; two, because some processors fetch lines in pairs.
#[repr(C, align(128))]
struct Line<const WORDS: usize> {
    words: [AtomicU64; WORDS],
}

// SAFETY: the struct is an array of atomics and padding behind it; zero is a value of every atomic integer.
unsafe impl<const WORDS: usize> Zeroable for Line<WORDS> {}

/// The first word of the line as one side has last written or read it. It is shared by that side's two ends, in private
/// memory: a fork gives each process its own.
type Known = Arc<AtomicU64>;

/// Writes the line.
pub struct Sending<const WORDS: usize> {
    line: Shared<Line<WORDS>>,
    mask: u64,
    known: Known,
}

/// Polls the line.
pub struct Receiving<const WORDS: usize> {
    line: Shared<Line<WORDS>>,
    mask: u64,
    known: Known,
}

impl<const WORDS: usize> Sending<WORDS> {
    fn new(line: &Shared<Line<WORDS>>, mask: u64, known: &Known) -> Self {
        Sending { line: line.clone(), mask, known: Arc::clone(known) }
    }
}

impl<const WORDS: usize> Receiving<WORDS> {
    fn new(line: &Shared<Line<WORDS>>, mask: u64, known: &Known) -> Self {
        Receiving { line: line.clone(), mask, known: Arc::clone(known) }
    }
}

its_own_seat!(Sending<WORDS>, Receiving<WORDS>);

impl<const WORDS: usize> Sender<WORDS> for Sending<WORDS> {
    #[inline(always)]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        let mut words = self.line.words.iter().zip(message.words());
        let first = words.next();
        for (shared, word) in words {
            // Relaxed: the store of the first word publishes these.
            shared.store(*word ^ self.mask, Ordering::Relaxed);
        }
        if let Some((shared, word)) = first {
            // Release: pairs with the Acquire in `receive`, so that whoever sees the first word sees the others too.
            shared.store(*word ^ self.mask, Ordering::Release);
            // Relaxed: only this side's own thread looks at it.
            self.known.store(*word ^ self.mask, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<const WORDS: usize> Receiver<WORDS> for Receiving<WORDS> {
    #[inline(always)]
    fn receive(&mut self, message: &mut Message<WORDS>) -> Result<()> {
        let mut words = self.line.words.iter().zip(message.words_mut());
        let Some((mark, first)) = words.next() else {
            return Ok(());
        };
        // Relaxed: only this side's own thread writes it.
        let known = self.known.load(Ordering::Relaxed);
        // No pause between the polls: it would add its own length to the round trip.
        let seen = poll_until(
            FloorOneLine::NAME,
            &mut (),
            |()| {
                // Acquire: pairs with the Release in `send`; without it the other words could be those of the message before.
                let seen = mark.load(Ordering::Acquire);
                (seen != known).then_some(seen)
            },
            |()| false,
        )?;
        self.known.store(seen, Ordering::Relaxed);
        *first = seen ^ self.mask;
        // The other side does not write again before it has been answered, so these are the words of one message.
        for (shared, word) in words {
            *word = shared.load(Ordering::Relaxed) ^ self.mask;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides in one thread, and every word looked at where it lies.
    #[test]
    fn question_and_answer_lie_in_one_place() {
        let ((mut asking, mut asked), (mut answering, mut answered)) =
            <FloorOneLine as Carries<8>>::converse(Wait::Spin).unwrap();
        let line = asking.line.clone();
        let lies = || line.words.each_ref().map(|word| word.load(Ordering::Relaxed));
        let mut message = Message::<8>::default();
        for number in [0, 1, 2, crate::STOP] {
            let question = Message::<8>::numbered(number);
            asking.send(&question).unwrap();
            assert_eq!(lies(), *question.words());
            asked.receive(&mut message).unwrap();
            assert_eq!(message, question);
            answering.send(&message).unwrap();
            assert_eq!(lies(), question.words().map(|word| !word));
            answered.receive(&mut message).unwrap();
            assert_eq!(message, question);
        }
    }

    #[test]
    fn who_has_asked_does_not_take_the_question_for_an_answer() {
        let ((mut asking, _asked), (_answering, mut answered)) =
            <FloorOneLine as Carries<1>>::converse(Wait::Spin).unwrap();
        asking.send(&Message::numbered(0)).unwrap();
        let error = answered.receive(&mut Message::default()).unwrap_err();
        assert!(matches!(*error, Error::Stalled { transport: "floor-one-line", .. }), "{error}");
    }
}
