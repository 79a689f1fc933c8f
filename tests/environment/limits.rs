//! Limits of a process, reached at every step: each a typed error, nothing leaked, and all is well when the limit is raised.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rondel::SegmentError;
use rondel::spsc::Ring;

use crate::apart::pass_over;
use crate::child::{Task, launch};
use crate::circumstances::succeeded;
use crate::rings::{KINDS, Kind};
use crate::scratch::{Directory, Message, ring_path};

fn in_a_process_of_its_own(task: &str) {
    let directory = Directory::new(task);
    launch(crate::child::command(task, directory.path(), &[])).succeed();
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0, "left behind");
}

type Resource = libc::__rlimit_resource_t;

/// Changes a soft limit for as long as it lives.
struct Lowered(Resource, libc::rlimit);

impl Lowered {
    fn to(resource: Resource, value: u64) -> Lowered {
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `before` is alive.
        succeeded(unsafe { libc::getrlimit(resource, &raw mut before) });
        let limit = libc::rlimit { rlim_cur: value.min(before.rlim_max), ..before };
        // SAFETY: `limit` is alive.
        succeeded(unsafe { libc::setrlimit(resource, &raw const limit) });
        Lowered(resource, before)
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        // SAFETY: the limit is alive; it is what was there before.
        succeeded(unsafe { libc::setrlimit(self.0, &raw const self.1) });
    }
}

/// What this process has: descriptors, mappings of segments, and private pages of handles, which the kernel wipes in a forked child.
#[derive(Debug, PartialEq)]
struct Holdings {
    descriptors: usize,
    segments: usize,
    wiped_kib: u64,
}

impl Holdings {
    fn now(directory: &Path) -> Holdings {
        let device = fs::metadata(directory).expect("the directory").dev();
        let device = format!("{:02x}:{:02x}", libc::major(device), libc::minor(device));
        let descriptors = fs::read_dir("/proc/self/fd").expect("readable").count();
        let smaps = fs::read_to_string("/proc/self/smaps").expect("readable");
        // ADDRESSES PERMISSIONS OFFSET DEVICE INODE [PATH], or FIELD: WORDS
        let maps_segment = |line: &&str| {
            let mut words = line.split_whitespace();
            let is_shared = words.nth(1).is_some_and(|permissions| permissions == "rw-s");
            is_shared && (words.nth(1) == Some(&device) || line.contains("memfd:rondel"))
        };
        let (mut kib, mut wiped_kib) = (0, 0);
        for line in smaps.lines() {
            if let Some(size) = line.strip_prefix("Size:") {
                kib = size.trim().trim_end_matches(" kB").parse().expect("a number");
            }
            if line.strip_prefix("VmFlags:").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "wf")) {
                wiped_kib += kib;
            }
        }
        Holdings { descriptors, segments: smaps.lines().filter(maps_segment).count(), wiped_kib }
    }
}

type Operation = fn(Kind, &Path) -> Result<(), SegmentError>;

/// The operations that need anything, on a ring that is there.
const OPERATIONS: [(&str, Operation); 9] = [
    ("create", |kind, path| {
        let ring = kind.create(&path.with_extension("new"))?;
        fs::remove_file(path.with_extension("new")).expect("created");
        drop(ring);
        Ok(())
    }),
    ("anonymous", |kind, _| kind.anonymous().map(drop)),
    ("attach", |kind, path| kind.attach(path).map(drop)),
    ("create_or_attach", |kind, path| kind.create_or_attach(path).map(drop)),
    ("producer", |kind, path| kind.attach(path)?.producer().map(drop)),
    ("consumer", |kind, path| kind.attach(path)?.consumer().map(drop)),
    ("both", |kind, path| {
        let ring = kind.attach(path)?;
        let both = (ring.producer()?, ring.consumer()?);
        drop(both);
        Ok(())
    }),
    ("a clone of a handle", |kind, path| {
        if kind != Kind::Mpmc {
            return Ok(());
        }
        let ring = rondel::mpmc::Ring::<Message>::attach(path)?;
        let producer = ring.producer()?;
        producer.try_clone().map(drop)
    }),
    ("unlink", |kind, path| {
        let other = path.with_extension("other");
        let ring = kind.create(&other)?;
        let result = ring.unlink();
        // What a limit has kept from being deleted is deleted here.
        if result.is_err() {
            fs::remove_file(&other).expect("still there");
        }
        result
    }),
];

