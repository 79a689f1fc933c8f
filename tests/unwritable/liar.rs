//! A process that was a consumer once, has kept what consumers can write, and lies there: about what has been consumed, about who
//! consumes, about everything.
//!
//! Each element, and each message, bears the position at which it was published. Whatever the liar writes, an honest consumer gets
//! at each position what was published there, or an error.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};
use rondel::segment::Segment;
use rondel::spsc::{Consumer, PopError, PopTimeoutError, Producer, TryPopError};
use rondel::{Corruption, Fault, Peer, bytes};

use crate::ring::{Element, element, elements, message, messages, messages_reader, reader};
use crate::watchdog;

/// The control part, as whoever has its descriptor can map it.
struct Lies(MmapRaw);

/// Offsets in the control part: docs/layout.md.
const CONSUMER_STATE: usize = 128;
const SPACE: usize = 256;
const DATA: usize = 384;
const CONSUMED: usize = 512;
const RELEASED: usize = 640;
const WORDS: usize = 4096 / 8;

impl Lies {
    fn about(segment: &Segment) -> Self {
        let control = segment.try_clone_fds().expect("descriptors").control.expect("two");
        Self(MmapOptions::new().len(4096).map_raw(&control).expect("everybody may"))
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset < 4096);
        let word = self.0.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: in the page that is mapped as long as `self`, aligned; whoever else writes it does so atomically.
        unsafe { AtomicU64::from_ptr(word) }
    }

    fn tell(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }

    /// All that is published has been consumed.
    fn all_is_consumed(&self, tail: u64) {
        self.tell(CONSUMED, tail);
        self.tell(RELEASED, tail);
    }
}

/// What a consumer says that has been robbed.
#[track_caller]
fn assert_robbed(fault: Fault, head: u64) {
    match fault {
        Fault::Corrupted(Corruption { word: "freed", least: 0, most, found, .. }) => {
            assert!(most == head && found > head, "{found} of {most}, at {head}");
        }
        other => panic!("{other}"),
    }
}

/// What a pop gave, in the one way or the other.
type Popped = Result<Element, Fault>;

type Way = fn(&mut Consumer<Element>) -> Popped;

fn of_try(popped: Result<Element, TryPopError>) -> Popped {
    popped.map_err(|error| match error {
        TryPopError::Failed(fault) => fault,
        other => panic!("{other}"),
    })
}

fn of_timed(popped: Result<Element, PopTimeoutError>) -> Popped {
    popped.map_err(|error| match error {
        PopTimeoutError::Failed(fault) => fault,
        other => panic!("{other}"),
    })
}

fn of_pop(popped: Result<Element, PopError>) -> Popped {
    popped.map_err(|error| match error {
        PopError::Failed(fault) => fault,
        other => panic!("{other}"),
    })
}

/// Every way to one element.
const WAYS: [(&str, Way); 10] = [
    ("try_pop", |rx| of_try(rx.try_pop())),
    ("pop", |rx| of_pop(rx.pop())),
    ("pop_timeout", |rx| of_timed(rx.pop_timeout(Duration::ZERO))),
    ("pop_deadline", |rx| of_timed(rx.pop_deadline(Instant::now()))),
    ("peek", |rx| of_try(rx.peek())),
    ("pop_guard", |rx| of_pop(rx.pop_guard().map(|guard| guard.consume()))),
    ("try_pop_guard", |rx| of_try(rx.try_pop_guard().map(|guard| guard.consume()))),
    ("try_pop_slice", |rx| {
        let mut one = [element(0)];
        of_try(rx.try_pop_slice(&mut one).map(|_| one[0]))
    }),
    ("pop_slice", |rx| {
        let mut one = [element(0)];
        of_pop(rx.pop_slice(&mut one).map(|_| one[0]))
    }),
    ("pop_slice_timeout", |rx| {
        let mut one = [element(0)];
        of_timed(rx.pop_slice_timeout(&mut one, Duration::ZERO).map(|_| one[0]))
    }),
];

/// The consumer has seen a line published, and taken one element of it, when the producer is told that it has taken all.
#[test]
fn an_element_that_was_written_over_is_not_delivered() {
    for (way, pop) in WAYS {
        let ring = elements(6);
        let lies = Lies::about(ring.segment());
        let (mut tx, mut rx) = (ring.producer().expect("free"), reader(&ring).consumer().expect("free"));
        while tx.try_push(element(tx.position())).is_ok() {}
        assert_eq!(pop(&mut rx), Ok(element(0)), "{way}");
        let head = rx.position();
        let full = tx.position();
        lies.all_is_consumed(full);
        while tx.try_push(element(tx.position())).is_ok() {}
        assert!(tx.position() > full + 6, "the ring was written over");
        assert_robbed(pop(&mut rx).expect_err(way), head);
        // It stays failed, whatever it is told, and takes nothing back.
        lies.all_is_consumed(0);
        pop(&mut rx).expect_err(way);
        assert_eq!(rx.position(), head, "{way}");
    }
}

