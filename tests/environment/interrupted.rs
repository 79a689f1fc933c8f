//! Waits that are interrupted: by signals, several a millisecond, and by being stopped for longer than the wait was to last.

use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::rings::{Answer, KINDS};
use crate::scratch::{Directory, ring_path, wait_until};

/// Signals neither end a wait nor prolong it, whether their handlers ask for interrupted calls to be begun again or not.
#[test]
fn a_storm_of_signals() {
    for kind in KINDS {
        for flags in ["restarting", "interrupting"] {
            let directory = Directory::new(&format!("interrupted-{flags}-{}", kind.name()));
            let ring = kind.create(&ring_path(directory.path())).expect("a ring");
            let [mut producer, mut consumer] = [(); 2].map(|()| {
                let mut agent = Agent::start(kind, directory.path());
                agent.does("attach").does(&format!("storm {flags}"));
                agent
            });
            // The locks, too, are taken in the storm.
            producer.does("producer");
            consumer.does("consumer");
            // Sleeps on both sides: the ring is small.
            consumer.begin("pop-many 2000");
            assert_eq!(producer.ask("push-many 2000"), "ok", "{kind:?}, {flags}");
            assert_eq!(consumer.answer(), "ok", "{kind:?}, {flags}");
            // A limit of time is one: neither at the first signal nor never.
            let begin = Instant::now();
            assert_eq!(consumer.ask("pop 100"), "Timeout", "{kind:?}, {flags}");
            assert!(begin.elapsed() >= Duration::from_millis(100), "{kind:?}, {flags}: a signal has ended the wait");
            // And a death is a death.
            consumer.begin("pop");
            producer.kill();
            assert_eq!(consumer.answer(), "Dead", "{kind:?}, {flags}");
            consumer.does("producer");
            drop(ring);
            let hits: u64 = consumer.ask("storm-hits").parse().expect("a number");
            assert!(hits > 20, "only {hits} signals: the test means nothing");
        }
    }
}

/// The state of a process: the letter after its name.
fn state_of(pid: libc::pid_t) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it exists");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    rest.trim_start().chars().next().expect("a letter")
}

/// Whoever is continued after its time was up looks once more before it says so: what came meanwhile counts, be it an element, an end or a
/// death. (A suspended machine is the same to it, save that the clock stands still.)
#[test]
fn stopped_for_longer_than_the_wait_was_to_last() {
    /// What happens while the waiting one is stopped.
    #[derive(Clone, Copy, Debug)]
    enum Meanwhile {
        Nothing,
        AnElement,
        AClose,
        ADeath,
    }
    use Meanwhile::{AClose, ADeath, AnElement, Nothing};
    const LIMIT: Duration = Duration::from_millis(60);
    for kind in KINDS {
        for meanwhile in [Nothing, AnElement, AClose, ADeath] {
            let directory = Directory::new("interrupted-stopped");
            let mut consumer = Agent::start(kind, directory.path());
            consumer.does("create").does("consumer");
            let mut producer = Agent::start(kind, directory.path());
            producer.does("attach").does("producer");
            consumer.begin(&format!("pop {}", LIMIT.as_millis()));
            consumer.0.signal(libc::SIGSTOP);
            wait_until("the agent to stop", || state_of(consumer.pid()) == 'T');
            let stopped = Instant::now();
            let mut dying = Some(producer);
            let expected = match meanwhile {
                Nothing => Answer::Timeout,
                AnElement => {
                    dying.as_mut().expect("alive").pushes(5);
                    Answer::Popped(5)
                }
                AClose => {
                    dying.as_mut().expect("alive").does("drop");
                    Answer::Closed
                }
                ADeath => {
                    dying.take().expect("alive").kill();
                    Answer::Dead
                }
            };
            std::thread::sleep((2 * LIMIT).saturating_sub(stopped.elapsed()));
            consumer.0.signal(libc::SIGCONT);
            assert_eq!(consumer.answer(), format!("{expected:?}"), "{kind:?}, {meanwhile:?}");
        }
    }
}
