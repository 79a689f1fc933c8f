//! The stream in the hands of the standard library, and what is the ring's own about it.

use std::error::Error;
use std::io::{self, BufRead, Cursor, ErrorKind, IoSlice, Read, Write};
use std::thread;

use rondel::bytes::{Consumer, Producer, PushError, TryPopError, pair};

use crate::scratch::{message, within};

/// Larger than the ring by far, and no multiple of anything.
const LEN: usize = 1_000_003;

#[test]
fn copy_moves_a_stream_whole() {
    within("io::copy", || {
        for capacity in [100, 5000, 1 << 17] {
            let bytes = message(capacity, LEN);
            let (mut tx, mut rx) = pair(capacity).expect("a ring");
            let mut copied = Vec::new();
            thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(io::copy(&mut Cursor::new(&bytes), &mut tx).expect("somebody reads"), LEN as u64);
                    drop(tx);
                });
                assert_eq!(io::copy(&mut rx, &mut copied).expect("to the end"), LEN as u64);
            });
            assert!(copied == bytes, "other bytes");
        }
    });
}

/// Through a second ring, as a filter would be used.
#[test]
fn copy_moves_a_stream_from_ring_to_ring() {
    within("io::copy", || {
        let bytes = message(5, LEN);
        let (mut first_tx, mut first_rx) = pair(3000).expect("a ring");
        let (mut second_tx, mut second_rx) = pair(7001).expect("a ring");
        let mut copied = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                first_tx.write_all(&bytes).expect("somebody reads");
                drop(first_tx);
            });
            scope.spawn(|| {
                io::copy(&mut first_rx, &mut second_tx).expect("both");
                drop(second_tx);
            });
            assert_eq!(second_rx.read_to_end(&mut copied).expect("to the end"), LEN);
        });
        assert!(copied == bytes, "other bytes");
    });
}

/// Lines shorter and longer than a message, the last one without an end.
#[test]
fn lines_come_out_whatever_the_messages_are() {
    let text: String = (0..3000).map(|number| format!("{number} {}\n", "x".repeat(number % 97))).collect();
    let text = text + "no end";
    within("lines", || {
        for piece in [1, 7, 64, 1000, text.len()] {
            let (mut tx, rx) = pair(600).expect("a ring");
            let lines: Vec<String> = thread::scope(|scope| {
                let text = &text;
                scope.spawn(move || {
                    for piece in text.as_bytes().chunks(piece) {
                        tx.write_all(piece).expect("somebody reads");
                    }
                });
                rx.lines().collect::<io::Result<_>>().expect("text")
            });
            assert!(lines.iter().eq(text.lines()), "other lines");
        }
    });
}

#[test]
fn adapters_of_the_standard_library_work() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    write!(tx, "formatted-{:04}|", 7).expect("room");
    tx.write_all(b"split|here|").expect("room");
    let parts: Vec<Vec<u8>> = rx.by_ref().take(26).split(b'|').collect::<io::Result<_>>().expect("bytes");
    assert_eq!(parts, [&b"formatted-0007"[..], b"split", b"here"].map(<[u8]>::to_vec));
    tx.write_all(b"abc").expect("room");
    tx.write_all("dé".as_bytes()).expect("room");
    drop(tx);
    assert_eq!(rx.by_ref().bytes().take(2).collect::<io::Result<Vec<u8>>>().expect("bytes"), b"ab");
    let mut rest = String::new();
    let mut chained = rx.chain(Cursor::new("f"));
    chained.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "cdéf");
}

#[test]
fn exact_reads_cross_messages_and_short_ones_are_told() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    for len in [0, 3, 0, 0, 9, 1, 0] {
        tx.push(&message(len, len)).expect("room");
    }
    let mut buffer = [0; 12];
    rx.read_exact(&mut buffer).expect("twelve of thirteen");
    assert_eq!(buffer[..], [message(3, 3), message(9, 9)].concat());
    drop(tx);
    assert_eq!(rx.read_exact(&mut [0; 2]).expect_err("one is left").kind(), ErrorKind::UnexpectedEof);
    assert_eq!(rx.read(&mut buffer).expect("the end"), 0);
}

