//! Names: who makes them, who removes them, and that nobody is left alone in a ring without one.

use crate::scratch::{Scratch, wait_until};
use crate::text::Numbered;

/// One conversation behind the other under one name, without a pause: each side begins the next as soon as it is through.
fn one_after_the_other(test: &str, options: &str) {
    let scratch = Scratch::new(test);
    let mut expected = String::new();
    for round in 0..40 {
        expected.push_str(&format!("this is round {round}\n"));
    }
    let said = scratch.shell(&format!(
        "(i=0; while [ $i -lt 40 ]; do echo this is round $i | $RONDEL send {options} $NAME || echo send $? $i >&2
            i=$((i+1)); done) & senders=$!
         i=0; while [ $i -lt 40 ]; do $RONDEL recv {options} $NAME || echo recv $? $i; i=$((i+1)); done
         wait $senders"
    ));
    assert_eq!(said, expected);
    assert_eq!(scratch.has_name(), options.contains("--keep"));
}

#[test]
fn conversations_under_one_name_follow_each_other() {
    one_after_the_other("rounds", "");
}

#[test]
fn conversations_in_one_kept_ring_follow_each_other() {
    one_after_the_other("rounds-kept", "--keep");
}

#[test]
fn a_kept_ring_of_an_earlier_conversation_makes_either_side_wait() {
    let scratch = Scratch::new("kept");
    let said = scratch.shell("echo one | $RONDEL send --keep $NAME & $RONDEL recv $NAME; wait");
    assert_eq!(said, "one\n");
    assert!(scratch.has_name());
    let mut receiver = scratch.start("recv", &[], "told");
    let mut sender = scratch.start("send", &[], "told2");
    sender.feed(b"two\n");
    assert_eq!(receiver.take(4), b"two\n");
    sender.end_input();
    assert_eq!((sender.code(), receiver.code()), (0, 0));
    assert!(!scratch.has_name());
}

#[test]
fn a_ring_that_is_there_is_used_as_it_is_unless_asked_otherwise() {
    let scratch = Scratch::new("as-it-is");
    let mut sender = scratch.start("send", &["--capacity", "128K", "--largest", "1000"], "told");
    scratch.wait_for_name();
    assert_eq!((scratch.ring().capacity(), scratch.ring().largest()), (131_072, 1000));
    for (option, asked, is) in [("--capacity", "64K", ["65536", "131072"]), ("--largest", "2K", ["2048", "1000"])] {
        let mut refused = scratch.start("recv", &[option, asked], "refused");
        assert_eq!(refused.code(), 1);
        let told = scratch.read_text("refused");
        assert!(told.contains(&scratch.name) && is.iter().all(|number| told.contains(number)), "{told}");
    }
    let mut receiver = scratch.start("recv", &["--capacity", "128K", "--largest", "1000"], "told");
    sender.end_input();
    assert_eq!((sender.code(), receiver.code()), (0, 0));
}

#[test]
fn the_defaults_are_those_documented() {
    let scratch = Scratch::new("defaults");
    let mut receiver = scratch.start("recv", &[], "told");
    scratch.wait_for_name();
    assert_eq!((scratch.ring().capacity(), scratch.ring().largest()), (1 << 20, (1 << 20) - 8));
    let parts =
        ["bytes", "up to 1048568 B", "1048576 B", "0x726f6e6470697065", &format!("consumer: {}", receiver.id())];
    wait_until("the receiver to be listed", || {
        let listed = scratch.shell("$RONDEL list");
        let entry = &listed[listed.find(&scratch.name).expect("listed")..];
        parts.iter().all(|part| entry.contains(part))
    });
    let mut sender = scratch.start("send", &[], "told");
    sender.end_input();
    assert_eq!((sender.code(), receiver.code()), (0, 0));

    let mut receiver = scratch.start("recv", &["--largest", "4M"], "told");
    scratch.wait_for_name();
    assert_eq!((scratch.ring().capacity(), scratch.ring().largest()), (8 << 20, 4 << 20));
    let mut sender = scratch.start("send", &[], "told");
    sender.end_input();
    assert_eq!((sender.code(), receiver.code()), (0, 0));
}

#[test]
fn progress_is_told_where_it_is_asked_for() {
    let input = Numbered::new(1 << 20);
    let records = input.begins.len() - 1;
    let scratch = Scratch::new("progress");
    scratch.write("in", &input.text);
    let mut sender = scratch.send_file("in", &["--progress"], "told");
    let mut receiver = scratch.receive_file("out", &["--progress"], "told2");
    assert_eq!((sender.code(), receiver.code()), (0, 0));
    for told in ["told", "told2"] {
        let told = scratch.read_text(told);
        let last = told.lines().last().expect("a line");
        assert!(last.starts_with(&format!("{records} records, 1.00 MiB, ")) && last.contains("iB/s"), "{told}");
    }
}
