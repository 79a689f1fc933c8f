//! What is done with the two handles of a ring of messages, and what has to hold of the answers.

use std::hint::black_box;
use std::io::{BufRead, IoSlice, Read, Write};
use std::mem::forget;
use std::time::{Duration, Instant};

use crate::faults::fault_of;
use crate::hostile::{Reported, touch};
use arbitrary::Arbitrary;
use rondel::Fault;
use rondel::bytes::{Consumer, PodError, Producer, Ring};

use super::word::Positions;

#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Pushing {
    Push(u16),
    PushNow(u16),
    PushDeadline(u16),
    Vectored(u16, u16),
    Pod,
    /// The second length is committed.
    Reserve(u16, u16),
    Write(u16),
    WriteVectored(u16, u16),
    Ask,
    Empty,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Popping {
    Pop,
    PopNow,
    PopDeadline,
    Keep,
    Into(u16),
    Peek,
    Pod,
    /// So many of all that are ready.
    Batch(u8),
    Read(u16),
    FillBuf(u16),
    Ask,
}

/// The two handles, as far as they could be attached, and what they have reported.
pub(super) struct Handles {
    pub(super) tx: Option<Producer>,
    pub(super) rx: Option<Consumer>,
    pub(super) tx_reported: Reported,
    pub(super) rx_reported: Reported,
    /// Where they stood when they were last there.
    positions: Positions,
}

impl Handles {
    pub(super) fn attach(ring: &Ring) -> Handles {
        Handles {
            tx: ring.producer().ok(),
            rx: ring.consumer().ok(),
            tx_reported: Reported::default(),
            rx_reported: Reported::default(),
            positions: Positions { head: 0, tail: 0 },
        }
    }

    pub(super) fn positions(&self) -> Positions {
        Positions {
            head: self.rx.as_ref().map_or(self.positions.head, Consumer::position),
            tail: self.tx.as_ref().map_or(self.positions.tail, Producer::position),
        }
    }

    pub(super) fn close_producer(&mut self) {
        self.positions = self.positions();
        self.tx = None;
        self.tx_reported = Reported::default();
    }

    pub(super) fn close_consumer(&mut self) {
        self.positions = self.positions();
        self.rx = None;
        self.rx_reported = Reported::default();
    }

    pub(super) fn reattach_producer(&mut self, ring: &Ring) {
        self.close_producer();
        self.tx = ring.producer().ok();
    }

    pub(super) fn reattach_consumer(&mut self, ring: &Ring) {
        self.close_consumer();
        self.rx = ring.consumer().ok();
    }

    /// What holds whatever the words say.
    pub(super) fn check(&self, data: u64) {
        let Positions { head, tail } = self.positions();
        assert!(head % 8 == 0 && tail % 8 == 0, "positions are multiples of 8");
        // A record that begins in the ring ends a lap at the latest.
        assert!(tail.checked_add(2 * data).is_some() && head.checked_add(2 * data).is_some(), "positions near the end");
    }

    pub(super) fn push(&mut self, pushing: Pushing) {
        if let Some(tx) = &mut self.tx {
            let before = tx.position();
            let forgotten = forgotten(tx);
            let fault = push(tx, pushing);
            // A batch that was forgotten is published before it is asked whether there is room.
            assert!(fault.is_none() || forgotten || tx.position() == before, "a failed handle pushes nothing");
            self.tx_reported.note(fault);
        }
    }

    pub(super) fn pop(&mut self, popping: Popping) {
        if let Some(rx) = &mut self.rx {
            let before = rx.position();
            let fault = pop(rx, popping);
            assert!(fault.is_none() || rx.position() == before, "a failed handle pops nothing");
            self.rx_reported.note(fault);
        }
    }
}

/// Whether a batch was forgotten and is not published.
fn forgotten(tx: &mut Producer) -> bool {
    tx.batch().is_ok_and(|batch| {
        let messages = batch.len();
        forget(batch);
        messages > 0
    })
}

