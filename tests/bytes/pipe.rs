//! The stream beside a pipe and a Unix socket: one and the same code writes and reads all three, with the same calls of the same
//! sizes, and cannot tell the difference.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use rondel::bytes::{Ring, pair};

use crate::plan::{Plan, seed};
use crate::scratch::{A_MOMENT, within};

/// Both ends of a pipe: read, write.
fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    let result = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    let [read, write] = ends.map(|end| {
        // SAFETY: opened above, and nobody else's.
        File::from(unsafe { OwnedFd::from_raw_fd(end) })
    });
    (read, write)
}

/// Carries the plan out in two threads. What was read.
fn pass(plan: &Plan, mut to: impl Write + Send, mut from: impl BufRead + Send) -> Vec<Result<Vec<u8>, ErrorKind>> {
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            plan.write(&mut to).expect("somebody reads");
            // Closed here.
        });
        let read = plan.read(&mut from);
        writer.join().expect("no panic");
        read
    })
}

/// Rings much smaller than one write up to larger than the stream.
#[test]
fn random_sizes_give_what_a_pipe_gives() {
    let first = seed();
    println!("seed {first}");
    for (number, capacity) in
        [16, 17, 64, 200, 1000, 4096, 10_000, 65_536, 1 << 20].into_iter().cycle().take(36).enumerate()
    {
        let seed = first.wrapping_add(number as u64);
        // So that small rings do not take for ever, and still go round often.
        let (len, most) = ((capacity * 300).min(200_000), (capacity * 4).min(30_000));
        let plan = Plan::new(seed, len, most);
        within(&format!("the stream of seed {} in a ring of {capacity}", plan.seed), || {
            let (tx, rx) = if number % 2 == 0 {
                pair(capacity).expect("a ring")
            } else {
                let ring = Ring::builder().capacity(capacity).largest(capacity / 3).anonymous().expect("a ring");
                (ring.producer().expect("free"), ring.consumer().expect("free"))
            };
            let through_ring = pass(&plan, tx, rx);
            let (from, to) = pipe();
            let through_pipe = pass(&plan, to, BufReader::new(from));
            let (from, to) = UnixStream::pair().expect("two sockets");
            let through_socket = pass(&plan, to, BufReader::new(from));
            // Not by `assert_eq`, whose message would be megabytes.
            assert!(through_pipe == through_socket, "pipe and socket differ: the test is wrong; seed {seed}");
            let differs = (0..).zip(&through_ring).zip(&through_pipe).find(|((_, ring), pipe)| ring != pipe);
            assert!(differs.is_none(), "reading {:?} differs; seed {seed}", differs.map(|((index, _), _)| index));
            let all: Vec<u8> = through_ring.into_iter().flatten().flatten().collect();
            // A `read_exact` beyond the end fails, and what it read before is lost, in a pipe, too.
            assert!(plan.bytes.starts_with(&all), "other bytes; seed {seed}");
        });
    }
}

/// The reader leaves after some bytes; what a writer that does not stop is told.
fn broken(mut to: impl Write + Send, mut from: impl Read + Send) -> ErrorKind {
    let bytes = [1; 1000];
    thread::scope(|scope| {
        scope.spawn(move || from.read_exact(&mut [0; 5000]).expect("written"));
        loop {
            if let Err(error) = to.write_all(&bytes) {
                break error.kind();
            }
        }
    })
}

#[test]
fn a_reader_that_leaves_breaks_the_pipe() {
    within("a writer whose reader has left", || {
        let (tx, rx) = pair(3000).expect("a ring");
        assert_eq!(broken(tx, rx), ErrorKind::BrokenPipe);
        let (from, to) = pipe();
        assert_eq!(broken(to, from), ErrorKind::BrokenPipe);
    });
}

/// The same for a writer that waits at that moment.
#[test]
fn a_reader_that_leaves_wakes_a_writer() {
    fn broken(mut to: impl Write + Send, from: impl Send) -> ErrorKind {
        thread::scope(|scope| {
            let writer = scope.spawn(move || to.write_all(&vec![0; 1 << 20]).expect_err("nobody reads").kind());
            thread::sleep(A_MOMENT);
            drop(from);
            writer.join().expect("no panic")
        })
    }
    within("a writer that waits", || {
        let (tx, rx) = pair(3000).expect("a ring");
        assert_eq!(broken(tx, rx), ErrorKind::BrokenPipe);
        let (from, to) = pipe();
        assert_eq!(broken(to, from), ErrorKind::BrokenPipe);
    });
}

/// And a reader that waits is told the end.
#[test]
fn a_writer_that_leaves_wakes_a_reader() {
    fn end(to: impl Send, mut from: impl Read + Send) -> usize {
        thread::scope(|scope| {
            let reader = scope.spawn(move || from.read(&mut [0; 10]).expect("the end"));
            thread::sleep(A_MOMENT);
            drop(to);
            reader.join().expect("no panic")
        })
    }
    within("a reader that waits", || {
        let (tx, rx) = pair(3000).expect("a ring");
        assert_eq!(end(tx, rx), 0);
        let (from, to) = pipe();
        assert_eq!(end(to, from), 0);
    });
}
