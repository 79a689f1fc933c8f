//! Something that a handle has lent, and words that change before it is given back.

use std::io::BufRead;

use crate::faults::fault_of;
use crate::hostile::touch;
use arbitrary::Arbitrary;
use rondel::Fault;
use rondel::bytes::{Consumer, Producer};

use super::operate::Handles;

#[derive(Arbitrary, Debug, Clone, Copy)]
pub(super) enum Lending {
    Reservation(u16),
    /// Messages of these lengths; published, dropped or forgotten, by the remainder of the last.
    PushBatch(u8, u16, u8, u8),
    Message,
    /// So many before, and so many after.
    PopBatch(u8, u8),
    /// Of which so many bytes are consumed.
    Buffer(u16),
}

impl Handles {
    pub(super) fn lend(&mut self, lending: Lending, scribble: impl FnOnce()) {
        match lending {
            Lending::Reservation(_) | Lending::PushBatch(..) => {
                if let Some(tx) = &mut self.tx {
                    let fault = by_producer(tx, lending, scribble);
                    self.tx_reported.note(fault);
                }
            }
            Lending::Message | Lending::PopBatch(..) | Lending::Buffer(_) => {
                if let Some(rx) = &mut self.rx {
                    let fault = by_consumer(rx, lending, scribble);
                    self.rx_reported.note(fault);
                }
            }
        }
    }
}

fn by_producer(tx: &mut Producer, lending: Lending, scribble: impl FnOnce()) -> Option<Fault> {
    match lending {
        Lending::Reservation(len) => match tx.try_reserve(len.into()) {
            Ok(mut reservation) => {
                scribble();
                reservation.fill(0x84);
                touch(&reservation);
                fault_of(&reservation.commit())
            }
            Err(error) => fault_of::<(), _>(&Err(error)),
        },
        Lending::PushBatch(one, other, third, end) => {
            let mut batch = match tx.batch() {
                Ok(batch) => batch,
                Err(fault) => return Some(fault),
            };
            let mut fault = None;
            let lens = [usize::from(one), other.into(), third.into()];
            let mut scribble = Some(scribble);
            for len in lens {
                let before = batch.len();
                let pushed = batch.try_push(&vec![0x85; len]);
                assert_eq!(batch.len() - before, usize::from(pushed.is_ok()));
                fault = fault.or(fault_of(&pushed));
                if let Some(scribble) = scribble.take() {
                    scribble();
                }
            }
            match end % 8 {
                0 => drop(batch),
                1 => std::mem::forget(batch),
                _ => fault = fault.or(fault_of(&batch.publish())),
            }
            fault
        }
        _ => None,
    }
}

fn by_consumer(rx: &mut Consumer, lending: Lending, scribble: impl FnOnce()) -> Option<Fault> {
    let largest = rx.largest();
    match lending {
        Lending::Message => match rx.try_pop() {
            Ok(message) => {
                let len = message.len();
                scribble();
                assert_eq!(message.len(), len, "a length is read once");
                touch(&message);
                None
            }
            Err(error) => fault_of::<(), _>(&Err(error)),
        },
        Lending::PopBatch(before, after) => match rx.try_pop_batch() {
            Ok(mut batch) => {
                (&mut batch).into_iter().take(before.into()).for_each(touch);
                scribble();
                for bytes in (&mut batch).into_iter().take(after.into()) {
                    assert!(bytes.len() <= largest);
                    touch(bytes);
                }
                assert!(batch.given() <= usize::from(before) + usize::from(after));
                None
            }
            Err(error) => fault_of::<(), _>(&Err(error)),
        },
        // A stream waits for a byte: only where there is one.
        Lending::Buffer(len) => match rx.peek().map(<[u8]>::len) {
            Ok(left @ 1..) => {
                let filled = rx.fill_buf().map(<[u8]>::len);
                assert!(!matches!(filled, Ok(filled) if filled != left));
                scribble();
                rx.consume(len.into());
                // What is left of it is as long as it was, whatever the word says now.
                if usize::from(len) < left && filled.is_ok() {
                    let again = rx.fill_buf().map(|bytes| {
                        touch(bytes);
                        bytes.len()
                    });
                    assert!(!matches!(again, Ok(again) if again != left - usize::from(len)), "a length is read once");
                    return fault_of(&again);
                }
                fault_of(&filled)
            }
            other => fault_of(&other),
        },
        _ => None,
    }
}
