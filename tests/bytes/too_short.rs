//! A buffer that is too short for the message: both lengths are told, and nothing is lost.

use std::io::Read;
use std::time::{Duration, Instant};

use rondel::bytes::{Consumer, PopError, PopIntoError, PopTimeoutError, TryPopError, pair};

use crate::scratch::message;

/// Each call, with the error of the pop that is in it left out.
fn pop_into(rx: &mut Consumer, call: usize, buffer: &mut [u8]) -> Result<usize, PopIntoError<()>> {
    fn without<E>(error: PopIntoError<E>) -> PopIntoError<()> {
        match error {
            PopIntoError::TooShort { message, buffer } => PopIntoError::TooShort { message, buffer },
            PopIntoError::Pop(_) => PopIntoError::Pop(()),
        }
    }
    match call {
        0 => rx.try_pop_into(buffer).map_err(without),
        1 => rx.pop_into(buffer).map_err(without),
        2 => rx.pop_into_timeout(buffer, Duration::from_secs(3600)).map_err(without),
        _ => rx.pop_into_deadline(buffer, Instant::now()).map_err(without),
    }
}

#[test]
fn the_message_stays_and_both_lengths_are_told() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    for call in 0..4 {
        for len in [1, 8, 100, 992] {
            let sent = message(call + len, len);
            tx.push(&sent).expect("room");
            for buffer in [0, len / 2, len - 1] {
                let mut bytes = vec![0xee; buffer];
                assert_eq!(pop_into(&mut rx, call, &mut bytes), Err(PopIntoError::TooShort { message: len, buffer }));
                assert_eq!(bytes, vec![0xee; buffer], "not even a part is copied");
                assert_eq!(rx.peek(), Ok(&sent[..]));
            }
            let mut bytes = vec![0xee; len + 3];
            assert_eq!(pop_into(&mut rx, call, &mut bytes), Ok(len));
            assert_eq!(bytes, [&sent[..], &[0xee; 3]].concat());
            assert_eq!(rx.is_empty(), Ok(true));
        }
    }
}

/// An empty message needs no buffer at all, and a buffer as long as the largest message is never too short.
#[test]
fn buffers_that_are_long_enough() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    let mut buffer = vec![0; rx.largest()];
    for call in 0..4 {
        tx.push(&[]).expect("room");
        assert_eq!(pop_into(&mut rx, call, &mut []), Ok(0));
        tx.push(&vec![9; tx.largest()]).expect("room");
        assert_eq!(pop_into(&mut rx, call, &mut buffer), Ok(buffer.len()));
    }
}

/// Of a message that was begun as a stream, the rest counts.
#[test]
fn what_was_read_needs_no_room() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    for call in 0..4 {
        tx.push(b"begun and finished").expect("room");
        rx.read_exact(&mut [0; 10]).expect("pushed");
        let mut buffer = [0; 8];
        let too_short = Err(PopIntoError::TooShort { message: 8, buffer: 7 });
        assert_eq!(pop_into(&mut rx, call, &mut buffer[..7]), too_short);
        assert_eq!(pop_into(&mut rx, call, &mut buffer), Ok(8));
        assert_eq!(&buffer, b"finished");
    }
}

#[test]
fn where_there_is_no_message_the_pop_says_why() {
    let (tx, mut rx) = pair(1000).expect("a ring");
    let now = Duration::ZERO;
    assert_eq!(rx.try_pop_into(&mut []), Err(PopIntoError::Pop(TryPopError::Empty)));
    assert_eq!(rx.pop_into_timeout(&mut [], now), Err(PopIntoError::Pop(PopTimeoutError::Timeout)));
    assert_eq!(rx.pop_into_deadline(&mut [], Instant::now()), Err(PopIntoError::Pop(PopTimeoutError::Timeout)));
    drop(tx);
    assert_eq!(rx.try_pop_into(&mut []), Err(PopIntoError::Pop(TryPopError::Closed)));
    assert_eq!(rx.pop_into(&mut []), Err(PopIntoError::Pop(PopError::Closed)));
    assert_eq!(rx.pop_into_timeout(&mut [], now), Err(PopIntoError::Pop(PopTimeoutError::Closed)));
    let error = PopIntoError::<TryPopError>::TooShort { message: 1234, buffer: 56 }.to_string();
    assert!(error.contains("1234") && error.contains("56"), "{error}");
    assert_eq!(PopIntoError::Pop(TryPopError::Empty).to_string(), TryPopError::Empty.to_string());
}
