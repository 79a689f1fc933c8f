//! Transports into which many may send and out of which many may receive.

mod board;
mod roles;
mod tally;

use crate::ensemble::{Part, Watch, ensemble};
use crate::patience::LIMIT;
use crate::{Account, Error, Receiver, Result, Seat, Sender, Transport, Usage, Wait};
use board::Board;
use std::fmt;
use std::time::{Duration, Instant};

/// A transport between any number of senders and any number of receivers, which carries messages of 8 bytes.
///
/// Each message reaches one receiver, whichever comes first. Of two messages of one sender a receiver never sees the
/// later one first.
pub trait Crowd: Transport {
    /// An end that sends, before it is taken.
    type Sending: Seat<Taken: Sender<1>>;
    /// An end that receives, before it is taken.
    type Receiving: Seat<Taken: Receiver<1>>;

    /// Opens a connection with as many ends as `shape` says.
    ///
    /// A receiver finds that its peers are gone ([`Error::PeerGone`]) when the last sender is, and every message has been
    /// received by somebody; a sender, when the last receiver is.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when this machine does not have the mechanism, or does not let this process use it;
    /// [`Error::WaitUnknown`] when `wait` is not one of [`Transport::WAITS`].
    fn open_crowd(wait: Wait, shape: Shape) -> Result<Seats<Self::Sending, Self::Receiving>>;
}

/// The ends of a connection: those that send, and those that receive.
pub type Seats<S, R> = (Vec<S>, Vec<R>);

/// How many send and how many receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// How many send.
    pub producers: usize,
    /// How many receive.
    pub consumers: usize,
}

impl Shape {
    /// The number of all.
    pub const fn parts(self) -> usize {
        self.producers.saturating_add(self.consumers)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}p{}c", self.producers, self.consumers)
    }
}

/// What came of a gathering.
#[derive(Clone, Copy, Debug)]
pub struct Gathered<R> {
    /// What its leader has returned.
    pub led: R,
    /// How many messages all consumers together have received, from the first to the last.
    pub received: u64,
    /// What all producers and consumers have used for them.
    pub used: Usage,
}

/// Lets producers send to consumers, as fast as they can, for as long as `lead` takes, and returns what it returns and what it
/// has cost.
///
/// Each producer and consumer is a process or a thread of its own, as the transport's scope says, and has a core of those
/// given, in turn; producers and consumers are spread so that no core has but one kind where each has several. With no
/// cores given they run wherever the scheduler puts them. `lead` is called here, on the first core, when all have taken
/// their seats. Messages go one at a time, or in batches of so many.
///
/// Every message is checked: a consumer must see those of each producer in order, and those that all consumers have seen
/// must in the end be those that were sent.
///
/// As for a [`duet`](crate::duet): whatever happens, no process and no thread is left, and where processes are forked the
/// caller should have one thread.
///
/// # Errors
///
/// Whatever keeps the transport from being opened; the cause of the first failure of a part ([`Error::FarSide`],
/// [`Error::FarSideKilled`]) or of `lead`; [`Error::Unaccounted`] when messages are missing or doubled.
pub fn gather<T: Crowd, R>(
    wait: Wait,
    shape: Shape,
    batch: Option<usize>,
    cores: &[usize],
    lead: impl FnOnce(&Meeting<'_>) -> Result<R>,
) -> Result<Gathered<R>> {
    let board = Board::new(shape)?;
    let account = Account::new()?;
    let (sending, receiving) = T::open_crowd(wait, shape)?;
    let mut parts = Vec::with_capacity(shape.parts());
    for (producer, seat) in sending.into_iter().enumerate() {
        let (board, account) = (board.clone(), account.clone());
        let play = move || {
            let mut to = seat.take()?;
            board.begin(T::NAME)?;
            account.charge(|| match batch {
                None => roles::produce(&mut to, producer, &board),
                Some(size) => roles::produce_batches(&mut to, producer, size, &board),
            })
        };
        let core = place(cores, producer + producer.min(shape.consumers));
        parts.push(Part { name: format!("producer {producer}"), core, play: Box::new(play) });
    }
    for (consumer, seat) in receiving.into_iter().enumerate() {
        let (board, account) = (board.clone(), account.clone());
        let play = move || {
            let mut from = seat.take()?;
            board.begin(T::NAME)?;
            account.charge(|| match batch {
                None => roles::consume(T::NAME, &mut from, consumer, &board),
                Some(size) => roles::consume_batches(T::NAME, &mut from, consumer, size, &board),
            })
        };
        let core = place(cores, consumer + shape.producers.min(consumer + 1));
        parts.push(Part { name: format!("consumer {consumer}"), core, play: Box::new(play) });
    }
    let led = ensemble(T::SCOPE, cores.first().copied(), board.stop(), parts, |watch| {
        let meeting = Meeting { watch, board: &board };
        meeting.wait_begun(T::NAME)?;
        lead(&meeting)
    })?;
    board.settle(T::NAME)?;
    Ok(Gathered { led, received: board.received(), used: account.total() })
}

/// The core of the one at the given place in the row producer, consumer, producer, consumer …
///
/// An even number of cores would give every producer an even place and every consumer an odd one, and so each core one
/// kind only; hence each lap around the cores begins one further.
fn place(cores: &[usize], position: usize) -> Option<usize> {
    let lap = position.checked_div(cores.len())?;
    let shift = if cores.len() % 2 == 0 { lap } else { 0 };
    cores.get((position + shift) % cores.len()).copied()
}

/// What the leader sees of producers and consumers at work.
pub struct Meeting<'a> {
    watch: &'a Watch<'a>,
    board: &'a Board,
}

