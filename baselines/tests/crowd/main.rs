//! Transports between many: they deliver, what they do not deliver is noticed, and whatever happens nothing is left.

#[path = "../common/mod.rs"]
mod common;
mod delivery;
mod failures;
mod faulty;
mod pipe;
mod wrong;

use common::{alone, assert_childless, open_descriptors};
use std::time::{Duration, Instant};

/// Does something that must leave no descriptor, no thread and no child, whatever comes of it.
fn leaving_nothing<R>(what: impl FnOnce() -> R) -> R {
    let _alone = alone();
    let before = open_descriptors();
    let result = what();
    assert_eq!(open_descriptors(), before, "descriptors are left open");
    assert_childless();
    assert_threadless();
    result
}

/// The parts that are threads of this process have their names from `gather`; the test harness's have others.
fn assert_threadless() {
    let parts = || {
        let threads = std::fs::read_dir("/proc/self/task").expect("a list of threads").flatten();
        let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        names.filter(|name| name.starts_with("producer") || name.starts_with("consumer")).collect::<Vec<_>>()
    };
    // A thread that has been waited for may still be in the list for a moment.
    let begin = Instant::now();
    while !parts().is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(10), "left: {:?}", parts());
        std::thread::sleep(Duration::from_millis(1));
    }
}
