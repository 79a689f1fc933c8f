//! Where a message at the ring's end goes: into a slack behind the ring, or into a second mapping of its beginning.
//!
//! Not a benchmark of the library, but the comparison on which its layout rests (`docs/decisions/0006-messages.md`): the protocol of `bytes`
//! reduced to its bones, twice, alike but for the mapping and for the step from the end to the beginning. Two threads on two cores;
//! each word of each message is made in place and checked in place; turns alternate. Prints the median and the quartiles of a message's time.
//!
//! ```text
//! cargo bench --bench mapping
//! ```

#[allow(dead_code, reason = "this one needs no more than pinned threads")]
mod common;

use std::fs::File;
use std::hint::spin_loop;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::pin;

/// Bytes of the ring, and of the page that it begins with: what `released` lies in.
const RING: u64 = 256 << 10;
const PAGE: u64 = 4096;
/// How far `released` may lag.
const LAG: u64 = 16 << 10;
/// Runs of each kind; each passes about so many bytes.
const TURNS: usize = 15;
const BYTES_A_TURN: u64 = 256 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Slack,
    Doubled,
}

/// The ring, mapped; never unmapped, for the program is short.
#[derive(Clone, Copy)]
struct Memory {
    base: NonNull<u8>,
}

// SAFETY: shared memory belongs to no thread; the words are atomics, and of the bytes the protocol says whose they are.
unsafe impl Send for Memory {}

fn map(at: *mut libc::c_void, len: u64, file: &File, offset: u64, fixed: libc::c_int) -> io::Result<NonNull<u8>> {
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE | fixed;
    let (len, offset) = (len as usize, offset as libc::off_t);
    // SAFETY: where `fixed` says so, the range at `at` was reserved by this program for this; else the kernel chooses.
    let place = unsafe { libc::mmap(at, len, libc::PROT_READ | libc::PROT_WRITE, flags, file.as_raw_fd(), offset) };
    match NonNull::new(place.cast::<u8>()) {
        Some(bytes) if place != libc::MAP_FAILED => Ok(bytes),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Memory {
    fn new(end: End) -> io::Result<Memory> {
        // SAFETY: the name is a C string; the call makes a descriptor and touches nothing else.
        let fd = unsafe { libc::memfd_create(c"mapping".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and nobody else's.
        let file = unsafe { File::from_raw_fd(fd) };
        let len = PAGE + if end == End::Slack { 2 * RING } else { RING };
        file.set_len(len)?;
        let base = map(null_mut(), PAGE + 2 * RING, &file, 0, 0)?;
        if end == End::Doubled {
            // The second half of the mapping lay beyond the file; now it is the ring once more.
            let behind = base.as_ptr().wrapping_add((PAGE + RING) as usize);
            map(behind.cast(), RING, &file, PAGE, libc::MAP_FIXED)?;
        }
        Ok(Memory { base })
    }

    fn bytes(&self, offset: u64) -> NonNull<u8> {
        // SAFETY: offsets are below the ring's length, or by at most a message above: twice the ring is mapped.
        unsafe { self.base.add((PAGE + offset) as usize) }
    }

    fn word(&self, offset: u64) -> &AtomicU64 {
        // SAFETY: mapped, at a multiple of 8 of a page.
        unsafe { self.bytes(offset).cast().as_ref() }
    }

    fn released(&self) -> &AtomicU64 {
        // SAFETY: mapped, at the page's beginning.
        unsafe { self.base.cast().as_ref() }
    }

    /// The words of a message at an offset, as atomics: this program measures, and proves nothing of plain slices.
    fn words(&self, offset: u64, len: u64) -> &[AtomicU64] {
        // SAFETY: as `word`, for as many as the message has.
        unsafe { std::slice::from_raw_parts(self.bytes(offset).cast().as_ptr(), (len / 8) as usize) }
    }
}

/// The position and the offset behind a record.
fn step(end: End, position: u64, offset: u64, len: u64) -> (u64, u64) {
    let behind = offset + 8 + len;
    match end {
        _ if behind < RING => (position + 8 + len, behind),
        End::Doubled => (position + 8 + len, behind - RING),
        End::Slack => (position + RING - offset, 0),
    }
}

fn produce(memory: Memory, end: End, len: u64, count: u64) {
    let (mut position, mut offset, mut limit) = (0, 0, RING);
    for number in 0..count {
        let next = step(end, position, offset, len);
        while next.0 + 8 > limit {
            limit = memory.released().load(Ordering::Acquire) + RING;
            spin_loop();
        }
        for (word, value) in memory.words(offset + 8, len).iter().zip(number..) {
            word.store(value, Ordering::Relaxed);
        }
        memory.word(next.1).store(0, Ordering::Relaxed);
        memory.word(offset).store(1 << 63 | len, Ordering::Release);
        (position, offset) = next;
    }
}

fn consume(memory: Memory, end: End, count: u64) -> Duration {
    let (mut position, mut offset, mut released) = (0, 0, 0);
    let mut start = Instant::now();
    for number in 0..count {
        let len = loop {
            match memory.word(offset).load(Ordering::Acquire) {
                0 if released != position => {
                    released = position;
                    memory.released().store(position, Ordering::Release);
                }
                0 => spin_loop(),
                word => break word & !(1 << 63),
            }
        };
        let good = memory
            .words(offset + 8, len)
            .iter()
            .zip(number..)
            .all(|(word, value)| word.load(Ordering::Relaxed) == value);
        assert!(good, "message {number} is torn");
        (position, offset) = step(end, position, offset, len);
        if position - released >= LAG {
            released = position;
            memory.released().store(position, Ordering::Release);
        }
        if number == count / 10 {
            start = Instant::now();
        }
    }
    start.elapsed()
}

/// Nanoseconds a message.
fn turn(end: End, len: u64) -> io::Result<f64> {
    let memory = Memory::new(end)?;
    let count = (BYTES_A_TURN / (len + 8)).min(2_000_000);
    let producer = thread::spawn(move || {
        pin(1);
        produce(memory, end, len, count);
    });
    pin(0);
    let time = consume(memory, end, count);
    producer.join().map_err(|_| io::Error::other("the producer panicked"))?;
    Ok(time.as_secs_f64() * 1e9 / (count - count / 10) as f64)
}

fn main() -> io::Result<()> {
    println!("ns a message: median (quartiles) of {TURNS} alternating turns, ring of {RING} bytes\n");
    println!("{:>10}  {:>26}  {:>26}", "bytes", "slack", "doubled mapping");
    for len in [64, 1024, 65_536, 100_000] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            for (end, times) in [End::Slack, End::Doubled].into_iter().zip(&mut times) {
                times.push(turn(end, len)?);
            }
        }
        let told = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            let at = |quarter: usize| times.get(quarter * (TURNS - 1) / 4).copied().unwrap_or(f64::NAN);
            format!("{:.1} ({:.1}–{:.1})", at(2), at(1), at(3))
        });
        println!("{len:>10}  {:>26}  {:>26}", told[0], told[1]);
    }
    Ok(())
}