#[test]
fn without_descriptors() {
    in_a_process_of_its_own("no-descriptors");
}

/// Each operation is allowed one descriptor more, until it succeeds.
pub(crate) fn child_descriptors(task: &Task) {
    let path = ring_path(&task.path);
    for kind in KINDS {
        let ring = kind.create(&path).expect("a ring");
        // What a process makes once is made.
        OPERATIONS
            .iter()
            .for_each(|(what, operation)| operation(kind, &path).unwrap_or_else(|e| panic!("{what}: {e}")));
        for (what, operation) in OPERATIONS {
            let before = Holdings::now(&task.path);
            // The numbers below are all in use.
            let first = File::open("/dev/null").expect("a file").as_raw_fd() as u64;
            let mut failures = 0;
            loop {
                let lowered = Lowered::to(libc::RLIMIT_NOFILE, first + failures);
                let result = operation(kind, &path);
                drop(lowered);
                assert_eq!(Holdings::now(&task.path), before, "{kind:?}, {what}: leaked with {failures} descriptors");
                match result {
                    Ok(()) => break,
                    Err(SegmentError::DescriptorLimit { source, .. }) => {
                        assert_eq!(source.raw_os_error(), Some(libc::EMFILE));
                    }
                    Err(other) => panic!("{kind:?}, {what}: {other:?}"),
                }
                failures += 1;
            }
            let needs_one = what != "a clone of a handle" || kind == Kind::Mpmc;
            assert!(!needs_one || failures > 0, "{kind:?}, {what}: the limit had no effect");
        }
        ring.unlink().expect("ours");
    }
}

#[test]
fn without_address_space() {
    in_a_process_of_its_own("no-address-space");
}

/// The size of this process's address space, in bytes.
fn address_space() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("readable");
    statm.split(' ').next().expect("a number").parse::<u64>().expect("a number") * 4096
}

/// A ring of some size, which the allocator's own needs stay far below.
pub(crate) fn child_address_space(task: &Task) {
    const BYTES: usize = 64 << 20;
    let path = ring_path(&task.path);
    let builder = Ring::<Message>::builder().capacity(BYTES / size_of::<Message>());
    let is_it = |result: Result<Ring<Message>, SegmentError>| match result.map(drop) {
        Err(ref error @ SegmentError::AddressSpace { bytes, limit, ref source, .. }) => {
            assert!(bytes > BYTES as u64 && limit < u64::MAX);
            assert_eq!(source.raw_os_error(), Some(libc::ENOMEM));
            assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
        }
        other => panic!("{other:?}"),
    };
    builder.create(&path).map(drop).expect("no limit yet");
    let before = Holdings::now(&task.path);
    let lowered = Lowered::to(libc::RLIMIT_AS, address_space() + (BYTES as u64) / 2);
    is_it(builder.attach(&path));
    is_it(builder.create(task.path.join("second")));
    is_it(builder.anonymous());
    drop(lowered);
    assert_eq!(Holdings::now(&task.path), before);
    assert!(!task.path.join("second").exists(), "left behind");
    let ring = builder.attach(&path).expect("raised");
    ring.producer().map(drop).expect("free");
    ring.unlink().expect("ours");
}

#[test]
fn without_mappings() {
    in_a_process_of_its_own("no-mappings");
}

/// How many mappings a test makes at most.
const MOST_MAPPINGS: u64 = 100_000;

