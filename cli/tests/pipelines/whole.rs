//! What comes out is what went in, byte for byte.

use crate::scratch::Scratch;
use crate::text::{assert_same, delimited, frames};

/// Sends the input, both ways round, and compares.
fn passes(test: &str, format: &str, input: &[u8]) {
    passes_through(test, format, "", input);
}

/// The same, through a ring of these sizes.
fn passes_through(test: &str, format: &str, sizes: &str, input: &[u8]) {
    let scratch = Scratch::new(test);
    scratch.write("in", input);
    let said = scratch.shell(&format!(
        "$RONDEL send {format} {sizes} $NAME <in & sender=$!
         $RONDEL recv {sizes} $NAME >out; echo recv $?
         wait $sender; echo send $?"
    ));
    assert_eq!(said, "recv 0\nsend 0\n");
    assert_same(&scratch.read("out"), input);
    assert!(!scratch.has_name(), "the name has to go with the last");

    let said = scratch.shell(&format!(
        "{{ $RONDEL recv {sizes} $NAME; echo recv $? >&2; }} 2>told | cat >out2 & receiver=$!
         until [ -e /dev/shm/rondel.$NAME ]; do sleep 0.01; done
         cat in | $RONDEL send {format} {sizes} $NAME; echo send $?
         wait $receiver; cat told"
    ));
    assert_eq!(said, "send 0\nrecv 0\n");
    assert_same(&scratch.read("out2"), input);
    assert!(!scratch.has_name());
}

#[test]
fn lines_of_any_length_and_bytes() {
    passes("lines", "", &delimited(b'\n', 96 << 20));
}

#[test]
fn a_last_line_without_a_newline() {
    let mut input = delimited(b'\n', 1 << 20);
    input.extend_from_slice(b"no newline");
    passes("no-newline", "--lines", &input);
}

#[test]
fn records_that_end_with_a_zero_byte() {
    passes("nul", "-0", &delimited(0, 32 << 20));
}

#[test]
fn frames_of_any_bytes() {
    passes("frames", "--frames", &frames(64 << 20));
}

#[test]
fn bytes_without_records() {
    passes("stream", "--stream", &frames(64 << 20));
}

#[test]
fn nothing_at_all() {
    // Either waits for the other all the same, as at a FIFO: a sender that went at once would take the name along.
    for (test, format) in [("empty", ""), ("empty-frames", "--frames"), ("empty-stream", "--stream")] {
        passes(test, format, b"");
    }
}

#[test]
fn a_ring_that_is_hardly_larger_than_a_record() {
    let input = [delimited(b'\n', 200), b"y\n".repeat(100_000)].concat();
    let short: Vec<u8> =
        input.split_inclusive(|byte| *byte == b'\n').filter(|line| line.len() <= 100).flatten().copied().collect();
    passes_through("small", "", "--capacity 256 --largest 100", &short);
    passes_through("small-stream", "--stream", "--capacity 64", &short);
}

#[test]
fn a_record_as_large_as_the_ring_allows() {
    let line = |len: usize| [vec![b'x'; len - 1], b"\n".to_vec()].concat();
    let input = [line(3 << 20), line(1), line(3 << 20), line(17)].concat();
    passes_through("large", "", "--largest 3M", &input);
}

#[test]
fn a_ring_at_a_path() {
    let scratch = Scratch::new("path");
    let said = scratch.shell(
        "echo over a path | $RONDEL send ./ring & $RONDEL recv ./ring; echo $?
         wait; ls",
    );
    assert_eq!(said, "over a path\n0\nsaid\n");
}

#[test]
fn records_are_not_held_back_while_the_input_pauses() {
    for format in ["--lines", "--frames", "--stream"] {
        let scratch = Scratch::new(&format!("pauses{format}"));
        let mut receiver = scratch.start("recv", &[], "told");
        let mut sender = scratch.start("send", &[format], "told2");
        for round in 0..20_u8 {
            // A frame, and a line as well.
            let record = [2, 0, 0, 0, b'a' + round, b'\n'];
            sender.feed(&record);
            // The sender still waits for more, and its block and the receiver's are far from full.
            assert_eq!(receiver.take(record.len()), record, "{format}, {round}");
        }
        sender.end_input();
        assert_eq!((sender.code(), receiver.code()), (0, 0));
        assert_eq!(scratch.read_text("told") + &scratch.read_text("told2"), "", "nothing to say");
    }
}
