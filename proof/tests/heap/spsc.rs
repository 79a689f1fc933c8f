//! Elements between one producer and one consumer.

use std::sync::Arc;
use std::thread;

use crate::heap::spsc::{Element, Handle, Ring as Memory, element};
use crate::pair::Around;
use crate::protocol::role;
use crate::protocol::spsc::{Advanced, Consumer, Producer};
use crate::{MESSAGES, wait_a_little};

struct Ring {
    memory: Arc<Memory>,
    around: Around,
}

impl Ring {
    fn new(capacity: u64) -> Arc<Ring> {
        Arc::new(Ring { memory: Memory::new(capacity, false), around: Around::new() })
    }

    fn producer(&self) -> (Producer<Handle>, u64) {
        let handle = Handle(Arc::clone(&self.memory));
        let half = Producer::attach(handle, self.memory.geometry).expect("sound words");
        (half, role::attach(&self.around.producer))
    }

    fn consumer(&self) -> (Consumer<Handle>, u64) {
        let handle = Handle(Arc::clone(&self.memory));
        let half = Consumer::attach(handle, self.memory.geometry).expect("sound words");
        (half, role::attach(&self.around.consumer))
    }
}

#[test]
fn elements_one_by_one_for_many_laps() {
    let ring = Ring::new(5);
    let (mut tx, _) = ring.producer();
    let (mut rx, _) = ring.consumer();
    let producer = thread::spawn(move || {
        for number in 0..MESSAGES {
            while !tx.try_push(element(number)).expect("sound words") {
                wait_a_little();
            }
        }
    });
    for number in 0..MESSAGES {
        loop {
            if let Some(found) = rx.peek().expect("sound words") {
                assert_eq!(found, element(number));
                rx.advance();
                break;
            }
            wait_a_little();
        }
    }
    producer.join().unwrap();
    assert!(rx.is_empty().unwrap());
}

#[test]
fn batches_of_all_sizes() {
    let ring = Ring::new(11);
    let (mut tx, _) = ring.producer();
    let (mut rx, _) = ring.consumer();
    let producer = thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(1);
        let mut pushed = 0;
        while pushed < MESSAGES {
            let most = random.u64(1..=14).min(MESSAGES - pushed);
            let batch: Vec<Element> = (pushed..pushed + most).map(element).collect();
            let count = tx.try_push_slice(&batch).expect("sound words");
            pushed += count as u64;
            if count == 0 {
                assert!(tx.len().expect("sound words") <= MESSAGES);
                wait_a_little();
            }
        }
    });
    let mut random = fastrand::Rng::with_seed(2);
    let mut popped = 0;
    while popped < MESSAGES {
        let mut batch = vec![[0; 2]; random.usize(1..=14)];
        let (count, _) = rx.pop_slice(&mut batch).expect("sound words");
        for found in &batch[..count] {
            assert_eq!(*found, element(popped));
            popped += 1;
        }
        assert!(rx.len().expect("sound words") <= MESSAGES - popped);
        if count == 0 {
            wait_a_little();
        }
    }
    producer.join().unwrap();
}

#[test]
fn both_sleep_and_a_close_is_told_after_the_last_element() {
    let ring = Ring::new(1);
    let (mut tx, attachments) = ring.producer();
    let (mut rx, _) = ring.consumer();
    let messages = MESSAGES / 10;
    let producer = {
        let ring = Arc::clone(&ring);
        thread::spawn(move || {
            let around = &ring.around;
            for number in 0..messages {
                while !tx.try_push(element(number)).expect("sound words") {
                    assert!(around.sleep(&around.space, &around.consumer, || tx.see_consumed().expect("sound words")));
                }
                around.notify(&around.data);
            }
            around.close(&around.producer, attachments, &around.data);
        })
    };
    let around = &ring.around;
    let mut next = 0;
    loop {
        match rx.peek().expect("sound words") {
            Some(found) => {
                assert_eq!(found, element(next));
                next += 1;
                if rx.advance() != Advanced::Within {
                    around.notify(&around.space);
                }
            }
            None => {
                if !around.sleep(&around.data, &around.producer, || !rx.is_empty().expect("sound words")) {
                    break;
                }
            }
        }
    }
    assert_eq!(next, messages, "closed before all was delivered");
    producer.join().unwrap();
}

#[test]
fn successors_go_on_where_the_others_stopped() {
    let ring = Ring::new(4);
    let (mut pushed, mut popped) = (0, 0);
    for turn in 0..MESSAGES / 10 {
        let ring = Arc::clone(&ring);
        // Each is another thread's: the join stands for the kernel's lock.
        let ends = thread::spawn(move || {
            let (mut tx, _) = ring.producer();
            let (mut rx, _) = ring.consumer();
            for _ in 0..turn % 7 {
                pushed += u64::from(tx.try_push(element(pushed)).expect("sound words"));
            }
            for _ in 0..turn % 5 {
                if let Some(found) = rx.peek().expect("sound words") {
                    assert_eq!(found, element(popped));
                    popped += 1;
                    rx.advance();
                }
            }
            (pushed, popped)
        });
        (pushed, popped) = ends.join().unwrap();
    }
    assert!(popped > 0);
}