/// The lie is told to a producer that comes after another, and begins with what it finds.
#[test]
fn a_succeeding_producer_cannot_be_used_to_rob_unnoticed() {
    let ring = elements(6);
    let lies = Lies::about(ring.segment());
    let (mut tx, mut rx) = (ring.producer().expect("free"), reader(&ring).consumer().expect("free"));
    while tx.try_push(element(tx.position())).is_ok() {}
    assert_eq!(rx.pop(), Ok(element(0)));
    let full = tx.position();
    drop(tx);
    lies.all_is_consumed(full);
    let mut tx = ring.producer().expect("free again");
    // Not so many that it would look at the words again.
    for _ in 0..full - 3 {
        tx.try_push(element(tx.position())).expect("room, as far as it knows");
    }
    assert_robbed(of_try(rx.try_pop()).expect_err("robbed"), 1);
}

/// The lie is taken back, and another producer comes, which has not heard it.
#[test]
fn a_lie_that_is_taken_back_is_noticed_all_the_same() {
    let ring = messages(1024);
    let lies = Lies::about(ring.segment());
    let (mut tx, mut rx) = (ring.producer().expect("free"), messages_reader(&ring).consumer().expect("free"));
    while tx.try_push(&[7; 40]).is_ok() {}
    drop(rx.pop().expect("published"));
    let head = rx.position();
    let message = rx.pop().expect("published");
    lies.all_is_consumed(tx.position());
    while tx.try_push(&[0; 200]).is_ok() {}
    drop(tx);
    // A message of zeros lies there now, which looks to a successor as if nothing had been published yet.
    lies.all_is_consumed(head);
    let tx = ring.producer().expect("free again");
    assert_eq!((tx.position(), &*message), (head, &[0; 40][..]));
    drop(message);
    match rx.try_pop().map(drop).expect_err("noticed") {
        TryPopError::Failed(fault) => assert_robbed(fault, head),
        other => panic!("{other}"),
    }
}

/// No lie, no error: the same with a producer that was told the truth.
#[test]
fn an_element_that_was_consumed_may_be_written_over() {
    for (way, pop) in WAYS.into_iter().filter(|&(way, _)| way != "peek") {
        let ring = elements(6);
        let (mut tx, mut rx) = (ring.producer().expect("free"), reader(&ring).consumer().expect("free"));
        for _ in 0..100 {
            while tx.try_push(element(tx.position())).is_ok() {}
            for _ in 0..5 {
                let position = rx.position();
                assert_eq!(pop(&mut rx), Ok(element(position)), "{way}");
            }
        }
    }
}

#[test]
fn a_message_that_was_written_over_is_not_delivered_unnoticed() {
    let robbed = |use_it: &mut dyn FnMut(&mut bytes::Consumer, &mut dyn FnMut())| {
        let ring = messages(1024);
        let lies = Lies::about(ring.segment());
        let (mut tx, mut rx) = (ring.producer().expect("free"), messages_reader(&ring).consumer().expect("free"));
        while tx.try_push(&[7; 40]).is_ok() {}
        use_it(&mut rx, &mut || {
            lies.all_is_consumed(tx.position());
            while tx.try_push(&[9; 40]).is_ok() {}
        });
        rx
    };
    // Read in place: the handle fails when the message is given back.
    let mut rx = robbed(&mut |rx, rob| {
        let message = rx.pop().expect("published");
        assert_eq!(*message, [7; 40]);
        rob();
    });
    match rx.try_pop().map(drop).expect_err("noticed") {
        TryPopError::Failed(fault) => assert_robbed(fault, 0),
        other => panic!("{other}"),
    }
    assert_eq!(rx.position(), 0, "not consumed");
    // In a batch.
    let mut rx = robbed(&mut |rx, rob| {
        let mut batch = rx.pop_batch().expect("published");
        assert_eq!((&mut batch).into_iter().take(2).count(), 2);
        rob();
    });
    assert!(matches!(rx.try_pop().map(drop), Err(TryPopError::Failed(fault)) if { assert_robbed(fault, 0); true }));
    // As a stream, when some of it has been read.
    robbed(&mut |rx, rob| {
        let mut buffer = [0; 10];
        rx.read_exact(&mut buffer).expect("published");
        assert_eq!(buffer, [7; 10]);
        rob();
        rx.read_exact(&mut buffer).expect_err("noticed before anything is returned");
    });
    // Copied, when it has been looked at.
    robbed(&mut |rx, rob| {
        assert_eq!(rx.peek(), Ok(&[7; 40][..]));
        rob();
        let mut buffer = [0; 64];
        rx.pop_into(&mut buffer).expect_err("noticed before anything is returned");
    });
    // The rest of a message that was begun as a stream, copied: its length is known, and the ring is not asked again.
    robbed(&mut |rx, rob| {
        let mut buffer = [0; 64];
        rx.read_exact(&mut buffer[..10]).expect("published");
        rob();
        let fault = match rx.try_pop_into(&mut buffer).expect_err("noticed before anything is returned") {
            bytes::PopIntoError::Pop(TryPopError::Failed(fault)) => fault,
            other => panic!("{other}"),
        };
        assert_robbed(fault, 0);
    });
}

