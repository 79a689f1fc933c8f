//! What the documentation of `mpmc` promises of single answers, tried where they are easiest to get wrong: while others
//! come, go and compete.

use rondel::mpmc::{self, Ring};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::{Duration, Instant};

/// How long each of the races is run. That it shows nothing proves nothing; on a busy machine each broken one shows within seconds.
const LONG: Duration = Duration::from_secs(3);

/// `len` is said to be true of some moment: here there are five or six at every moment.
#[test]
fn len_is_true_of_some_moment() {
    let (mut tx, mut rx) = mpmc::pair::<u64>(64).unwrap();
    let mut asker = tx.clone();
    tx.push_slice(&[0; 5]).unwrap();
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|s| {
        s.spawn(|| {
            while !stop.load(Relaxed) {
                tx.push(1).unwrap();
                rx.pop().unwrap();
            }
        });
        let end = Instant::now() + LONG;
        let mut seen = std::collections::BTreeMap::new();
        while Instant::now() < end {
            for _ in 0..1000 {
                *seen.entry(asker.len().unwrap()).or_insert(0u64) += 1;
            }
        }
        stop.store(true, Relaxed);
        seen
    });
    assert!(seen.keys().all(|l| (5..=6).contains(l)), "{seen:?}");
}

/// What one `try_push_slice` pushes is said to be claimed by one step.
#[test]
fn a_pushed_slice_is_not_mixed_with_others() {
    let (tx, mut rx) = mpmc::pair::<[u64; 2]>(8).unwrap();
    let stop = AtomicBool::new(false);
    let (order, mixed) = std::thread::scope(|s| {
        for id in 0..2u64 {
            let mut tx = tx.clone();
            let stop = &stop;
            s.spawn(move || {
                let mut call = 0;
                while !stop.load(Relaxed) {
                    call += 1;
                    let _ = tx.try_push_slice(&[[id, call]; 16]);
                }
            });
        }
        let end = Instant::now() + LONG;
        let (mut last, mut closed, mut n, mut mixed) = ([9, 9], [0u64; 2], 0u64, 0u64);
        while Instant::now() < end {
            for _ in 0..1000 {
                if let Ok(e) = rx.try_pop() {
                    n += 1;
                    if e != last {
                        if last[0] < 2 {
                            closed[last[0] as usize] = last[1];
                        }
                        if closed[e[0] as usize] == e[1] {
                            mixed += 1;
                        }
                    }
                    last = e;
                }
            }
        }
        stop.store(true, Relaxed);
        (n, mixed)
    });
    assert_eq!(mixed, 0, "of {order} elements");
}

/// Closed is said only of a ring that is full.
#[test]
fn closed_only_when_full() {
    let ring = Ring::<u64>::builder().capacity(1).anonymous().unwrap();
    let mut tx = ring.producer().unwrap();
    let end = Instant::now() + LONG;
    let (mut rounds, mut wrong) = (0u64, 0u64);
    while Instant::now() < end {
        let mut rx = ring.consumer().unwrap();
        tx.push(1).unwrap();
        let go = AtomicBool::new(false);
        std::thread::scope(|s| {
            s.spawn(|| {
                while !go.load(Relaxed) {
                    std::hint::spin_loop();
                }
                let _ = rx.pop();
                drop(rx);
            });
            go.store(true, Relaxed);
            loop {
                match tx.try_push(2) {
                    Ok(()) => break,
                    Err(mpmc::TryPushError::Closed(_)) => {
                        if tx.try_push(3).is_ok() {
                            wrong += 1;
                        }
                        break;
                    }
                    Err(_) => {}
                }
            }
        });
        let mut rx = ring.consumer().unwrap();
        while rx.try_pop().is_ok() {}
        rounds += 1;
    }
    assert_eq!(wrong, 0, "of {rounds} rounds");
}

