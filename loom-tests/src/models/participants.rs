//! The two participants as the library's handles are: what they do around each step of the protocol.

use loom::sync::Arc;

use super::pair::{Until, close};
use crate::memory::{self, Handle, Shared};
use crate::protocol::event;
use crate::protocol::spsc::{Advanced, Consumer, Producer};

pub(super) struct Tx<const K: usize> {
    pub(super) half: Producer<Handle<K>>,
    attachments: u64,
    shared: Arc<Shared<K>>,
}

pub(super) struct Rx<const K: usize> {
    pub(super) half: Consumer<Handle<K>>,
    attachments: u64,
    shared: Arc<Shared<K>>,
}

/// Both ends of a ring.
pub(super) fn ends<const K: usize>(shared: &Arc<Shared<K>>) -> (Tx<K>, Rx<K>) {
    (Tx::attach(shared), Rx::attach(shared))
}

impl<const K: usize> Tx<K> {
    pub(super) fn attach(shared: &Arc<Shared<K>>) -> Self {
        let (half, attachments) = memory::producer(shared);
        Tx { half, attachments, shared: Arc::clone(shared) }
    }

    pub(super) fn try_push(&mut self, element: u64) -> bool {
        let pushed = self.half.try_push(element).expect("sound words");
        if pushed && event::someone_sleeps(&self.shared.data, &self.shared.data_futex) {
            event::wake(&self.shared.data, &self.shared.data_futex);
        }
        pushed
    }

    /// Pushes, sleeping while the ring is full. False if the consumer has closed.
    pub(super) fn push(&mut self, element: u64) -> bool {
        while !self.try_push(element) {
            let shared = Arc::clone(&self.shared);
            let half = &mut self.half;
            let mut sleeper = Until {
                word: &shared.space,
                peer: &shared.consumer_role,
                reached: |cheap| match cheap {
                    true => !half.is_full().expect("sound words"),
                    false => half.see_consumed().expect("sound words"),
                },
            };
            if !event::park(&mut sleeper, &shared.space_futex) {
                return false;
            }
        }
        true
    }

    /// Sleeps until the consumer has consumed everything. False if it has closed before.
    pub(super) fn wait_until_empty(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let half = &mut self.half;
        let mut sleeper = Until {
            word: &shared.space,
            peer: &shared.consumer_role,
            reached: |_| half.len().expect("sound words") == 0,
        };
        event::park(&mut sleeper, &shared.space_futex)
    }

    pub(super) fn close(self) {
        close(&self.shared.producer_role, self.attachments, &self.shared.data, &self.shared.data_futex);
    }
}

impl<const K: usize> Rx<K> {
    pub(super) fn attach(shared: &Arc<Shared<K>>) -> Self {
        let (half, attachments) = memory::consumer(shared);
        Rx { half, attachments, shared: Arc::clone(shared) }
    }

    pub(super) fn try_pop(&mut self) -> Option<u64> {
        let element = self.half.peek().expect("sound words")?;
        let advanced = self.half.advance();
        self.notify(advanced);
        Some(element)
    }

    pub(super) fn notify(&mut self, advanced: Advanced) {
        let Shared { space, space_futex, .. } = &*self.shared;
        if advanced != Advanced::Within
            && event::someone_sleeps(space, space_futex)
            && (advanced == Advanced::Released || self.half.is_empty().expect("sound words"))
        {
            event::wake(space, space_futex);
        }
    }

    /// Pops, sleeping while the ring is empty. `None` if it is drained and the producer has closed.
    pub(super) fn pop(&mut self) -> Option<u64> {
        loop {
            if let Some(element) = self.try_pop() {
                return Some(element);
            }
            let shared = Arc::clone(&self.shared);
            let half = &mut self.half;
            let mut sleeper = Until {
                word: &shared.data,
                peer: &shared.producer_role,
                reached: |_| !half.is_empty().expect("sound words"),
            };
            if !event::park(&mut sleeper, &shared.data_futex) {
                return None;
            }
        }
    }

    pub(super) fn close(mut self) {
        self.half.release();
        close(&self.shared.consumer_role, self.attachments, &self.shared.space, &self.shared.space_futex);
    }
}
