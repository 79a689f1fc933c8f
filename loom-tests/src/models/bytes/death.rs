//! A participant that stops dead before any of its shared accesses, and its successor.
//!
//! Each test runs one model for every k: the victim dies before its k-th access, until it survives.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::participants::{Rx, Tx, ends, ends_after};
use crate::crash;
use crate::messages::{Message, Shared};
use crate::models::{Explore, check, for_every_death};

/// The lengths of the messages from 1 on, over and over, so that each lap has its lengths where the last one had bytes.
#[derive(Clone, Copy)]
struct Script {
    data: u64,
    lengths: &'static [u64],
}

impl Script {
    fn message(self, number: u64) -> Message {
        Message::new(number, self.lengths[(number - 1) as usize % self.lengths.len()])
    }

    /// How many messages lie before `position`.
    fn count(self, position: u64) -> u64 {
        let (mut at, mut count) = (0, 0);
        while at < position {
            count += 1;
            let behind = at + 8 + self.message(count).len.next_multiple_of(8);
            at = behind.min((at / self.data + 1) * self.data);
        }
        assert_eq!(at, position, "a position that no message begins at");
        count
    }

    /// Takes what is there, and makes sure that it goes on from `next`.
    fn drain(self, rx: &mut Rx, next: &mut u64) {
        while let Some(message) = rx.take() {
            assert_eq!(message, self.message(*next), "lost, doubled or torn");
            *next += 1;
        }
    }

    /// Both ends, after `passed` messages.
    fn ends(self, shared: &Arc<Shared>, passed: usize) -> (Tx, Rx) {
        ends_after(shared, &self.lengths[..passed])
    }
}

/// `passed` messages have left their bytes in the ring. The victim publishes some more, one by one or `batched`; the consumer lives and takes
/// them while the victim dies and while the successor attaches and publishes.
fn producer_dies(explore: Explore, script: Script, passed: u64, more: u64, batched: bool) {
    for_every_death(explore, move |steps| {
        let shared = Shared::new(script.data, 16, 8);
        let (mut tx, mut rx) = script.ends(&shared, passed as usize);
        // The last message of which the publication returned.
        let published = Arc::new(AtomicU64::new(passed));
        let account = Arc::clone(&published);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                for number in passed + 1..=passed + more {
                    if !tx.stage(script.message(number)) {
                        return;
                    }
                    if !batched {
                        tx.half.publish();
                        account.store(number, Ordering::Relaxed);
                    }
                }
                tx.half.publish();
                account.store(passed + more, Ordering::Relaxed);
            })
        });
        let consumer = thread::spawn(move || {
            let mut next = passed + 1;
            for _ in 0..2 {
                if let Some(message) = rx.take() {
                    assert_eq!(message, script.message(next), "lost, doubled or torn");
                    next += 1;
                }
            }
            (rx, next)
        });
        let killed = victim.join().unwrap();
        let returned = published.load(Ordering::Relaxed);

        let mut successor = Tx::attach(&shared);
        let tail = script.count(successor.half.position());
        let one_more = if batched { passed + more } else { returned + 1 };
        assert!(tail == returned || (killed && tail == one_more), "{returned} published, found {tail}");
        let mut last = tail;
        if successor.put(script.message(last + 1)) {
            last += 1;
        }
        let (mut rx, mut next) = consumer.join().unwrap();
        for number in last + 1..=last + 2 {
            while !successor.put(script.message(number)) {
                script.drain(&mut rx, &mut next);
            }
        }
        script.drain(&mut rx, &mut next);
        assert_eq!(next, last + 3);
        killed
    });
}

#[test]
fn a_producer_dies() {
    let script = Script { data: 40, lengths: &[16, 8, 0, 8, 16] };
    producer_dies(Explore::Preemptions(3), script, 2, 2, false);
}

#[test]
fn a_producer_dies_over_the_end() {
    let script = Script { data: 40, lengths: &[16, 0, 16, 0] };
    producer_dies(Explore::Preemptions(3), script, 2, 2, false);
}

#[test]
fn a_producer_dies_in_a_batch() {
    let script = Script { data: 64, lengths: &[16, 16, 8, 8, 0, 8] };
    producer_dies(Explore::Preemptions(3), script, 3, 3, true);
}

/// It abandons a batch before, and so leaves lengths in the ring that were never published.
#[test]
fn a_producer_dies_when_it_has_abandoned_a_batch() {
    for_every_death(Explore::All, |steps| {
        let shared = Shared::new(64, 16, 8);
        let (mut tx, mut rx) = ends(&shared);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                for number in 1..=3 {
                    assert!(tx.stage(Message::new(number, 8)));
                }
                tx.half.abandon();
                assert!(tx.put(Message::new(4, 8)));
            })
        });
        let early = rx.take();
        let killed = victim.join().unwrap();
        let mut successor = Tx::attach(&shared);
        let published = successor.half.position() == 16;
        assert!(published || killed);
        assert!(successor.put(Message::new(5, 16)));
        let mut taken: Vec<u64> = early.into_iter().map(|message| message.number).collect();
        taken.extend(std::iter::from_fn(|| rx.take()).map(|message| message.number));
        assert_eq!(taken, if published { vec![4, 5] } else { vec![5] });
        killed
    });
}

