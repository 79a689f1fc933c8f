//! What the tests share: places, messages, a ledger outside the ring, time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use memmap2::{MmapOptions, MmapRaw};
use rondel::Wait;

use crate::leftovers;

pub(crate) use crate::place::attach;

/// A message that tells its place in the sequence, and whether it is whole.
pub(crate) type Message = [u64; 2];

pub(crate) fn message(number: u64) -> Message {
    [number, !number.wrapping_mul(0x9e37_79b9_7f4a_7c15)]
}

/// A directory of its own in memory, deleted at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new("/dev/shm").join(leftovers::of_this_process(&format!("rondel-processes-{test}")));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let file = File::create_new(ledger_path(&self.0)).expect("a new file");
        file.set_len(4096).expect("room");
        Ledger::open(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a test's ring is.
pub(crate) fn ring_path(directory: &Path) -> PathBuf {
    directory.join("ring")
}

fn ledger_path(directory: &Path) -> PathBuf {
    directory.join("ledger")
}

/// Words that processes share beside the ring, and that outlive them.
pub(crate) struct Ledger(MmapRaw);

impl Ledger {
    pub(crate) fn open(directory: &Path) -> Self {
        let file = File::options().read(true).write(true).open(ledger_path(directory));
        Self(MmapOptions::new().len(4096).map_raw(&file.expect("the ledger")).expect("maps"))
    }

    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < 512);
        let word = self.0.as_mut_ptr().cast::<u64>().wrapping_add(index);
        // SAFETY: inside the page that is mapped for as long as `self` lives, aligned, and only ever used as an atomic.
        unsafe { AtomicU64::from_ptr(word) }
    }
}

/// All strategies, and their names for the command line.
pub(crate) const STRATEGIES: [(&str, Wait); 3] = [
    ("busy-spin", Wait::BusySpin),
    ("spin-then-park", Wait::SpinThenPark { spin: Wait::DEFAULT_SPIN }),
    ("park", Wait::Park),
];

pub(crate) fn strategy(name: &str) -> Wait {
    let (_, wait) = STRATEGIES.iter().find(|(known, _)| *known == name).expect("a strategy");
    *wait
}

/// Ends this process if the work takes longer than `limit`: a hang must not hang the run. Not a measurement.
pub(crate) fn within<T>(limit: Duration, what: &str, work: impl FnOnce() -> T) -> T {
    let (done, wait) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // An error of the other kind means that the work is done, or has panicked.
            if wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("after {limit:?} still: {what}");
                leftovers::delete_own();
                process::abort();
            }
        });
        let _done = done;
        work()
    })
}

/// Waits until something is so; panics after a time that means a stuck test.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Marsaglia's xorshift: random moments need no better, and a printed seed repeats a run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A seed of the moment, told.
    pub(crate) fn seeded(test: &str) -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        let seed = u64::from(since.subsec_nanos());
        println!("{test}: seed {seed}");
        Self::new(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
