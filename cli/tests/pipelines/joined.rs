//! A program that uses the library in the place of one side, as `docs/pipelines.md` has it.

use std::thread;
use std::time::Duration;

use rondel::bytes::{PopError, Ring};
use rustix::process::Signal;

use crate::scratch::{SCHEMA, Scratch};

fn ring(scratch: &Scratch) -> Ring {
    let builder = Ring::builder().schema(SCHEMA).capacity(1 << 20);
    builder.create_or_attach(scratch.name.as_str()).expect("the ring of the commands")
}

#[test]
fn a_program_receives_records_and_then_the_end() {
    let scratch = Scratch::new("own-receiver");
    let mut sender = scratch.start("send", &[], "told");
    let mut receiver = ring(&scratch).consumer().expect("nobody else");
    sender.feed(b"one\n\nthr");
    sender.feed(b"ee");
    sender.end_input();
    for expected in [&b"one\n"[..], b"\n", b"three"] {
        assert_eq!(&*receiver.pop().expect("a record"), expected);
    }
    let end = receiver.pop().expect("a record");
    assert_eq!(&*end, b"");
    // It has been sent, and not taken: several of the slices in which the sender waits go by.
    thread::sleep(Duration::from_millis(350));
    assert!(sender.is_running() && scratch.has_name());
    drop(end);
    assert_eq!(sender.code(), 0, "{}", scratch.read_text("told"));
    assert!(!scratch.has_name());
}

#[test]
fn a_program_is_told_of_a_sender_that_breaks_off() {
    let scratch = Scratch::new("own-receiver-told");
    let mut receiver = ring(&scratch).consumer().expect("nobody else");
    let mut sender = scratch.start("send", &[], "told");
    sender.feed(b"one\n");
    assert_eq!(&*receiver.pop().expect("a record"), b"one\n");
    sender.signal(Signal::TERM);
    assert_eq!(receiver.pop().err(), Some(PopError::Dead));
}

#[test]
fn a_program_that_closes_before_the_end_has_ended_early() {
    let scratch = Scratch::new("own-receiver-closes");
    scratch.write("in", &b"line\n".repeat(1 << 20));
    let mut sender = scratch.send_file("in", &["--capacity", "1M"], "told");
    let mut receiver = ring(&scratch).consumer().expect("nobody else");
    assert_eq!(&*receiver.pop().expect("a record"), b"line\n");
    drop(receiver);
    assert_eq!(sender.code(), 1);
    let told = scratch.read_text("told");
    assert!(told.contains("the receiver has ended early"), "{told}");
}

#[test]
fn a_program_sends_records_and_then_the_end() {
    let scratch = Scratch::new("own-sender");
    let mut receiver = scratch.start("recv", &[], "told");
    let ring = ring(&scratch);
    let mut sender = ring.producer().expect("nobody else");
    for record in [&b"one, "[..], b"two", b""] {
        sender.push(record).expect("room");
    }
    sender.wait_until_empty().expect("a receiver");
    ring.unlink().expect("the name");
    drop(sender);
    assert_eq!((receiver.take_rest(), receiver.code()), (b"one, two".to_vec(), 0));
}

#[test]
fn a_program_that_closes_without_an_end_has_not_sent_everything() {
    let scratch = Scratch::new("own-sender-closes");
    let mut receiver = scratch.start("recv", &[], "told");
    let ring = ring(&scratch);
    let mut sender = ring.producer().expect("nobody else");
    sender.push(b"one\n").expect("room");
    sender.wait_until_empty().expect("a receiver");
    drop(sender);
    assert_eq!((receiver.take_rest(), receiver.code()), (b"one\n".to_vec(), 1));
    let told = scratch.read_text("told");
    assert!(told.contains("the sender has ended before the end of its input"), "{told}");
    ring.unlink().expect("the name, which a sender that has closed may want to keep");
}

#[test]
fn a_receiver_that_came_when_a_sender_was_about_to_leave_finds_the_next_one() {
    for at_once in [true, false] {
        let scratch = Scratch::new("own-sender-leaves");
        let ring = ring(&scratch);
        let sender = ring.producer().expect("nobody else");
        let mut receiver = scratch.start("recv", &[], "told");
        scratch.wait_for("consumer");
        // As a sender leaves whose end another receiver has taken.
        ring.unlink().expect("the name");
        let sender = Some(sender).filter(|_| !at_once);
        let mut next = scratch.start("send", &[], "told2");
        next.feed(b"for you\n");
        // A receiver stays with a sender that it sees, until that has gone.
        if sender.is_some() {
            thread::sleep(Duration::from_millis(350));
        }
        drop(sender);
        assert_eq!(receiver.take(8), b"for you\n");
        next.end_input();
        assert_eq!((next.code(), receiver.code()), (0, 0), "{}", scratch.read_text("told"));
        assert!(!scratch.has_name());
    }
}