/// `filled` messages are in the ring. The victim takes them, one by one or `batched`; the producer lives and publishes into
/// whatever it gives back.
fn consumer_dies(explore: Explore, script: Script, lag: u64, filled: u64, batched: bool) {
    for_every_death(explore, move |steps| {
        let shared = Shared::new(script.data, 16, lag);
        let (mut tx, mut rx) = ends(&shared);
        let mut next_put = 1;
        while next_put <= filled {
            assert!(tx.put(script.message(next_put)));
            next_put += 1;
        }
        // The last message that the victim has taken.
        let taken = Arc::new(AtomicU64::new(0));
        let account = Arc::clone(&taken);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                if batched {
                    let count = rx.take_all().len() as u64;
                    return account.store(count, Ordering::Relaxed);
                }
                for number in 1..=filled {
                    assert_eq!(rx.take(), Some(script.message(number)));
                    account.store(number, Ordering::Relaxed);
                }
            })
        });
        for _ in 0..2 {
            if tx.put(script.message(next_put)) {
                next_put += 1;
            }
        }
        let killed = victim.join().unwrap();
        let returned = taken.load(Ordering::Relaxed);

        let mut successor = Rx::attach(&shared);
        let head = script.count(successor.half.head().position());
        let all = if batched { filled..=next_put - 1 } else { returned + 1..=returned + 1 };
        assert!(head == returned || (killed && all.contains(&head)), "{returned} taken, goes on at {head}");
        let mut next = head + 1;
        script.drain(&mut successor, &mut next);
        assert_eq!(next, next_put, "all that was published and not taken");
        // And the ring is as good as new.
        for number in next_put..next_put + 4 {
            while !tx.put(script.message(number)) {
                script.drain(&mut successor, &mut next);
            }
        }
        script.drain(&mut successor, &mut next);
        assert_eq!(next, next_put + 4);
        killed
    });
}

const WRAPPED: Script = Script { data: 48, lengths: &[16, 8, 0, 16, 0] };

#[test]
fn a_consumer_dies() {
    consumer_dies(Explore::All, WRAPPED, 8, 2, false);
}

#[test]
fn a_consumer_dies_with_room_kept_back() {
    consumer_dies(Explore::All, WRAPPED, 32, 2, false);
}

#[test]
fn a_consumer_dies_in_a_batch() {
    consumer_dies(Explore::All, WRAPPED, 8, 2, true);
}

/// Both die, each before each of its accesses, and both are succeeded.
#[test]
fn both_die() {
    const SHORT: Script = Script { data: 64, lengths: &[16, 8, 8, 16] };
    for last_breath in 0..8 {
        for_every_death(Explore::All, move |steps| {
            let shared = Shared::new(SHORT.data, 16, 24);
            let (mut tx, mut rx) = SHORT.ends(&shared, 1);
            assert!(tx.put(SHORT.message(2)));
            assert!(tx.put(SHORT.message(3)));
            let producer = thread::spawn(move || crash::mortal(last_breath, || assert!(tx.put(SHORT.message(4)))));
            let killed = crash::mortal(steps, || {
                let mut next = 2;
                SHORT.drain(&mut rx, &mut next);
            });
            let producer_killed = producer.join().unwrap();

            let mut tx = Tx::attach(&shared);
            let mut rx = Rx::attach(&shared);
            let tail = SHORT.count(tx.half.position());
            assert!(tail == 4 || (producer_killed && tail == 3), "goes on behind {tail}");
            assert!(last_breath < 7 || !producer_killed, "the producer does not finish");
            let mut next = SHORT.count(rx.half.head().position()) + 1;
            assert!(killed || next >= 4, "consumed, and goes on at {next}");
            SHORT.drain(&mut rx, &mut next);
            assert_eq!(next, tail + 1, "all that was published and not taken");
            for number in tail + 1..=tail + 3 {
                assert!(tx.put(SHORT.message(number)));
                SHORT.drain(&mut rx, &mut next);
            }
            assert_eq!(next, tail + 4);
            killed
        });
    }
}

/// A sleeper that dies leaves its flag; the waker's next publication clears it, and the successor's sleep works.
#[test]
fn a_consumer_dies_asleep_or_about_to_sleep() {
    for_every_death(Explore::Preemptions(3), |steps| {
        let shared = Shared::new(48, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                rx.pop();
            })
        });
        assert!(tx.try_push(Message::new(1, 8)));
        let killed = victim.join().unwrap();
        let mut successor = Rx::attach(&shared);
        let head = successor.half.head().position() / 16;
        assert!(head == 1 || killed, "the victim popped");
        let consumer = thread::spawn(move || {
            for expected in head + 1..=2 {
                assert_eq!(successor.pop(), Some(Message::new(expected, 8)));
            }
        });
        assert!(tx.try_push(Message::new(2, 8)));
        consumer.join().unwrap();
        killed
    });
}

/// The same of a producer. `check` makes sure first that the model's ring is too small for both.
#[test]
fn a_producer_dies_asleep_or_about_to_sleep() {
    check(Explore::All, || {
        let (mut tx, _rx) = ends(&Shared::new(24, 8, 8));
        assert!(tx.try_push(Message::new(1, 8)));
        assert!(!tx.try_push(Message::new(2, 8)));
    });
    for_every_death(Explore::Preemptions(2), |steps| {
        let shared = Shared::new(24, 8, 8);
        let (mut tx, mut rx) = ends(&shared);
        assert!(tx.try_push(Message::new(1, 8)));
        let victim = thread::spawn(move || {
            crash::mortal(steps, || {
                tx.push(Message::new(2, 8));
            })
        });
        assert_eq!(rx.try_pop(), Some(Message::new(1, 8)));
        let killed = victim.join().unwrap();
        let mut successor = Tx::attach(&shared);
        let first = 2 + u64::from(successor.half.position() > 16);
        assert!(first == 3 || killed, "the victim pushed");
        let producer = thread::spawn(move || {
            for number in first..=3 {
                assert!(successor.push(Message::new(number, 8)));
            }
        });
        for number in 2..=3 {
            assert_eq!(rx.pop(), Some(Message::new(number, 8)));
        }
        producer.join().unwrap();
        killed
    });
}
