//! Either side killed in the middle: nothing that was published is lost, and who goes on finds the right place.

use std::mem;

use crate::scratch::{Process, Scratch, wait_until};
use crate::text::{Numbered, assert_same};

/// What the test itself sees published in the ring, up to the first end of input; it takes nothing.
fn published(scratch: &Scratch, enough: impl Fn(&[u8], bool) -> bool) -> Vec<u8> {
    let mut consumer = scratch.ring().consumer().expect("nobody else receives");
    let mut seen = Vec::new();
    wait_until("enough to be published", || {
        let Ok(mut batch) = consumer.try_pop_batch() else { return false };
        let records: Vec<&[u8]> = (&mut batch).into_iter().collect();
        let ended = records.last().is_some_and(|record| record.is_empty());
        seen = records.concat();
        // Not consumed.
        mem::forget(batch);
        enough(&seen, ended)
    });
    seen
}

#[test]
fn what_a_killed_sender_had_published_is_received_and_its_successor_goes_on() {
    let input = Numbered::new(4 << 20);
    let scratch = Scratch::new("sender-killed");
    scratch.write("in", &input.text);
    let mut sender = scratch.send_file("in", &["--capacity", "256K"], "told");
    // Up to where the ring is full; the sender is then waiting for a receiver.
    let seen = published(&scratch, |seen, _| input.record_bytes(0, seen.len()) >= (256 << 10) - 1024);
    sender.kill();

    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!(receiver.code(), 1);
    let told = scratch.read_text("told");
    assert!(told.contains(&format!("process {}", sender.id())) && told.contains("before the end"), "{told}");
    let received = scratch.read("out");
    assert!(received.starts_with(&seen), "published and not received");
    let place = input.place(&received);
    assert_eq!(place.start, 0);
    assert!(input.begins.contains(&place.end), "a record was torn");
    assert!(!scratch.has_name(), "an empty ring whose sender is dead is nobody's");

    scratch.write("in", &input.text[place.end..]);
    let mut sender = scratch.send_file("in", &[], "told");
    let mut receiver = scratch.receive_file("out2", &[], "told2");
    assert_eq!((sender.code(), receiver.code()), (0, 0));
    assert_same(&[received, scratch.read("out2")].concat(), &input.text);
}

#[test]
fn one_receiver_outlives_many_killed_senders() {
    let input = Numbered::new(8 << 20);
    let scratch = Scratch::new("senders-killed");
    let mut receiver = scratch.receive_file("out", &["--persist"], "told");
    let step = input.text.len() / 8;
    for kills in 1..=6 {
        // What was not published of the one before is sent by the next.
        let from = scratch.read("out").len();
        assert!(input.begins.contains(&from), "a record was torn");
        let mut sender = scratch.start("send", &[], "sender");
        // Half a step in whole lines that do arrive, and then some while the kill is on its way.
        let half = input.begins.partition_point(|begin| *begin < from + step / 2);
        sender.feed(&input.text[from..input.begins[half]]);
        wait_until("half a step to arrive", || scratch.read("out").len() >= input.begins[half]);
        sender.feed(&input.text[input.begins[half]..from + step]);
        sender.kill();
        let notice = format!("process {}", sender.id());
        wait_until("the death to be noticed", || scratch.read_text("told").contains(&notice));
        assert_eq!(scratch.read_text("told").lines().count(), kills, "{}", scratch.read_text("told"));
        assert!(receiver.is_running());
    }
    let from = scratch.read("out").len();
    scratch.write("in", &input.text[from..]);
    let mut sender = scratch.send_file("in", &[], "sender");
    assert_eq!((sender.code(), receiver.code()), (0, 0), "{}", scratch.read_text("told"));
    assert_same(&scratch.read("out"), &input.text);
    assert!(!scratch.has_name());
}

#[test]
fn a_sender_that_was_killed_behind_its_end_has_sent_everything() {
    let scratch = Scratch::new("end-killed");
    scratch.write("in", b"all\nof it\n");
    let mut sender = scratch.send_file("in", &[], "told");
    assert_eq!(published(&scratch, |_, ended| ended), b"all\nof it\n");
    sender.kill();
    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!(receiver.code(), 0, "{}", scratch.read_text("told"));
    assert_eq!(scratch.read("out"), b"all\nof it\n");
    assert!(!scratch.has_name(), "the sender cannot remove it any more");
}

/// A receiver that is killed when it has written so much, and all that it has written.
fn receive_and_kill(scratch: &Scratch, len: usize) -> (Vec<u8>, Process) {
    let mut receiver = scratch.start("recv", &[], "receiver");
    let mut written = receiver.take(len);
    assert_eq!(written.len(), len, "{}", scratch.read_text("receiver"));
    receiver.kill();
    written.extend(receiver.take_rest());
    (written, receiver)
}

/// No more than this is written at once and not yet taken out of the ring: see `pipelines/receive.rs`.
const WRITTEN_AT_ONCE: usize = 64 * 1024 + 1024;

#[test]
fn one_sender_outlives_many_killed_receivers_and_every_repetition_is_accounted_for() {
    let input = Numbered::new(8 << 20);
    let scratch = Scratch::new("receivers-killed");
    scratch.write("in", &input.text);
    let mut sender = scratch.send_file("in", &["--persist", "--capacity", "128K"], "told");
    scratch.wait_for_name();
    let mut through = 0;
    for round in 0..12 {
        // Now and then before it has written much.
        let (written, _) = receive_and_kill(&scratch, [500_000, 100_000, 20][round % 3]);
        // It begins with a whole record, and holds what is in the input there.
        let place = input.place(&written);
        assert!(place.start <= through, "{} bytes are lost", place.start - through);
        assert!(through - place.start <= WRITTEN_AT_ONCE, "{} bytes came again", through - place.start);
        through = through.max(place.end);
    }
    let mut receiver = scratch.receive_file("out", &[], "receiver");
    assert_eq!((receiver.code(), sender.code()), (0, 0), "{}", scratch.read_text("told"));
    let place = input.place(&scratch.read("out"));
    assert!(place.start <= through && through - place.start <= WRITTEN_AT_ONCE);
    assert_eq!(place.end, input.text.len());
    assert!(!scratch.has_name());
}

#[test]
fn a_sender_whose_receiver_is_killed_says_what_stays_in_the_ring() {
    let input = Numbered::new(8 << 20);
    let scratch = Scratch::new("receiver-killed");
    scratch.write("in", &input.text);
    let mut sender = scratch.send_file("in", &[], "told");
    scratch.wait_for_name();
    let (written, receiver) = receive_and_kill(&scratch, 2 << 20);
    let before = input.place(&written);
    assert_eq!(before.start, 0);
    assert_eq!(sender.code(), 1);
    let told = scratch.read_text("told");
    assert!(told.contains(&format!("process {}", receiver.id())), "{told}");
    assert!(told.contains(&format!("`rondel recv {}`", scratch.name)), "{told}");
    let unread: usize = told.split_whitespace().find_map(|word| word.parse().ok()).expect("a number of bytes");

    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!(receiver.code(), 1, "the input was not sent to its end");
    let after = input.place(&scratch.read("out"));
    assert!(after.start <= before.end && before.end - after.start <= WRITTEN_AT_ONCE, "{before:?}, {after:?}");
    // All that it said: a record at the ring's end counts less than its length.
    let records = input.record_bytes(after.start, after.end);
    assert!((unread..unread + 1024).contains(&records), "{records} bytes of records, where {unread} were to be");
    assert!(!scratch.has_name());
}