/// The number of mappings is limited, too. All are used up, then given back one by one, until everything works.
pub(crate) fn child_mappings(task: &Task) {
    let most = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default().trim().parse().unwrap_or(u64::MAX);
    if most > MOST_MAPPINGS {
        return pass_over("vm.max_map_count", &format!("{most} mappings are too many for a test"));
    }
    let path = ring_path(&task.path);
    for kind in KINDS {
        let ring = kind.create(&path).expect("a ring");
        OPERATIONS
            .iter()
            .for_each(|(what, operation)| operation(kind, &path).unwrap_or_else(|e| panic!("{what}: {e}")));
        let before = Holdings::now(&task.path);
        let mut failures = 0;
        let region = Splintered::new(most);
        for (what, operation) in OPERATIONS {
            for spared in 0.. {
                region.leave(spared);
                let result = operation(kind, &path);
                region.leave(PLUGS);
                match result {
                    Ok(()) => break,
                    Err(SegmentError::AddressSpace { source, .. }) => {
                        assert_eq!(source.raw_os_error(), Some(libc::ENOMEM));
                        failures += 1;
                    }
                    Err(other) => panic!("{kind:?}, {what}, {spared} to spare: {other:?}"),
                }
            }
        }
        drop(region);
        assert!(failures >= 8, "{kind:?}: only {failures} times: the limit had no effect");
        assert_eq!(Holdings::now(&task.path), before, "{kind:?}: leaked");
        ring.unlink().expect("ours");
    }
}

/// A region whose pages differ in their protection by turns, so that each is a mapping of its own, and pages that plug what is left.
struct Splintered {
    start: *mut libc::c_void,
    pages: usize,
    plugs: std::cell::RefCell<Vec<*mut libc::c_void>>,
}

const PAGE: usize = 4096;
/// More than any operation needs.
const PLUGS: usize = 64;

impl Splintered {
    /// Leaves no mapping to anybody.
    fn new(most: u64) -> Splintered {
        let pages = 2 * most as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever the kernel puts it.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), pages * PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        let this = Splintered { start, pages, plugs: Vec::with_capacity(2 * PLUGS).into() };
        let splintered = (0..pages / 2).take_while(|&index| this.protect(index, libc::PROT_READ)).count();
        // Each of these makes or unmakes two mappings. A plug is one.
        (splintered - PLUGS / 2..splintered).for_each(|index| assert!(this.protect(index, libc::PROT_NONE)));
        this.leave(0);
        this
    }

    /// Changes the protection of every second page; `false` where that makes too many mappings.
    fn protect(&self, index: usize, protection: libc::c_int) -> bool {
        let page = self.start.wrapping_byte_add(2 * index * PAGE);
        // SAFETY: a page of the region, which nobody uses.
        unsafe { libc::mprotect(page, PAGE, protection) == 0 }
    }

    /// Leaves the process exactly so many mappings.
    fn leave(&self, spared: usize) {
        let mut plugs = self.plugs.borrow_mut();
        // Shared ones: those are never made one with a neighbour.
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        loop {
            // SAFETY: a new mapping, wherever the kernel puts it.
            let plug = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_NONE, flags, -1, 0) };
            if plug == libc::MAP_FAILED {
                break;
            }
            assert!(plugs.len() < 2 * PLUGS, "there is no end to it");
            plugs.push(plug);
        }
        for plug in plugs.drain(..spared) {
            // SAFETY: a page of ours, which nobody uses.
            unsafe { libc::munmap(plug, PAGE) };
        }
    }
}

impl Drop for Splintered {
    fn drop(&mut self) {
        for plug in self.plugs.get_mut().drain(..) {
            // SAFETY: a page of ours, which nobody uses.
            unsafe { libc::munmap(plug, PAGE) };
        }
        // SAFETY: the region is ours, and nobody uses it.
        unsafe { libc::munmap(self.start, self.pages * PAGE) };
    }
}
