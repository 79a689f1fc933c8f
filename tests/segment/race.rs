//! Many processes that create or attach at once.

use std::path::Path;

use crate::child::{Running, command, tell, wait_for_parent};
use crate::common::{Directory, builder, inode};

const PROCESSES: usize = 6;
const ROUNDS: usize = 200;

/// In each round exactly one process creates, and all have the same segment.
#[test]
fn one_creates_and_all_get_the_same() {
    let directory = Directory::new("race");
    let mut children: Vec<_> =
        (0..PROCESSES).map(|_| Running::start(command("create-or-attach", directory.path()))).collect();
    for child in &mut children {
        assert_eq!(child.hear(), "ready");
    }
    for round in 0..ROUNDS {
        // Each child is let go at once; they then meet at the name.
        for child in &mut children {
            child.go_on();
        }
        let answers: Vec<_> = children.iter_mut().map(Running::hear).collect();
        let creators = answers.iter().filter(|answer| answer.starts_with("created")).count();
        assert_eq!(creators, 1, "round {round}: {answers:?}");
        let inode_of = |answer: &String| answer.split_once(' ').expect("two words").1.to_owned();
        let first = inode_of(&answers[0]);
        assert!(answers.iter().all(|answer| inode_of(answer) == first), "round {round}: {answers:?}");
    }
    let expected: Vec<_> = (0..ROUNDS).map(|round| format!("ring-{round:03}")).collect();
    assert_eq!(directory.names(), expected, "no temporary file is left");
    for child in children {
        child.succeed();
    }
}

pub(crate) fn child_create_or_attach(directory: &Path) {
    tell("ready");
    for round in 0..ROUNDS {
        wait_for_parent();
        let ring = builder().create_or_attach(directory.join(format!("ring-{round:03}"))).expect("a ring");
        let (device, inode) = inode(&ring);
        let what = if ring.segment().is_creator() { "created" } else { "attached" };
        tell(format_args!("{what} {device}:{inode}"));
    }
}