/// A write is one message, as long as it is short: the messages are there for whoever pops them.
#[test]
fn a_short_write_is_one_message() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    assert_eq!(tx.write(b"one").expect("room"), 3);
    let slices = [&b"two "[..], b"", b"three"].map(IoSlice::new);
    assert_eq!(tx.write_vectored(&slices).expect("room"), 9);
    assert_eq!(tx.write(b"").expect("nothing to do"), 0);
    assert_eq!(tx.write_vectored(&[]).expect("nothing to do"), 0);
    assert_eq!(tx.write_vectored(&[IoSlice::new(b"")]).expect("nothing to do"), 0);
    tx.flush().expect("nothing to do");
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"one"[..]));
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"two three"[..]));
    assert_eq!(rx.try_pop().map(drop), Err(TryPopError::Empty));
}

/// A read gives what is ready, of several messages, and does not wait for more.
#[test]
fn a_read_gives_what_is_ready() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    for part in ["some", " of ", "it"] {
        tx.push(part.as_bytes()).expect("room");
    }
    let mut buffer = [0; 100];
    within("a read", || assert_eq!(rx.read(&mut buffer).expect("ready"), 10));
    assert_eq!(&buffer[..10], b"some of it");
    within("a read of nothing", || assert_eq!(rx.read(&mut []).expect("nothing to wait for"), 0));
}

/// Messages and the stream may be mixed, by whoever knows what comes.
#[test]
fn what_a_stream_leaves_of_a_message_is_a_message() {
    let (mut tx, mut rx) = pair(1000).expect("a ring");
    let begin = |tx: &mut Producer, rx: &mut Consumer| {
        tx.push(b"header\nbody").expect("room");
        tx.push(b"next").expect("room");
        let mut line = String::new();
        rx.read_line(&mut line).expect("a line");
        assert_eq!(line, "header\n");
    };
    begin(&mut tx, &mut rx);
    assert_eq!(rx.peek(), Ok(&b"body"[..]));
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"body"[..]));
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"next"[..]));
    begin(&mut tx, &mut rx);
    let mut batch = rx.try_pop_batch().expect("two");
    assert_eq!((&mut batch).into_iter().collect::<Vec<_>>(), [&b"body"[..], b"next"]);
    drop(batch);
    begin(&mut tx, &mut rx);
    rx.try_pop().expect("the rest").keep();
    assert_eq!(rx.fill_buf().expect("ready"), b"body");
    // A successor finds it whole.
    let ring = rx.ring();
    drop(rx);
    let mut rx = ring.consumer().expect("free");
    assert_eq!(rx.try_pop().as_deref(), Ok(&b"header\nbody"[..]));
}

/// The end of file, and a broken pipe, are over when a successor has come.
#[test]
fn neither_end_is_final() {
    let (mut tx, mut rx) = pair(100).expect("a ring");
    let ring = tx.ring();
    tx.write_all(b"first").expect("room");
    drop(tx);
    let mut text = String::new();
    rx.read_to_string(&mut text).expect("to the end");
    let mut tx = ring.producer().expect("free");
    tx.write_all(b", second").expect("room");
    drop(tx);
    rx.read_to_string(&mut text).expect("to the end");
    assert_eq!(text, "first, second");

    let mut tx = ring.producer().expect("free");
    drop(rx);
    let error = within("a writer without a reader", || {
        loop {
            if let Err(error) = tx.write_all(b"until it is full") {
                break error;
            }
        }
    });
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<PushError>());
    assert_eq!(inside, Some(&PushError::Closed));
    assert_eq!(error.to_string(), PushError::Closed.to_string());
    assert!(error.source().is_none(), "it is the error, and not its cause");
    let mut rx = ring.consumer().expect("free");
    let mut read = [0; 16];
    rx.read_exact(&mut read).expect("what was written before");
    assert_eq!(&read, b"until it is full");
    tx.write_all(b"again").expect("room");
}
