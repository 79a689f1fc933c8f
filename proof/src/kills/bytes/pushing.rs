//! What a producer does. Each answers how many messages it has pushed.

use std::io::{IoSlice, Write};
use std::time::Duration;

use rondel::bytes::{Producer, Reservation};

use super::letters::{LARGEST, letters};
use crate::kills::pair::POD_BYTES;

/// Long enough to fall asleep.
const NAP: Duration = Duration::from_micros(200);
/// Messages of a batch.
const BATCH: u64 = 4;

pub(super) fn push(tx: &mut Producer, first: u64) -> u64 {
    tx.try_push(letters().bytes(first)).is_ok().into()
}

fn in_three(message: &[u8]) -> [IoSlice<'_>; 3] {
    let (one, rest) = message.split_at(message.len() / 3);
    let (two, three) = rest.split_at(rest.len() / 2);
    [one, two, three].map(IoSlice::new)
}

pub(super) fn vectored(tx: &mut Producer, first: u64) -> u64 {
    tx.try_push_vectored(&in_three(letters().bytes(first))).is_ok().into()
}

pub(super) fn pod(tx: &mut Producer, first: u64) -> u64 {
    let value: &[u8; POD_BYTES] = letters().bytes(first).try_into().expect("the state is chosen so");
    tx.try_push_pod(value).is_ok().into()
}

pub(super) fn parked(tx: &mut Producer, first: u64) -> u64 {
    tx.push_timeout(letters().bytes(first), NAP).is_ok().into()
}

fn written<'a>(mut reservation: Reservation<'a>, message: &[u8]) -> Reservation<'a> {
    reservation[..message.len()].copy_from_slice(message);
    reservation
}

pub(super) fn reserve(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    let Ok(reservation) = tx.try_reserve(message.len()) else { return 0 };
    written(reservation, message).commit().is_ok().into()
}

pub(super) fn reserve_parked(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    let Ok(reservation) = tx.reserve_timeout(message.len(), NAP) else { return 0 };
    written(reservation, message).commit().is_ok().into()
}

pub(super) fn commit_less(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    let Ok(reservation) = tx.try_reserve(LARGEST) else { return 0 };
    written(reservation, message).commit_len(message.len()).is_ok().into()
}

pub(super) fn abandon(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    drop(tx.try_reserve(message.len()).map(|reservation| written(reservation, message)));
    0
}

/// What fits of the batch.
fn gather(tx: &mut Producer, first: u64, publish: bool) -> u64 {
    let Ok(mut batch) = tx.batch() else { return 0 };
    for number in first..first + BATCH {
        if batch.try_push(letters().bytes(number)).is_err() {
            break;
        }
    }
    let len = batch.len() as u64;
    if publish && batch.publish().is_ok() { len } else { 0 }
}

pub(super) fn batch(tx: &mut Producer, first: u64) -> u64 {
    gather(tx, first, true)
}

pub(super) fn batch_abandoned(tx: &mut Producer, first: u64) -> u64 {
    gather(tx, first, false)
}

/// What was abandoned before is not pushed with it.
pub(super) fn after_abandoned(tx: &mut Producer, first: u64) -> u64 {
    abandon(tx, first + 1);
    batch_abandoned(tx, first);
    push(tx, first)
}

/// How many messages a write of one has pushed: all of it, or, where there are no bytes, none.
fn wrote(message: &[u8], result: std::io::Result<usize>) -> u64 {
    match result {
        Ok(0) => 0,
        Ok(len) if len == message.len() => 1,
        other => panic!("{other:?} of {}", message.len()),
    }
}

pub(super) fn write(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    wrote(message, tx.write(message))
}

pub(super) fn write_vectored(tx: &mut Producer, first: u64) -> u64 {
    let message = letters().bytes(first);
    wrote(message, tx.write_vectored(&in_three(message)))
}

pub(super) fn wait_until_empty(tx: &mut Producer, _: u64) -> u64 {
    let _ = tx.wait_until_empty_timeout(NAP);
    0
}
