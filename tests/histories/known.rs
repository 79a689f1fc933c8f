//! Queues between threads that are known to be right.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use crossbeam_queue::ArrayQueue;

use crate::history::{Delivery, Value};
use crate::subject::{Consumer, NotPopped, NotPushed, Producer, Subject};

fn fresh(value: Value) -> Delivery {
    Delivery { value, redelivered: false }
}

/// The simplest of all.
pub(crate) struct Locked {
    queue: Mutex<VecDeque<Value>>,
    capacity: usize,
}

impl Locked {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.queue.lock().expect("nobody panics under it")
    }
}

impl Subject for Locked {
    type Producer<'a> = &'a Self;
    type Consumer<'a> = &'a Self;

    fn new(capacity: usize) -> Self {
        Self { queue: Mutex::default(), capacity }
    }

    fn producer(&self, _who: u32) -> &Self {
        self
    }

    fn consumer(&self, _who: u32) -> &Self {
        self
    }
}

impl Producer for &Locked {
    fn try_push(&mut self, value: Value) -> Result<(), NotPushed> {
        let mut queue = self.lock();
        if queue.len() == self.capacity {
            return Err(NotPushed::Full);
        }
        queue.push_back(value);
        Ok(())
    }
}

impl Consumer for &Locked {
    fn try_pop(&mut self) -> Result<Delivery, NotPopped> {
        self.lock().pop_front().map(fresh).ok_or(NotPopped::Empty)
    }
}

impl Subject for ArrayQueue<Value> {
    type Producer<'a> = &'a Self;
    type Consumer<'a> = &'a Self;

    fn new(capacity: usize) -> Self {
        ArrayQueue::new(capacity)
    }

    fn producer(&self, _who: u32) -> &Self {
        self
    }

    fn consumer(&self, _who: u32) -> &Self {
        self
    }
}

impl Producer for &ArrayQueue<Value> {
    fn try_push(&mut self, value: Value) -> Result<(), NotPushed> {
        self.push(value).map_err(|_| NotPushed::Full)
    }
}

impl Consumer for &ArrayQueue<Value> {
    fn try_pop(&mut self) -> Result<Delivery, NotPopped> {
        self.pop().map(fresh).ok_or(NotPopped::Empty)
    }
}
