//! A handle that has failed: every call says so.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::time::{Duration, Instant};

use rondel::Fault;
use rondel::bytes::{
    Consumer, PopError, PopIntoError, PopTimeoutError, Producer, PushError, PushTimeoutError, TryPopError,
    TryPushError, WaitError,
};

/// Nothing waits as long: a failed handle answers at once.
const SOON: Duration = Duration::from_secs(3600);

/// `Other`, with the ring's own error inside.
#[track_caller]
fn assert_inside<T: fmt::Debug, E: Error + PartialEq + 'static>(result: io::Result<T>, expected: E) {
    let error = result.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.get_ref().and_then(|inside| inside.downcast_ref::<E>()), Some(&expected));
}

/// Nothing is pushed either.
pub(crate) fn producer_refuses(tx: &mut Producer, fault: Fault) {
    let before = tx.position();
    let deadline = Instant::now() + SOON;
    let slices = [IoSlice::new(b"in "), IoSlice::new(b"two")];
    let (at_once, endless, limited) =
        (TryPushError::Failed(fault), PushError::Failed(fault), PushTimeoutError::Failed(fault));
    assert_eq!(tx.try_push(b"a"), Err(at_once));
    assert_eq!(tx.try_push_vectored(&slices), Err(at_once));
    assert_eq!(tx.try_push_pod(&1_u64), Err(at_once));
    assert_eq!(tx.try_reserve(1).map(drop), Err(at_once));
    assert_eq!(tx.push(b"a"), Err(endless));
    assert_eq!(tx.push_vectored(&slices), Err(endless));
    assert_eq!(tx.push_pod(&1_u64), Err(endless));
    assert_eq!(tx.reserve(1).map(drop), Err(endless));
    assert_eq!(tx.push_timeout(b"a", SOON), Err(limited));
    assert_eq!(tx.push_deadline(b"a", deadline), Err(limited));
    assert_eq!(tx.reserve_timeout(1, SOON).map(drop), Err(limited));
    assert_eq!(tx.reserve_deadline(1, deadline).map(drop), Err(limited));
    assert_eq!(tx.batch().map(drop), Err(fault));
    assert_eq!(tx.wait_until_empty(), Err(WaitError::Failed(fault)));
    assert_eq!(tx.wait_until_empty_timeout(SOON), Err(WaitError::Failed(fault)));
    assert_eq!(tx.wait_until_empty_deadline(deadline), Err(WaitError::Failed(fault)));
    assert_eq!(tx.used(), Err(fault));
    assert_eq!(tx.is_empty(), Err(fault));
    assert_eq!(tx.is_full(1), Err(fault));
    assert_eq!(tx.peer(), Err(fault));
    assert_inside(tx.write(b"a"), endless);
    assert_inside(tx.write_all(b"a"), endless);
    assert_inside(tx.write_vectored(&slices), endless);
    assert_eq!(tx.position(), before);
}

/// Nothing is consumed either.
pub(crate) fn consumer_refuses(rx: &mut Consumer, fault: Fault) {
    let before = rx.position();
    let deadline = Instant::now() + SOON;
    let mut buffer = [0; 64];
    let (at_once, endless, limited) =
        (TryPopError::Failed(fault), PopError::Failed(fault), PopTimeoutError::Failed(fault));
    assert_eq!(rx.try_pop().map(drop), Err(at_once));
    assert_eq!(rx.pop().map(drop), Err(endless));
    assert_eq!(rx.pop_timeout(SOON).map(drop), Err(limited));
    assert_eq!(rx.pop_deadline(deadline).map(drop), Err(limited));
    assert_eq!(rx.peek(), Err(at_once));
    assert_eq!(rx.try_pop_into(&mut buffer), Err(PopIntoError::Pop(at_once)));
    assert_eq!(rx.pop_into(&mut buffer), Err(PopIntoError::Pop(endless)));
    assert_eq!(rx.pop_into_timeout(&mut buffer, SOON), Err(PopIntoError::Pop(limited)));
    assert_eq!(rx.pop_into_deadline(&mut buffer, deadline), Err(PopIntoError::Pop(limited)));
    assert_eq!(rx.try_pop_batch().map(drop), Err(at_once));
    assert_eq!(rx.pop_batch().map(drop), Err(endless));
    assert_eq!(rx.pop_batch_timeout(SOON).map(drop), Err(limited));
    assert_eq!(rx.pop_batch_deadline(deadline).map(drop), Err(limited));
    assert_eq!(rx.is_empty(), Err(fault));
    assert_eq!(rx.peer(), Err(fault));
    assert_inside(rx.read(&mut buffer), endless);
    assert_inside(rx.fill_buf().map(<[u8]>::len), endless);
    rx.consume(1);
    assert_inside(rx.read_line(&mut String::new()), endless);
    assert_eq!((rx.position(), buffer), (before, [0; 64]));
}