/// What one `try_pop_slice` gives is said to be claimed by one step. The forgotten guard keeps the handle off its fast path.
#[test]
fn a_slice_popped_slowly_has_no_gap() {
    let (mut tx, rx) = mpmc::pair::<u64>(64).unwrap();
    let stop = AtomicBool::new(false);
    let gaps: Vec<_> = std::thread::scope(|s| {
        let hs: Vec<_> = (0..3)
            .map(|_| {
                let mut rx = rx.clone();
                let stop = &stop;
                s.spawn(move || {
                    let mut gaps = Vec::new();
                    let mut e = [0u64; 8];
                    while !stop.load(Relaxed) {
                        let _ = rx.try_pop_guard().map(std::mem::forget);
                        let n = rx.try_pop_slice(&mut e).unwrap_or(0);
                        if n > 1 && e[n - 1] - e[0] != n as u64 - 1 {
                            gaps.push(e[..n].to_vec());
                        }
                    }
                    gaps
                })
            })
            .collect();
        let end = Instant::now() + LONG;
        let mut next = 0u64;
        while Instant::now() < end {
            for _ in 0..1000 {
                if tx.try_push(next).is_ok() {
                    next += 1;
                }
            }
        }
        stop.store(true, Relaxed);
        hs.into_iter().flat_map(|h| h.join().unwrap()).collect()
    });
    assert!(gaps.is_empty(), "{} gaps, e.g. {:?}", gaps.len(), &gaps[0]);
}

/// Runs `body` in a process that ends without dropping anything.
fn dies(body: impl FnOnce()) {
    // SAFETY: the child only uses handles of its own and leaves by `_exit`; the C library takes care of its own locks.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        body();
        // SAFETY: ends the process, without running anything of the program that it is a copy of.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the result, and the pid is that of our child.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
}

/// A consumer that polls, a producer that waits, and a consumer that died with an element.
#[test]
fn a_ring_that_is_polled_goes_on() {
    let ring = Ring::<u64>::builder().capacity(4).anonymous().unwrap();
    let mut tx = ring.producer().unwrap();
    let mut rx = ring.consumer().unwrap();
    tx.push(0).unwrap();
    dies(|| {
        let mut rx = ring.consumer().unwrap();
        std::mem::forget(rx.try_pop_guard());
        std::mem::forget(rx);
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            while !stop.load(Relaxed) {
                let _ = rx.try_pop();
                std::thread::yield_now();
            }
        });
        let r: Vec<_> = (0..16).map(|i| tx.push_timeout(i, Duration::from_secs(2))).take_while(|r| r.is_ok()).collect();
        stop.store(true, Relaxed);
        assert_eq!(r.len(), 16);
    });
}

/// A consumer that always gets something before it has waited for long, and the message of one that died.
#[test]
fn a_trickle_does_not_keep_a_dead_consumers_message_back() {
    let ring = Ring::<u64>::builder().capacity(1024).anonymous().unwrap();
    let mut tx = ring.producer().unwrap();
    let mut rx = ring.consumer().unwrap();
    tx.push(0).unwrap();
    dies(|| {
        let mut rx = ring.consumer().unwrap();
        std::mem::forget(rx.try_pop_guard());
        std::mem::forget(rx);
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            for i in 1.. {
                std::thread::sleep(Duration::from_millis(5));
                if stop.load(Relaxed) || tx.push(i).is_err() {
                    break;
                }
            }
        });
        // Far fewer than bring the ring round to the dead one's slot.
        let found = (0..500).any(|_| rx.pop() == Ok(0) && rx.redelivered());
        stop.store(true, Relaxed);
        assert!(found, "500 messages later it has not been delivered again");
    });
}

/// Words that make a look for the dead long.
#[test]
fn a_hostile_table_does_not_make_recovery_endless() {
    let ring = Ring::<u64>::builder().capacity(1 << 16).anonymous().unwrap();
    let mut all: Vec<_> = (0..64).map(|_| ring.producer().unwrap()).collect();
    let _living = all.pop();
    drop(all);
    let file = std::fs::File::from(ring.try_clone_fd().unwrap());
    // SAFETY: the mapping is of a sealed memfd, which cannot shrink; that others write it is what this test is about.
    let mut map = unsafe { memmap2::MmapOptions::new().map_mut(&file) }.unwrap();
    let mut word = |at: usize, w: u64| map[4096 + at..][..8].copy_from_slice(&w.to_ne_bytes());
    word(128 * 64, 65535);
    for i in 0..64 {
        word(128 * i + 32, 65535);
    }
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tx.send(ring.recover().unwrap()).unwrap();
    });
    // What means "never": see the scribbler.
    rx.recv_timeout(Duration::from_secs(60)).expect("the look for the dead comes to an end");
}
