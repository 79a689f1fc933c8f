//! A handle that cannot be used says why at each of its operations.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use rondel::Fault;
use rondel::mpmc::{
    Consumer, PopError, PopTimeoutError, Producer, PushError, PushSliceError, PushTimeoutError, TryPopError,
    TryPushError,
};

/// Not waited for: the answer comes at once.
const SOON: Duration = Duration::from_secs(1);

pub(crate) fn producer_refuses(tx: &mut Producer<u64>, fault: Fault) {
    assert_eq!(tx.try_push(7), Err(TryPushError::Failed(7, fault)));
    assert_eq!(tx.push(7), Err(PushError::Failed(7, fault)));
    assert_eq!(tx.push_timeout(7, SOON), Err(PushTimeoutError::Failed(7, fault)));
    assert_eq!(tx.push_deadline(7, Instant::now() + SOON), Err(PushTimeoutError::Failed(7, fault)));
    assert_eq!(tx.try_push_slice(&[7]), Err(TryPushError::Failed((), fault)));
    assert_eq!(tx.try_push_slice(&[]), Err(TryPushError::Failed((), fault)));
    let refused = Err(PushSliceError { pushed: 0, cause: PushTimeoutError::Failed((), fault) });
    assert_eq!(tx.push_slice(&[7]), refused);
    assert_eq!(tx.push_slice_timeout(&[7], SOON), refused);
    assert_eq!(tx.push_slice_deadline(&[7], Instant::now() + SOON), refused);
    assert_eq!(tx.len(), Err(fault));
    assert_eq!(tx.is_empty(), Err(fault));
    assert_eq!(tx.is_full(), Err(fault));
    assert_eq!(tx.recover(), Err(fault));
    assert_eq!(tx.stuck(), Err(fault));
}

/// What a refused call gave, without what it would have borrowed.
fn error<T, E: Debug>(result: Result<T, E>) -> E {
    result.map(drop).expect_err("refused")
}

pub(crate) fn consumer_refuses(rx: &mut Consumer<u64>, fault: Fault) {
    let at_once = TryPopError::Failed(fault);
    assert_eq!(error(rx.try_pop()), at_once);
    assert_eq!(error(rx.try_pop_guard()), at_once);
    assert_eq!(error(rx.try_pop_slice(&mut [0])), at_once);
    assert_eq!(error(rx.try_pop_slice(&mut [])), at_once);
    let mut iter = rx.try_iter();
    assert_eq!((iter.next(), iter.ended_by()), (None, Some(at_once)));
    let waiting = PopError::Failed(fault);
    assert_eq!(error(rx.pop()), waiting);
    assert_eq!(error(rx.pop_guard()), waiting);
    assert_eq!(error(rx.pop_slice(&mut [0])), waiting);
    assert_eq!(error(rx.pop_slice(&mut [])), waiting);
    let mut iter = rx.iter();
    assert_eq!((iter.next(), iter.ended_by()), (None, Some(waiting)));
    let limited = PopTimeoutError::Failed(fault);
    let deadline = Instant::now() + SOON;
    assert_eq!(error(rx.pop_timeout(SOON)), limited);
    assert_eq!(error(rx.pop_deadline(deadline)), limited);
    assert_eq!(error(rx.pop_guard_timeout(SOON)), limited);
    assert_eq!(error(rx.pop_guard_deadline(deadline)), limited);
    assert_eq!(error(rx.pop_slice_timeout(&mut [0], SOON)), limited);
    assert_eq!(error(rx.pop_slice_deadline(&mut [0], deadline)), limited);
    assert_eq!(rx.len(), Err(fault));
    assert_eq!(rx.is_empty(), Err(fault));
    assert_eq!(rx.is_full(), Err(fault));
    assert_eq!(rx.recover(), Err(fault));
    assert_eq!(rx.stuck(), Err(fault));
}