/// Where a successor begins is what its predecessor has left in the control part. It gets what was published there.
#[test]
fn a_successor_gets_what_was_published_where_it_was_made_to_begin() {
    let ring = elements(20);
    let lies = Lies::about(ring.segment());
    let mut tx = ring.producer().expect("free");
    for position in 0..15 {
        tx.push(element(position)).expect("room");
    }
    for begin in [3, 0, 14, 7] {
        lies.all_is_consumed(begin);
        assert_eq!(reader(&ring).consumer().expect("free").pop(), Ok(element(begin)));
    }
    // Begun too early to find it: the producer has been told otherwise since.
    lies.all_is_consumed(15);
    while tx.try_push(element(tx.position())).is_ok() {}
    for begin in [0, 3, 14] {
        lies.all_is_consumed(begin);
        let mut rx = reader(&ring).consumer().expect("free");
        assert!(matches!(rx.try_pop(), Err(TryPopError::Failed(Fault::Corrupted(_)))), "{begin}");
    }
    // Too late: nothing is published there.
    lies.all_is_consumed(tx.position() + 1000);
    match reader(&ring).consumer() {
        Ok(mut rx) => assert!(matches!(rx.try_pop(), Err(TryPopError::Empty | TryPopError::Failed(_)))),
        Err(error) => assert!(matches!(error, rondel::SegmentError::Corrupted(_)), "{error}"),
    }
}

/// `Closed` and `Dead` are said by the producer's record, and by the kernel. (A consumer that finds its own record changed fails, and says neither.)
#[test]
fn nobody_can_forge_the_end() {
    let ring = elements(20);
    let lies = Lies::about(ring.segment());
    let attached = reader(&ring);
    let mut tx = ring.producer().expect("free");
    let mut rx = attached.consumer().expect("free");
    for forged in [1 << 8 | 2, 1 << 8 | 1, 0, u64::MAX] {
        for word in (0..WORDS).filter(|word| ![CONSUMER_STATE / 8, CONSUMED / 8, RELEASED / 8].contains(word)) {
            lies.tell(word * 8, forged);
        }
        assert_eq!(rx.try_pop(), Err(TryPopError::Empty), "{forged:#x}");
        assert_eq!(rx.peer(), Ok(Peer::Attached { pid: std::process::id() }), "{forged:#x}");
        tx.push(element(tx.position())).expect("room");
        let position = rx.position();
        assert_eq!(rx.pop(), Ok(element(position)), "{forged:#x}");
    }
    drop(tx);
    assert_eq!(rx.try_pop(), Err(TryPopError::Closed), "it is true now");
}

/// xorshift, for numbers that need not be good.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Where the two sides stand, as an attentive liar could see it in the ring.
#[derive(Default)]
struct Stand {
    tail: AtomicU64,
    head: AtomicU64,
    over: AtomicBool,
}

