//! Told to stop, and stdout without a reader.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::pipe;
use rustix::process::Signal;

use crate::scratch::{Process, Scratch, wait_until};
use crate::text::Numbered;

const SIGINT: Option<i32> = Some(2);
const SIGPIPE: Option<i32> = Some(13);
const SIGTERM: Option<i32> = Some(15);

#[test]
fn an_interrupted_sender_has_sent_its_complete_records_and_its_receiver_knows() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let scratch = Scratch::new("sender-interrupted");
        let mut receiver = scratch.start("recv", &[], "told");
        let mut sender = scratch.start("send", &[], "told2");
        sender.feed(b"one\ntwo\nhalf a li");
        assert_eq!(receiver.take(8), b"one\ntwo\n");
        sender.signal(signal);
        assert_eq!(sender.wait().signal(), Some(signal.as_raw()));
        assert_eq!(receiver.take_rest(), b"");
        assert_eq!(receiver.code(), 1);
        let told = scratch.read_text("told");
        assert!(told.contains(&format!("process {}", sender.id())) && told.contains("2 records"), "{told}");
        assert!(!scratch.has_name());
    }
}

#[test]
fn an_interrupted_sender_leaves_what_nobody_has_received_yet() {
    let scratch = Scratch::new("sender-interrupted-alone");
    scratch.write("in", &b"line\n".repeat(1 << 20));
    let mut sender = scratch.send_file("in", &["--capacity", "4096"], "told");
    scratch.wait_for_name();
    sender.signal(Signal::INT);
    assert_eq!(sender.wait().signal(), SIGINT);
    if scratch.has_name() {
        let told = scratch.read_text("told");
        assert!(told.contains("unread and stay in the ring"), "{told}");
        let mut receiver = scratch.start("recv", &[], "told");
        let received = receiver.take_rest();
        assert!(!received.is_empty() && received.chunks(5).all(|line| line == b"line\n"));
        assert_eq!(receiver.code(), 1);
    }
    assert!(!scratch.has_name());
}

#[test]
fn who_is_interrupted_while_waiting_alone_leaves_no_name() {
    for verb in ["send", "recv"] {
        let scratch = Scratch::new(&format!("alone-{verb}"));
        let mut process = scratch.start(verb, &[], "told");
        scratch.wait_for_name();
        process.signal(Signal::TERM);
        assert_eq!(process.wait().signal(), SIGTERM);
        assert!(!scratch.has_name(), "{verb}");
        assert_eq!(scratch.read_text("told"), "");
    }
}

/// A sender of the whole input, and a receiver that has written so much and is stuck, for nobody reads on.
fn stuck_receiver(scratch: &Scratch, input: &Numbered) -> (Process, Process, Vec<u8>) {
    scratch.write("in", &input.text);
    let sender = scratch.send_file("in", &["--persist"], "sender");
    let mut receiver = scratch.start("recv", &[], "told");
    let written = receiver.take(100_000);
    (sender, receiver, written)
}

/// Lets another receiver go on after one that has written this: where does either piece lie in the input?
fn another_goes_on(scratch: &Scratch, input: &Numbered, mut sender: Process, written: &[u8]) -> [Range<usize>; 2] {
    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!((receiver.code(), sender.code()), (0, 0), "{}", scratch.read_text("sender"));
    let [before, after] = [input.place(written), input.place(&scratch.read("out"))];
    assert!(after.start <= before.end, "{} bytes are lost", after.start - before.end);
    assert_eq!(after.end, input.text.len());
    [before, after]
}

#[test]
fn an_interrupted_receiver_takes_with_it_what_it_has_written() {
    let input = Numbered::new(4 << 20);
    let scratch = Scratch::new("receiver-interrupted");
    let (sender, mut receiver, mut written) = stuck_receiver(&scratch, &input);
    receiver.signal(Signal::INT);
    assert_eq!(receiver.wait().signal(), SIGINT);
    written.extend(receiver.take_rest());
    let [before, after] = another_goes_on(&scratch, &input, sender, &written);
    // Before Linux 6.4 its time is up in the middle of a write.
    assert!(before.end - after.start <= 65 * 1024, "{} bytes came again", before.end - after.start);
}

#[test]
fn a_record_that_an_interrupted_receiver_has_written_whole_does_not_come_again() {
    let input = Numbered::new(4 << 20);
    let scratch = Scratch::new("receiver-interrupted-exactly");
    scratch.write("in", &input.text);
    let sender = scratch.send_file("in", &["--persist"], "sender");
    // A pipe that never makes its writer wait, so that no write is under way when the signal comes.
    let (reader, writer) = pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("a mode");
    let probe = writer.try_clone().expect("a descriptor");
    let mut receiver = scratch.start_with("recv", &[], "told", Stdio::null(), writer.into());
    let (mut reader, mut written) = (File::from(reader), vec![0; 100_000]);
    reader.read_exact(&mut written).expect("the receiver writes");
    // In the third of its writes, the pipe is full.
    wait_until("the receiver to be stuck", || {
        let mut fds = [PollFd::new(&probe, PollFlags::OUT)];
        poll(&mut fds, Some(&Timespec::default())).expect("an answer") == 0
    });
    drop(probe);
    receiver.signal(Signal::INT);
    assert_eq!(receiver.wait().signal(), SIGINT);
    reader.read_to_end(&mut written).expect("what is left");
    let [before, after] = another_goes_on(&scratch, &input, sender, &written);
    let whole = input.begins.partition_point(|begin| *begin <= before.end) - 1;
    assert_eq!(after.start, input.begins[whole], "the first record that was not written whole");
}

