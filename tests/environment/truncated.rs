//! Files that somebody makes shorter or longer. A named segment cannot be sealed: what is gone is an error or a SIGBUS, and a message that
//! was never sent is never received.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use rondel::SegmentError;

use crate::agent::Agent;
use crate::rings::KINDS;
use crate::scratch::{Directory, ring_path};

/// What is done to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    ToNothing,
    ToThePositions,
    LessAPage,
    Longer,
    /// Cut off and made as long as before: all zeros.
    Wiped,
}

const CHANGES: [Change; 5] =
    [Change::ToNothing, Change::ToThePositions, Change::LessAPage, Change::Longer, Change::Wiped];

impl Change {
    fn make(self, file: &File) {
        let len = file.metadata().expect("a file").len();
        let set = |len| file.set_len(len).expect("ours");
        match self {
            Change::ToNothing => set(0),
            Change::ToThePositions => set(4096),
            Change::LessAPage => set(len - 4096),
            Change::Longer => set(len + 4096),
            Change::Wiped => {
                set(0);
                set(len);
            }
        }
    }
}

fn open(directory: &Directory) -> File {
    File::options().read(true).write(true).open(ring_path(directory.path())).expect("the file")
}

#[test]
fn before_attaching() {
    for kind in KINDS {
        for change in CHANGES {
            let directory = Directory::new("truncated-before");
            let path = ring_path(directory.path());
            kind.create(&path).map(drop).expect("a ring");
            change.make(&open(&directory));
            let result = kind.attach(&path).map(drop);
            match (change, result) {
                (
                    Change::ToNothing | Change::ToThePositions | Change::LessAPage,
                    Err(SegmentError::TooShort { .. }),
                ) => {}
                (Change::Wiped, Err(SegmentError::NotInitialised)) => {}
                (Change::Longer, Err(SegmentError::Geometry { field: "total_len", .. })) => {}
                (_, result) => panic!("{kind:?}, {change:?}: {result:?}"),
            }
        }
    }
}

/// What an agent says, or how it ends.
fn outcome(agent: &mut Agent, what: &str) -> Option<String> {
    agent.begin(what);
    agent.0.try_hear()
}

/// At which point the file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Attached,
    Holding,
    Waiting,
}

/// Whoever has mapped what is gone gets an error or a SIGBUS, and no message but the next. Only what is wiped within the line where a
/// consumer stands can come out as zeros, once.
#[test]
fn while_attached() {
    for kind in KINDS {
        for change in CHANGES {
            for when in [When::Attached, When::Holding, When::Waiting] {
                let case = format!("{kind:?}, {change:?}, {when:?}");
                let directory = Directory::new("truncated-attached");
                let mut consumer = Agent::start(kind, directory.path());
                consumer.does("create");
                let mut producer = Agent::start(kind, directory.path());
                producer.does("attach").does("producer").pushes(0).pushes(1);
                let waiting = when == When::Waiting;
                if when != When::Attached {
                    consumer.does("consumer").pops(0);
                }
                if waiting {
                    consumer.pops(1);
                    consumer.begin("pop");
                }
                change.make(&open(&directory));
                let mut answers = Vec::new();
                if when == When::Attached {
                    answers.push(outcome(&mut consumer, "consumer"));
                }
                let next = if waiting { 2 } else { u64::from(when == When::Holding) };
                if waiting && change == Change::Longer {
                    producer.pushes(2);
                }
                if answers.iter().all(|answer| answer.as_deref() == Some("ok")) {
                    answers.push(if waiting { consumer.0.try_hear() } else { outcome(&mut consumer, "pop") });
                }
                // Zeros in place of what the consumer had seen to be published before it was wiped, in the line where it stands: as if a
                // peer had written them. Then it is noticed.
                if answers.last().is_some_and(|answer| answer.as_deref() == Some("PoppedZeros")) {
                    assert_eq!((change, when), (Change::Wiped, When::Holding), "{case}");
                    println!("{case}: zeros for an element");
                    answers.push(outcome(&mut consumer, "pop"));
                }
                let last = answers.pop().expect("an answer");
                match &last {
                    None => {
                        consumer.0.ended_by(libc::SIGBUS);
                        // Who waits looks now and then, perhaps just when the file is gone and not yet back.
                        let may_have_looked = change == Change::Wiped && waiting;
                        assert!(
                            may_have_looked || !matches!(change, Change::Longer | Change::Wiped),
                            "{case}: a SIGBUS"
                        );
                    }
                    Some(answer) if answer.starts_with("Popped") => {
                        assert_eq!(*answer, format!("Popped({next})"), "{case}");
                        assert_ne!(change, Change::Wiped, "{case}: out of nothing");
                    }
                    Some(answer) => {
                        let told = ["Failed(Corrupted", "NotInitialised"].iter().any(|told| answer.starts_with(told));
                        assert!(told, "{case}: {answer}");
                        assert_ne!(change, Change::Longer, "{case}");
                    }
                }
                println!("{case}: {}", last.as_deref().unwrap_or("SIGBUS"));
            }
        }
    }
}

/// An anonymous segment cannot be changed in length at all, by nobody: it is sealed.
#[test]
fn nobody_can_cut_off_what_is_sealed() {
    for kind in KINDS {
        let ring = kind.anonymous().expect("a ring");
        let file = ring.file();
        let len = file.metadata().expect("a file").len();
        for other in [0, 4096, len - 4096, len + 4096] {
            let refused = file.set_len(other).expect_err("sealed").raw_os_error();
            assert_eq!(refused, Some(libc::EPERM), "{kind:?}");
        }
        file.read_exact_at(&mut [0; 8], len - 8).expect("all there");
    }
}

/// Holes are the other way to take a file's memory away, and no seal forbids them: what is gone reads as zeros, which is noticed.
#[test]
fn a_hole_in_place_of_the_ring_is_noticed() {
    for kind in KINDS {
        let directory = Directory::new("truncated-hole");
        let ring = kind.create(&ring_path(directory.path())).expect("a ring");
        let mut consumer = Agent::start(kind, directory.path());
        consumer.does("attach").does("consumer").begin("pop");
        let file = ring.file();
        let len = file.metadata().expect("a file").len();
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: takes integers.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), mode, 0, len as libc::off_t) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        let answer = consumer.answer();
        assert!(answer.starts_with("Failed(Corrupted"), "{kind:?}: {answer}");
    }
}
