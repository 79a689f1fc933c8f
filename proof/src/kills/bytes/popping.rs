//! What a consumer does. Each answers how many messages it has consumed.

use std::io::{BufRead, Read};
use std::time::Duration;

use rondel::bytes::Consumer;

use super::letters::{LARGEST, letters};
use crate::kills::pair::POD_BYTES;

/// Long enough to fall asleep.
const NAP: Duration = Duration::from_micros(200);

pub(super) fn pop(rx: &mut Consumer) -> u64 {
    rx.try_pop().map(drop).is_ok().into()
}

pub(super) fn pod(rx: &mut Consumer) -> u64 {
    let Ok(message) = rx.try_pop() else { return 0 };
    // What it is made of is checked by those who are alive.
    let _ = message.as_pod::<[u8; POD_BYTES]>();
    1
}

pub(super) fn parked(rx: &mut Consumer) -> u64 {
    rx.pop_timeout(NAP).map(drop).is_ok().into()
}

pub(super) fn into(rx: &mut Consumer) -> u64 {
    rx.try_pop_into(&mut [0; LARGEST]).is_ok().into()
}

/// A message of no bytes fits, and is taken.
pub(super) fn into_too_short(rx: &mut Consumer) -> u64 {
    rx.try_pop_into(&mut []).is_ok().into()
}

pub(super) fn peek(rx: &mut Consumer) -> u64 {
    let _ = rx.peek();
    0
}

pub(super) fn keep(rx: &mut Consumer) -> u64 {
    let _ = rx.try_pop().map(|message| message.keep());
    0
}

/// Takes no more than so many out of the batch of all there is.
fn take(rx: &mut Consumer, most: usize) -> u64 {
    let Ok(mut batch) = rx.try_pop_batch() else { return 0 };
    batch.into_iter().take(most).count() as u64
}

pub(super) fn batch_part(rx: &mut Consumer) -> u64 {
    take(rx, 2)
}

pub(super) fn batch_all(rx: &mut Consumer) -> u64 {
    take(rx, usize::MAX)
}

pub(super) fn batch_none(rx: &mut Consumer) -> u64 {
    take(rx, 0)
}

/// How many messages are consumed meanwhile.
fn consumed(rx: &mut Consumer, meanwhile: impl FnOnce(&mut Consumer)) -> u64 {
    let before = letters().at(rx.position());
    meanwhile(rx);
    letters().at(rx.position()) - before
}

pub(super) fn read(rx: &mut Consumer) -> u64 {
    consumed(rx, |rx| {
        let _ = rx.read(&mut [0; 300]);
    })
}

/// Less than most messages have.
pub(super) fn read_part(rx: &mut Consumer) -> u64 {
    consumed(rx, |rx| {
        let _ = rx.read(&mut [0; 20]);
    })
}

pub(super) fn fill_buf(rx: &mut Consumer) -> u64 {
    consumed(rx, |rx| {
        let len = rx.fill_buf().map_or(0, <[u8]>::len);
        rx.consume(len);
    })
}