/// Ends all threads, also by a panic of one of them.
struct Over<'a>(&'a Stand);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Stand {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Lies until it is over; returns how often.
fn lie(lies: &Lies, stand: &Stand) -> u64 {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut told = 0;
    while !stand.is_over() {
        let (tail, head) = (stand.tail.load(Ordering::Relaxed), stand.head.load(Ordering::Relaxed));
        match noise.below(8) {
            // What harms others, and cannot be told from the truth by the producer.
            0 | 1 => lies.tell(RELEASED, tail),
            2 => lies.all_is_consumed(tail),
            3 => lies.tell(RELEASED, head + noise.below(8) * 8),
            4 => lies.tell(CONSUMED, head + noise.below(8) * 8),
            // The truth now and then, or nobody could attach any more.
            5 => lies.all_is_consumed(head),
            6 => lies.tell([CONSUMER_STATE, SPACE, DATA][noise.below(3) as usize], noise.below(1 << 10)),
            _ => lies.tell(noise.below(WORDS as u64) as usize * 8, noise.below(u64::MAX)),
        }
        told += 1;
        if told % 16 == 0 {
            thread::sleep(Duration::from_micros(noise.below(50)));
        }
    }
    told
}

/// How long honest participants have to bear it.
const TIME: Duration = Duration::from_millis(800);

/// Runs the three until the time is up; returns what the consumer counted: pops, and faults.
fn among_lies(
    segment: &Segment,
    produce: impl FnOnce(&Stand) + Send,
    consume: impl FnOnce(&Stand) -> (u64, u64) + Send,
) -> (u64, u64) {
    let lies = Lies::about(segment);
    let stand = Stand::default();
    watchdog::within("lies", || {
        thread::scope(|scope| {
            let _over = Over(&stand);
            let liar = scope.spawn(|| lie(&lies, &stand));
            let producer = scope.spawn(|| {
                let _over = Over(&stand);
                produce(&stand);
            });
            let consumer = scope.spawn(|| {
                let _over = Over(&stand);
                consume(&stand)
            });
            let end = Instant::now() + TIME;
            while Instant::now() < end && !stand.is_over() {
                thread::sleep(Duration::from_millis(5));
            }
            stand.over.store(true, Ordering::Relaxed);
            producer.join().expect("the producer bears it");
            let counted = consumer.join().expect("the consumer gets what was published, or an error");
            println!("{} lies, {} pops, {} faults", liar.join().expect("no panic"), counted.0, counted.1);
            counted
        })
    })
}

#[test]
fn whatever_is_lied_each_element_is_the_one_of_its_position() {
    let ring = elements(9);
    let attached = reader(&ring);
    let produce = |stand: &Stand| {
        while !stand.is_over() {
            let Ok(mut tx) = ring.producer() else { continue };
            while !stand.is_over() && push_some(&mut tx, stand) {}
        }
    };
    let consume = |stand: &Stand| {
        let (mut popped, mut faults, mut batch) = (0_u64, 0, [element(0); 5]);
        while !stand.is_over() {
            let Ok(mut rx) = attached.consumer() else { continue };
            while !stand.is_over() {
                let position = rx.position();
                stand.head.store(position, Ordering::Relaxed);
                let outcome = if popped % 3 == 0 {
                    rx.try_pop_slice(&mut batch).map(|count| {
                        for (found, position) in batch[..count].iter().zip(position..) {
                            assert_eq!(*found, element(position));
                        }
                        count as u64
                    })
                } else {
                    rx.try_pop().map(|found| {
                        assert_eq!(found, element(position));
                        1
                    })
                };
                match outcome {
                    Ok(count) => popped += count,
                    Err(TryPopError::Failed(_)) => {
                        faults += 1;
                        break;
                    }
                    // Made to begin where nothing will be for long: somebody else's turn.
                    Err(_) if position > stand.tail.load(Ordering::Relaxed) => break,
                    Err(_) => thread::yield_now(),
                }
            }
        }
        (popped, faults)
    };
    let (popped, faults) = among_lies(ring.segment(), produce, consume);
    assert!(popped > 0 && faults > 0, "nothing happened");
}

/// False if the handle has failed.
fn push_some(tx: &mut Producer<Element>, stand: &Stand) -> bool {
    stand.tail.store(tx.position(), Ordering::Relaxed);
    let pushed = tx.try_push(element(tx.position()));
    !matches!(pushed, Err(rondel::spsc::TryPushError::Failed(..)))
}

#[test]
fn whatever_is_lied_each_copied_message_is_the_one_of_its_position() {
    let ring = messages(1024);
    let attached = messages_reader(&ring);
    let produce = |stand: &Stand| {
        while !stand.is_over() {
            let Ok(mut tx) = ring.producer() else { continue };
            while !stand.is_over() {
                stand.tail.store(tx.position(), Ordering::Relaxed);
                if matches!(tx.try_push(&message(tx.position())), Err(bytes::TryPushError::Failed(_))) {
                    break;
                }
            }
        }
    };
    let consume = |stand: &Stand| {
        let (mut popped, mut faults, mut buffer) = (0, 0, vec![0; attached.largest()]);
        while !stand.is_over() {
            let Ok(mut rx) = attached.consumer() else { continue };
            while !stand.is_over() {
                let position = rx.position();
                stand.head.store(position, Ordering::Relaxed);
                match rx.try_pop_into(&mut buffer) {
                    Ok(len) => {
                        assert_eq!(buffer[..len], message(position));
                        popped += 1;
                    }
                    Err(bytes::PopIntoError::Pop(TryPopError::Failed(_))) => {
                        faults += 1;
                        break;
                    }
                    Err(_) if position > stand.tail.load(Ordering::Relaxed) => break,
                    Err(_) => thread::yield_now(),
                }
            }
        }
        (popped, faults)
    };
    let (popped, faults) = among_lies(ring.segment(), produce, consume);
    assert!(popped > 0 && faults > 0, "nothing happened");
}
