//! Messages of any length between one producer and one consumer.

use std::sync::Arc;
use std::thread;

use crate::heap::bytes::{Handle, Ring as Memory};
use crate::pair::Around;
use crate::protocol::bytes::{Consumer, Producer, Record};
use crate::protocol::role;
use crate::{MESSAGES, wait_a_little};

const LARGEST: u64 = 48;
struct Ring {
    memory: Arc<Memory>,
    around: Around,
}

impl Ring {
    fn new(capacity: u64) -> Arc<Ring> {
        Arc::new(Ring { memory: Memory::new(capacity, LARGEST, false), around: Around::new() })
    }

    fn producer(&self) -> Tx {
        let handle = Handle(Arc::clone(&self.memory));
        Tx(Producer::attach(handle, self.memory.geometry).expect("sound words"))
    }

    fn consumer(&self) -> Rx {
        let handle = Handle(Arc::clone(&self.memory));
        Rx(Consumer::attach(handle, self.memory.geometry).expect("sound words"))
    }
}

/// Message `number`: its length and its bytes follow from that.
fn message(number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    let len = random.u64(0..=LARGEST);
    (0..len).map(|_| random.u8(..)).collect()
}

struct Tx(Producer<Handle>);

impl Tx {
    /// Writes a message in place and completes it. False if there is no room.
    fn stage(&mut self, message: &[u8]) -> bool {
        let len = message.len() as u64;
        let payload = match self.0.reserve(len).expect("sound words") {
            Some(payload) => payload,
            None if !self.0.see_consumed(len).expect("sound words") => return false,
            None => self.0.reserve(len).expect("sound words").expect("there was room"),
        };
        let place = self.0.memory().0.place(payload, len);
        // SAFETY: the bytes are the producer's until it publishes, as `reserve` says; they lie in the block.
        let place = unsafe { std::slice::from_raw_parts_mut(place, message.len()) };
        place.copy_from_slice(message);
        self.0.stage(len);
        true
    }

    fn try_push(&mut self, message: &[u8]) -> bool {
        let staged = self.stage(message);
        if staged {
            self.0.publish();
        }
        staged
    }
}

struct Rx(Consumer<Handle>);

impl Rx {
    fn bytes(&self, record: &Record) -> &[u8] {
        let place = self.0.memory().0.place(record.payload, record.len);
        // SAFETY: the record is published and not consumed, and the borrow of the consumer keeps it from being so.
        unsafe { std::slice::from_raw_parts(place, record.len as usize) }
    }

    /// True if the next message is there, is this one, and is consumed now.
    fn try_pop(&mut self, expected: &[u8]) -> bool {
        let Some(record) = self.0.look(self.0.head()).expect("sound words") else { return false };
        assert_eq!(self.bytes(&record), expected);
        self.0.consume(record.next);
        true
    }
}

#[test]
fn messages_one_by_one_for_many_laps() {
    let ring = Ring::new(160);
    let (mut tx, mut rx) = (ring.producer(), ring.consumer());
    let producer = thread::spawn(move || {
        for number in 0..MESSAGES {
            let message = message(number);
            while !tx.try_push(&message) {
                wait_a_little();
            }
        }
    });
    for number in 0..MESSAGES {
        let expected = message(number);
        while !rx.try_pop(&expected) {
            wait_a_little();
        }
    }
    producer.join().unwrap();
    assert!(rx.0.is_empty().unwrap());
}

#[test]
fn batches_some_of_which_are_abandoned() {
    let ring = Ring::new(400);
    let (mut tx, mut rx) = (ring.producer(), ring.consumer());
    let producer = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(3);
        let mut number = 0;
        while number < MESSAGES {
            let batch = random.u64(1..=5).min(MESSAGES - number);
            let staged = (number..number + batch).take_while(|&number| tx.stage(&message(number))).count();
            if random.u8(0..4) == 0 {
                tx.0.abandon();
            } else {
                tx.0.publish();
                number += staged as u64;
            }
            if staged == 0 {
                wait_a_little();
            }
        }
    });
    let mut next = 0;
    while next < MESSAGES {
        // Finds all that is ready, reads it, and gives it back at once.
        let (mut records, mut place) = (Vec::new(), rx.0.head());
        while let Some(record) = rx.0.look(place).expect("sound words") {
            place = record.next;
            records.push(record);
        }
        for record in &records {
            assert_eq!(rx.bytes(record), message(next));
            next += 1;
        }
        if records.is_empty() {
            wait_a_little();
        } else {
            rx.0.consume(place);
        }
    }
    producer.join().unwrap();
}

#[test]
fn both_sleep_and_a_close_is_told_after_the_last_message() {
    let ring = Ring::new(64);
    let (mut tx, mut rx) = (ring.producer(), ring.consumer());
    let attachments = role::attach(&ring.around.producer);
    role::attach(&ring.around.consumer);
    let messages = MESSAGES / 10;
    let producer = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || {
            let around = &ring.around;
            for number in 0..messages {
                let message = message(number);
                while !tx.try_push(&message) {
                    let room = || tx.0.see_consumed(message.len() as u64).expect("sound words");
                    assert!(around.sleep(&around.space, &around.consumer, room));
                }
                around.notify(&around.data);
            }
            around.close(&around.producer, attachments, &around.data);
        })
    };
    let around = &ring.around;
    let mut next = 0;
    loop {
        if rx.try_pop(&message(next)) {
            next += 1;
            around.notify(&around.space);
        } else if !around.sleep(&around.data, &around.producer, || !rx.0.is_empty().expect("sound words")) {
            break;
        }
    }
    assert_eq!(next, messages, "closed before all was delivered");
    producer.join().unwrap();
}

#[test]
fn successors_go_on_where_the_others_stopped() {
    let ring = Ring::new(160);
    let (mut pushed, mut popped) = (0, 0);
    for turn in 0..MESSAGES / 10 {
        let ring = Arc::clone(&ring);
        let ends = thread::spawn(move || {
            let (mut tx, mut rx) = (ring.producer(), ring.consumer());
            for _ in 0..turn % 5 {
                pushed += u64::from(tx.try_push(&message(pushed)));
            }
            // Left behind, as by one who died: written, and not published.
            tx.stage(&[0xFF; LARGEST as usize]);
            for _ in 0..turn % 4 {
                if pushed > popped {
                    assert!(rx.try_pop(&message(popped)));
                    popped += 1;
                }
            }
            (pushed, popped)
        });
        (pushed, popped) = ends.join().unwrap();
    }
    assert!(popped > 0);
}
