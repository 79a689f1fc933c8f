//! What cannot be sent, and who cannot take part.

use std::process::Stdio;

use rondel::bytes::Ring;

use crate::scratch::Scratch;

/// What becomes of an input that is broken at some record: what the receiver gets, and what the sender says.
fn broken(test: &str, options: &[&str], input: &[u8]) -> (Vec<u8>, String) {
    let scratch = Scratch::new(test);
    scratch.write("in", input);
    let mut receiver = scratch.start("recv", &["--largest", "100", "--capacity", "4K"], "told2");
    scratch.wait_for("consumer");
    let mut sender = scratch.send_file("in", options, "told");
    assert_eq!(sender.code(), 1);
    let received = receiver.take_rest();
    assert_eq!(receiver.code(), 1, "the input was not sent to its end");
    let told = scratch.read_text("told2");
    assert!(told.contains(&format!("process {}", sender.id())), "{told}");
    assert!(!scratch.has_name());
    (received, scratch.read_text("told"))
}

#[test]
fn a_line_that_is_too_long_ends_the_sending_and_what_came_before_is_delivered() {
    let long = [&[b'x'; 100][..], b"\n"].concat();
    let (received, told) = broken("long-line", &[], &[b"one\ntwo\n", &long[..], b"four\n"].concat());
    assert_eq!(received, b"one\ntwo\n");
    assert!(told.contains("record 3") && told.contains("101 bytes") && told.contains("100 at most"), "{told}");
}

#[test]
fn a_line_without_an_end_is_not_waited_for() {
    // An input that never ends, of one line.
    let scratch = Scratch::new("endless");
    let mut receiver = scratch.start("recv", &["--largest", "1000", "--capacity", "4K"], "told2");
    scratch.wait_for("consumer");
    let zero = std::fs::File::open("/dev/zero").expect("a device");
    let mut sender = scratch.start_with("send", &[], "told", zero.into(), Stdio::null());
    assert_eq!((sender.code(), receiver.code()), (1, 1));
    assert_eq!(receiver.take_rest(), b"");
    let told = scratch.read_text("told");
    assert!(told.contains("record 1") && told.contains("1000 at most") && told.contains("not ended"), "{told}");
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_header() {
    let frame = |len: u32| [&len.to_le_bytes()[..], &vec![b'f'; len as usize]].concat();
    let input = [frame(96), frame(97)].concat();
    let (received, told) = broken("long-frame", &["--frames"], &input);
    assert_eq!(received, frame(96));
    assert!(told.contains("record 2") && told.contains("101 bytes") && told.contains("100 at most"), "{told}");
}

#[test]
fn a_frame_that_the_end_of_the_input_cuts_off_is_an_error() {
    let (received, told) = broken("cut-frame", &["--frames"], b"\x02\0\0\0ab\x05\0\0\0abcd");
    assert_eq!(received, b"\x02\0\0\0ab");
    assert!(told.contains("record 2") && told.contains("8 of its 9 bytes"), "{told}");
    let (received, told) = broken("cut-header", &["--frames"], b"\x02\0\0\0ab\x05\0");
    assert_eq!(received, b"\x02\0\0\0ab");
    assert!(told.contains("record 2") && told.contains("header") && told.contains("2 of its 4 bytes"), "{told}");
}

#[test]
fn an_input_that_cannot_be_read_is_not_an_end() {
    let scratch = Scratch::new("unreadable");
    let mut receiver = scratch.start("recv", &[], "told2");
    scratch.wait_for("consumer");
    let directory = std::fs::File::open(&scratch.dir).expect("a directory");
    let mut sender = scratch.start_with("send", &[], "told", directory.into(), Stdio::null());
    assert_eq!((sender.code(), receiver.code()), (1, 1));
    let told = scratch.read_text("told");
    assert!(told.contains("stdin") && told.contains("directory"), "{told}");
}

#[test]
fn a_second_sender_or_receiver_is_refused_by_the_number_of_the_first() {
    let scratch = Scratch::new("second");
    let mut sender = scratch.start("send", &[], "told");
    let mut receiver = scratch.start("recv", &[], "told");
    // Both have their roles.
    sender.feed(b"one\n");
    assert_eq!(receiver.take(4), b"one\n");
    for (verb, first) in [("send", sender.id()), ("recv", receiver.id())] {
        let mut second = scratch.start(verb, &[], "refused");
        assert_eq!(second.code(), 1);
        let told = scratch.read_text("refused");
        assert!(told.contains(&scratch.name) && told.contains(&format!("taken by process {first}")), "{told}");
    }
    sender.feed(b"two\n");
    sender.end_input();
    assert_eq!((receiver.take_rest(), sender.code(), receiver.code()), (b"two\n".to_vec(), 0, 0));
}

#[test]
fn a_ring_of_another_program_is_left_alone() {
    let scratch = Scratch::new("foreign");
    let ring = Ring::builder().capacity(4096).create(scratch.name.as_str()).expect("a fresh name");
    for verb in ["send", "recv"] {
        let mut refused = scratch.start(verb, &[], "refused");
        assert_eq!(refused.code(), 1);
        let told = scratch.read_text("refused");
        assert!(told.contains("is not a ring of `rondel send` and `rondel recv`"), "{told}");
    }
    ring.unlink().expect("still there");
    let ring = rondel::spsc::Ring::<u64>::builder().capacity(64).create(scratch.name.as_str()).expect("a free name");
    let mut refused = scratch.start("recv", &[], "refused");
    assert_eq!(refused.code(), 1);
    assert!(scratch.read_text("refused").contains("spsc"), "{}", scratch.read_text("refused"));
    ring.unlink().expect("still there");
}

#[test]
fn sizes_and_names_that_cannot_be_are_refused_before_anything_is_made() {
    let scratch = Scratch::new("sizes");
    for (arguments, code, why) in [
        (&["--capacity", "lots"][..], 2, "invalid digit"),
        (&["--capacity", "0"], 1, "0"),
        (&["--capacity", "1K", "--largest", "1K"], 1, "1024"),
        (&["--lines", "--frames"], 2, "cannot be used with"),
        (&["--quiet", "--progress"], 2, "cannot be used with"),
    ] {
        let mut refused = scratch.start("send", arguments, "refused");
        assert_eq!(refused.code(), code, "{arguments:?}");
        let told = scratch.read_text("refused");
        assert!(told.contains(why), "{arguments:?}: {told}");
        assert!(!scratch.has_name());
    }
}
