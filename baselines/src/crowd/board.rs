//! What producers, consumers and their leader share beside the transport: memory that a fork shares.

use super::Shape;
use super::tally::Sums;
use crate::shared::Shared;
use crate::{Error, Result, Stop};
use bytemuck::Zeroable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The most producers, and the most consumers, that there is room for.
const ROOM: usize = 64;

/// The time between two looks of those who wait for all the others to be there.
pub(super) const LOOK: Duration = Duration::from_micros(50);

/// Who has come, how far each consumer is, and in the end what each has sent or received.
#[derive(Clone)]
pub(super) struct Board {
    words: Shared<Words>,
    stop: Stop,
    shape: Shape,
}

#[derive(Zeroable)]
#[repr(C)]
struct Words {
    arrived: Line,
    sent: [Line; ROOM],
    received: [Line; ROOM],
}

/// On lines of its own, and written by one: what a consumer notes there costs it a store to its own cache.
#[derive(Zeroable)]
#[repr(C, align(128))]
struct Line {
    count: AtomicU64,
    sum: AtomicU64,
    squares: AtomicU64,
}

impl Board {
    pub(super) fn new(shape: Shape) -> Result<Self> {
        if !(1..=ROOM).contains(&shape.producers) || !(1..=ROOM).contains(&shape.consumers) {
            return Err(Error::system(
                "board",
                "setting up",
                format!("{shape}: there is room for 1 to {ROOM} of each"),
            ));
        }
        let words = Shared::new().map_err(|error| Error::system("board", "mapping shared memory", error))?;
        Ok(Board { words, stop: Stop::new()?, shape })
    }

    /// How many there are to be.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The sign to stop.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Waits until everybody is there.
    ///
    /// It sleeps, since those who are still to come may need this core, and it has no limit of its own: the
    /// leader's patience has one, and the leader's sign ends this.
    pub(super) fn begin(&self, transport: &'static str) -> Result<()> {
        self.words.arrived.count.fetch_add(1, Ordering::Relaxed);
        while !self.has_begun() {
            if self.stop.requested() {
                return Err(Box::new(Error::PeerGone { transport }));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether everybody is there.
    pub(super) fn has_begun(&self) -> bool {
        self.words.arrived.count.load(Ordering::Relaxed) >= self.shape.parts() as u64
    }

    /// A producer's last word.
    pub(super) fn has_sent(&self, producer: usize, count: u64) {
        if let Some(line) = self.words.sent.get(producer) {
            line.count.store(count, Ordering::Relaxed);
        }
    }

    /// What a consumer has received so far.
    #[inline(always)]
    pub(super) fn has_received(&self, consumer: usize, sums: &Sums) {
        if let Some(line) = self.words.received.get(consumer) {
            line.count.store(sums.count, Ordering::Relaxed);
            line.sum.store(sums.sum, Ordering::Relaxed);
            line.squares.store(sums.squares, Ordering::Relaxed);
        }
    }

    /// How many messages all consumers together have received, as far as they have told.
    pub(super) fn received(&self) -> u64 {
        self.words.received.iter().map(|line| line.count.load(Ordering::Relaxed)).sum()
    }

    /// Whether what was received is what was sent. To be asked when everybody has ended, which is what orders the
    /// Relaxed accesses here before this.
    pub(super) fn settle(&self, transport: &'static str) -> Result<()> {
        let mut sent = Sums::default();
        for (producer, line) in self.words.sent.iter().enumerate() {
            sent.add(&Sums::of_stream(producer, line.count.load(Ordering::Relaxed)));
        }
        let mut received = Sums::default();
        for line in &self.words.received {
            received.add(&Sums {
                count: line.count.load(Ordering::Relaxed),
                sum: line.sum.load(Ordering::Relaxed),
                squares: line.squares.load(Ordering::Relaxed),
            });
        }
        if sent == received {
            return Ok(());
        }
        Err(Box::new(Error::Unaccounted { transport, sent: sent.count, received: received.count }))
    }
}