impl Meeting<'_> {
    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// [`Error::Early`] as soon as somebody has ended.
    pub fn pause(&self, length: Duration) -> Result<()> {
        self.watch.pause(length)
    }

    /// How many messages all consumers together have received by now. Each consumer makes its count known every
    /// [`Meeting::LAG`] messages, or after each batch.
    pub fn received(&self) -> u64 {
        self.board.received()
    }

    /// The number of messages after which a consumer makes its count known.
    pub const LAG: u64 = roles::CONSUMED_BLOCK;

    /// Waits until all have taken their seats.
    fn wait_begun(&self, transport: &'static str) -> Result<()> {
        let begin = Instant::now();
        while !self.board.has_begun() {
            if begin.elapsed() >= LIMIT {
                return Err(Box::new(Error::Stalled { transport, after: LIMIT }));
            }
            self.pause(board::LOOK)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What runs on each of so many cores, producers and consumers, as `gather` places them.
    fn placed(shape: Shape, cores: usize) -> Vec<(usize, usize)> {
        let cores: Vec<usize> = (0..cores).collect();
        let mut found = vec![(0, 0); cores.len()];
        for producer in 0..shape.producers {
            found[place(&cores, producer + producer.min(shape.consumers)).unwrap()].0 += 1;
        }
        for consumer in 0..shape.consumers {
            found[place(&cores, consumer + shape.producers.min(consumer + 1)).unwrap()].1 += 1;
        }
        found
    }

    #[test]
    fn every_core_gets_its_share_of_both_kinds() {
        let even = |n| Shape { producers: n, consumers: n };
        assert_eq!(placed(even(1), 2), [(1, 0), (0, 1)]);
        assert_eq!(placed(even(2), 2), [(1, 1), (1, 1)]);
        assert_eq!(placed(even(4), 2), [(2, 2), (2, 2)]);
        assert_eq!(placed(even(2), 4), [(1, 0), (0, 1), (1, 0), (0, 1)]);
        assert_eq!(placed(even(4), 4), [(1, 1), (1, 1), (1, 1), (1, 1)]);
        assert_eq!(placed(even(3), 3), [(1, 1), (1, 1), (1, 1)]);
        assert_eq!(placed(even(4), 1), [(4, 4)]);
        assert_eq!(placed(Shape { producers: 1, consumers: 3 }, 2), [(1, 1), (0, 2)]);
        assert_eq!(placed(Shape { producers: 3, consumers: 1 }, 4), [(1, 0), (0, 1), (1, 0), (1, 0)]);
        assert_eq!(place(&[], 5), None);
    }
}
