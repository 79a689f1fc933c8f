//! What is killed: a producer and a consumer that note what they do before and after each operation.

use std::collections::HashMap;
use std::hint::spin_loop;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use rondel::mpmc::{Consumer, PopTimeoutError, Producer, PushTimeoutError, Ring};
use rondel::{SegmentError, Wait};

use super::account::{Account, BATCH, Doing, QUOTA, Word};
use crate::place::{by, said};
use crate::scratch::{Message, Random, STRATEGIES};

/// How long a call may wait before it comes back to note that there was nothing.
const LIMIT: Duration = Duration::from_secs(2);

/// Attaches, as soon as there is a place: those of dead consumers may be reserved for consumers, or wait to be settled.
fn attach<H>(attach: impl Fn() -> Result<H, SegmentError>) -> H {
    loop {
        match attach() {
            Ok(handle) => return handle,
            Err(SegmentError::TableFull { .. }) => thread::sleep(Duration::from_millis(1)),
            Err(other) => panic!("{other}"),
        }
    }
}

fn strategy(random: &mut Random) -> Wait {
    STRATEGIES[random.below(STRATEGIES.len() as u64) as usize].1
}

/// Pushes its quota, and closes.
pub(super) fn produce(ring: &Ring<Message>, account: &Account, life: u64, mut random: Random) {
    let mut tx: Producer<Message> = attach(|| ring.producer());
    tx.set_wait(strategy(&mut random));
    let mut done = 0;
    while done < QUOTA {
        let len = if random.below(3) > 0 { 1 } else { 1 + random.below(BATCH.min(QUOTA - done)) };
        account.note(life, Word::Begun, done + len);
        if len == 1 {
            match tx.push_timeout(said(life, done), LIMIT) {
                Ok(()) => done += 1,
                Err(PushTimeoutError::Timeout(_)) => {}
                Err(other) => panic!("{other}"),
            }
        } else {
            let batch: Vec<Message> = (done..done + len).map(|number| said(life, number)).collect();
            match tx.push_slice_timeout(&batch, LIMIT) {
                Ok(()) => done += len,
                Err(error) if error.cause == PushTimeoutError::Timeout(()) => done += error.pushed as u64,
                Err(other) => panic!("{other}"),
            }
        }
        account.note(life, Word::Done, done);
        account.note(life, Word::Begun, done);
        account.note(life, Word::Steps, done);
    }
}

/// What a consumer knows of each producer: the last that it was given of its messages, but for redelivered ones.
struct Order(HashMap<u64, u64>);

impl Order {
    fn check(&mut self, found: Message, redelivered: bool) -> (u64, u64) {
        let (author, number) = by(found);
        if !redelivered {
            if let Some(before) = self.0.insert(author, number) {
                assert!(before < number, "{number} of {author} after {before}");
            }
        }
        (author, number)
    }
}

/// Pops until it is killed, or, now and then, closes.
pub(super) fn consume(ring: &Ring<Message>, account: &Account, life: u64, mut random: Random) {
    let mut rx: Consumer<Message> = attach(|| ring.consumer());
    rx.set_wait(strategy(&mut random));
    let mut order = Order(HashMap::new());
    let mut batch = [[0; 2]; BATCH as usize];
    let quota = 1 + random.below(QUOTA);
    let mut given = 0;
    while given < quota {
        let manner = random.below(3);
        let most = if manner == 1 { 1 + random.below(BATCH) } else { 1 };
        account.note(life, Word::Begun, most);
        account.note(life, Word::Doing, Doing::Popping as u64);
        let popped = match manner {
            0 => rx.pop_timeout(LIMIT).map(|found| {
                batch[0] = found;
                1
            }),
            1 => rx.pop_slice_timeout(&mut batch[..most as usize], LIMIT),
            _ => rx.pop_guard_timeout(LIMIT).map(|guard| {
                account.note(life, Word::Held, guard[0]);
                account.note(life, Word::Doing, Doing::Holding as u64);
                // The processing.
                (0..random.below(1_000)).for_each(|_| spin_loop());
                if random.below(50) == 0 {
                    thread::sleep(Duration::from_micros(300));
                }
                batch[0] = *guard;
                // From here on it may have been let go of.
                account.note(life, Word::Doing, Doing::Popping as u64);
                1
            }),
        };
        match popped {
            Ok(count) => {
                let redelivered = rx.redelivered();
                assert!(count > 0 && !(redelivered && count > 1), "what is redelivered comes alone");
                for (index, found) in (0..).zip(&batch[..count]) {
                    account.listed(life, index).store(found[0], SeqCst);
                }
                account.note(life, Word::Returned, count as u64);
                account.note(life, Word::Entered, 0);
                account.note(life, Word::Again, u64::from(redelivered));
                account.note(life, Word::Doing, Doing::Entering as u64);
                for (index, found) in (0..).zip(&batch[..count]) {
                    let (author, number) = order.check(*found, redelivered);
                    assert!(number < account.read(author, Word::Begun), "{number} of {author}: from nowhere");
                    account.delivered(author, number, redelivered);
                    account.note(life, Word::Entered, index + 1);
                }
                given += count as u64;
            }
            Err(PopTimeoutError::Timeout) => {}
            Err(other) => panic!("{other}"),
        }
        account.note(life, Word::Doing, Doing::Nothing as u64);
        account.note(life, Word::Steps, given);
    }
}