fn push(tx: &mut Producer, pushing: Pushing) -> Option<Fault> {
    let bytes = |len: u16| vec![0x80_u8; len.into()];
    match pushing {
        Pushing::Push(len) => fault_of(&tx.try_push(&bytes(len))),
        Pushing::PushNow(len) => fault_of(&tx.push_timeout(&bytes(len), Duration::ZERO)),
        Pushing::PushDeadline(len) => fault_of(&tx.push_deadline(&bytes(len), Instant::now())),
        Pushing::Vectored(one, other) => {
            let (one, other) = (bytes(one), bytes(other));
            fault_of(&tx.try_push_vectored(&[IoSlice::new(&one), IoSlice::new(&other)]))
        }
        Pushing::Pod => fault_of(&tx.try_push_pod(&u64::MAX)),
        Pushing::Reserve(len, kept) => match tx.try_reserve(len.into()) {
            Ok(mut reservation) => {
                assert_eq!((reservation.len(), reservation.as_ptr() as usize % 8), (len.into(), 0));
                reservation.fill(0x81);
                touch(&reservation);
                fault_of(&reservation.commit_len(kept.into()))
            }
            Err(error) => fault_of::<(), _>(&Err(error)),
        },
        // A write waits for room: only where there is some.
        Pushing::Write(len) => {
            let bytes = bytes(len);
            let most = (tx.capacity() / 4).clamp(1, tx.largest());
            match tx.is_full(bytes.len().min(most)) {
                Ok(false) => fault_of(&tx.write(&bytes)),
                full => fault_of(&full),
            }
        }
        Pushing::WriteVectored(one, other) => {
            let (one, other) = (bytes(one), bytes(other));
            let most = (tx.capacity() / 4).clamp(1, tx.largest());
            match tx.is_full(most) {
                Ok(false) => fault_of(&tx.write_vectored(&[IoSlice::new(&one), IoSlice::new(&other)])),
                full => fault_of(&full),
            }
        }
        Pushing::Ask => {
            let used = tx.used();
            assert!(used.is_err() || used.is_ok_and(|used| used <= 2 * tx.capacity() + 1000), "more than there is");
            let faults = [fault_of(&tx.is_empty()), fault_of(&tx.is_full(1)), fault_of(&tx.peer())];
            fault_of(&used).or(faults.into_iter().flatten().next())
        }
        Pushing::Empty => fault_of(&tx.wait_until_empty_timeout(Duration::ZERO)),
    }
}

fn pop(rx: &mut Consumer, popping: Popping) -> Option<Fault> {
    let largest = rx.largest();
    match popping {
        Popping::Pop => fault_of(&rx.try_pop().map(|message| {
            assert!(message.len() <= largest);
            touch(&message);
        })),
        Popping::PopNow => fault_of(&rx.pop_timeout(Duration::ZERO).map(|message| touch(&message))),
        Popping::PopDeadline => fault_of(&rx.pop_deadline(Instant::now()).map(|message| touch(&message))),
        Popping::Keep => fault_of(&rx.try_pop().map(|message| {
            touch(&message);
            message.keep();
        })),
        Popping::Into(len) => {
            let mut buffer = vec![0x82; len.into()];
            let result = rx.try_pop_into(&mut buffer);
            if let Ok(len) = result {
                assert!(len <= buffer.len() && len <= largest);
                assert!(buffer[len..].iter().all(|&byte| byte == 0x82), "filled farther than it says");
            }
            fault_of(&result)
        }
        Popping::Peek => fault_of(&rx.peek().map(|bytes| {
            assert!(bytes.len() <= largest);
            touch(bytes);
        })),
        Popping::Pod => fault_of(&rx.try_pop().map(|message| {
            match message.as_pod::<u64>() {
                Ok(&value) => drop(black_box(value)),
                Err(PodError::Length { found, .. }) => assert!(found == message.len() && found != 8),
                Err(PodError::Alignment { read, .. }) => assert!(read % 8 != 0),
            }
            assert_eq!(message.read_pod::<u64>().is_ok(), message.len() == 8);
        })),
        Popping::Batch(count) => fault_of(&rx.try_pop_batch().map(|mut batch| {
            let mut given = 0;
            for bytes in (&mut batch).into_iter().take(count.into()) {
                assert!(bytes.len() <= largest);
                touch(bytes);
                given += 1;
            }
            assert_eq!(batch.given(), given);
        })),
        // A stream waits for a byte: only where there is one.
        Popping::Read(len) => match rx.peek().map(<[u8]>::len) {
            Ok(1..) => {
                let mut buffer = vec![0x83; len.into()];
                let read = rx.read(&mut buffer);
                if let Ok(read) = read {
                    assert!(read <= buffer.len() && (read > 0 || len == 0));
                    assert!(buffer[read..].iter().all(|&byte| byte == 0x83), "filled farther than it says");
                }
                fault_of(&read)
            }
            other => fault_of(&other),
        },
        Popping::FillBuf(len) => match rx.peek().map(<[u8]>::len) {
            Ok(1..) => {
                let filled = rx.fill_buf().map(|bytes| {
                    assert!(bytes.len() <= largest);
                    touch(bytes);
                });
                rx.consume(len.into());
                fault_of(&filled)
            }
            other => fault_of(&other),
        },
        Popping::Ask => fault_of(&rx.is_empty()).or(fault_of(&rx.peer())),
    }
}