#[test]
fn a_receiver_without_a_reader_ends_by_the_signal_for_it_and_keeps_the_rest() {
    let input = Numbered::new(4 << 20);
    let scratch = Scratch::new("no-reader");
    let (mut sender, mut receiver, written) = stuck_receiver(&scratch, &input);
    receiver.stop_reading();
    assert_eq!(receiver.wait().signal(), SIGPIPE);
    assert_eq!(scratch.read_text("told"), "", "as other programs do, without a word");

    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!((receiver.code(), sender.code()), (0, 0), "{}", scratch.read_text("sender"));
    let after = input.place(&scratch.read("out"));
    // What is in a pipe when its reader goes is lost, as with any pipe; the rest is not: 64 KiB that a pipe holds, and the record
    // that was partly in it.
    assert!(after.start >= written.len().saturating_sub(1024), "{} came again", written.len() - after.start);
    assert!(after.start <= written.len() + 64 * 1024, "{} are lost", after.start - written.len());
    assert_eq!(after.end, input.text.len());
}

#[test]
fn a_receiver_whose_reader_goes_while_nothing_comes_notices() {
    let scratch = Scratch::new("idle-reader");
    let mut receiver = scratch.start("recv", &[], "told");
    scratch.wait_for_name();
    receiver.stop_reading();
    assert_eq!(receiver.wait().signal(), SIGPIPE);
    assert!(!scratch.has_name());

    // Nor where a sender has been, and nobody is.
    scratch.shell("echo one | $RONDEL send --keep $NAME & $RONDEL recv $NAME; wait");
    let mut receiver = scratch.start("recv", &[], "told");
    scratch.wait_for("consumer");
    receiver.stop_reading();
    assert_eq!(receiver.wait().signal(), SIGPIPE);
    assert!(scratch.has_name());
}

#[test]
fn head_ends_a_pipeline_as_it_does_with_a_fifo() {
    let scratch = Scratch::new("head");
    let said = scratch.shell(
        "yes | { $RONDEL send $NAME 2>told; echo send $? >sent; } & sender=$!
         { $RONDEL recv $NAME; echo recv $? >received; } | head -1
         wait $sender; cat received sent",
    );
    assert_eq!(said, "y\nrecv 141\nsend 1\n");
    let told = scratch.read_text("told");
    assert!(told.contains("has ended early") && told.contains("for another `rondel recv"), "{told}");
    let mut receiver = scratch.start("recv", &[], "told");
    let rest = receiver.take_rest();
    assert_eq!(receiver.code(), 1);
    assert!(rest.len() > 1000 && rest.chunks(2).all(|line| line == b"y\n"));
    assert!(!scratch.has_name());
}

#[test]
fn records_of_an_earlier_sender_come_first_and_the_next_sender_says_so() {
    let scratch = Scratch::new("earlier");
    let mut first = scratch.start("send", &[], "told");
    first.feed(b"earlier\n");
    // Published as soon as it is complete; a consumer sees it, and leaves it where it is.
    {
        let mut consumer = scratch.ring().consumer().expect("nobody else");
        wait_until("the record", || consumer.peek().is_ok_and(|record| record == b"earlier\n"));
    }
    first.kill();
    let mut next = scratch.start("send", &[], "told");
    wait_until("the notice", || scratch.read_text("told").contains("16 bytes of records of an earlier sender"));
    next.feed(b"later\n");
    next.end_input();
    let mut receiver = scratch.start("recv", &[], "told2");
    assert_eq!(receiver.take_rest(), b"earlier\nlater\n");
    assert_eq!((next.code(), receiver.code()), (0, 0));
}

#[test]
fn a_silent_sender_notices_that_its_receiver_has_gone() {
    let scratch = Scratch::new("silent");
    let mut sender = scratch.start("send", &[], "told");
    let mut receiver = scratch.start("recv", &[], "told2");
    sender.feed(b"one\n");
    assert_eq!(receiver.take(4), b"one\n");
    receiver.kill();
    assert_eq!(sender.code(), 1);
    let told = scratch.read_text("told");
    assert!(told.contains(&format!("process {}", receiver.id())), "{told}");
}

#[test]
fn a_signal_that_was_to_be_ignored_is() {
    let scratch = Scratch::new("ignored");
    scratch.write("in", b"one\n");
    // As nohup does, and as a shell does for what a script starts with `&`.
    let said = scratch.shell(
        "trap '' INT HUP
         $RONDEL recv $NAME >out & receiver=$!
         until [ -e /dev/shm/rondel.$NAME ]; do sleep 0.01; done
         kill -INT $receiver; kill -HUP $receiver
         $RONDEL send $NAME <in; echo $?; wait $receiver; echo $?",
    );
    assert_eq!(said, "0\n0\n");
    assert_eq!(scratch.read("out"), b"one\n");
}

#[test]
fn a_full_disk_is_an_error_and_the_records_stay() {
    let scratch = Scratch::new("full-disk");
    scratch.write("in", b"one\ntwo\n");
    let mut sender = scratch.send_file("in", &["--persist"], "sender");
    scratch.wait_for_name();
    let full = File::options().write(true).open("/dev/full").expect("a full device");
    let mut receiver = scratch.start_with("recv", &[], "told", Stdio::null(), full.into());
    assert_eq!(receiver.code(), 1);
    let told = scratch.read_text("told");
    assert!(told.contains("stdout") && told.contains("No space left"), "{told}");
    let mut receiver = scratch.receive_file("out", &[], "told");
    assert_eq!((receiver.code(), sender.code()), (0, 0));
    assert_eq!(scratch.read("out"), b"one\ntwo\n");
    wait_until("the name to go", || !scratch.has_name());
}
