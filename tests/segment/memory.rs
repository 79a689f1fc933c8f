//! Memory: a full file system, locked pages, huge pages, pages mapped in advance.

use std::fs;
use std::path::Path;

use memmap2::{MmapOptions, MmapRaw};
use rondel::SegmentError;
use rondel::segment::{HugePages, Place};
use rondel::spsc::Ring;

use crate::child::{Running, command, mount_tmpfs, unshare};
use crate::common::{Directory, assert_error, builder, inode, names_in};

/// Runs a task in namespaces of its own, on an empty directory to mount on. Says so where it
/// cannot.
fn run_apart(task: &str, directory: &Directory) {
    let mut command = command(task, directory.path());
    match unshare(&mut command) {
        Ok(()) => Running::start(command).succeed(),
        Err(reason) => println!("skipped: {reason}"),
    }
}

#[test]
fn a_full_file_system_is_an_error_and_no_sigbus() {
    run_apart("full-tmpfs", &Directory::new("full"));
}

pub(crate) fn child_full_tmpfs(directory: &Path) {
    mount_tmpfs(directory, "size=256k").expect("mounts");
    let path = directory.join("ring");
    // Sparse, this would succeed, and the stores would be killed.
    let too_large = || builder().capacity(100_000);
    assert_error!(
        too_large().create(&path),
        SegmentError::NoSpace { place, requested_bytes: 800_000.. } if place == Place::from(&path)
    );
    assert_error!(too_large().create_or_attach(&path), SegmentError::NoSpace { .. });
    assert_eq!(names_in(directory), [""; 0], "nothing is left behind");

    let ring = builder().capacity(10_000).create(&path).expect("fits");
    let filler = fill(directory);
    assert_error!(builder().capacity(1).create(directory.join("other")), SegmentError::NoSpace { .. });
    assert_eq!(names_in(directory), ["filler", "ring"]);

    // Every byte of what was created while there was room can be written.
    let map = map_of(&ring);
    for offset in (4096..map.len()).step_by(512) {
        // SAFETY: inside the mapping; nobody else uses it.
        unsafe { map.as_mut_ptr().wrapping_add(offset).write_volatile(0xff) };
    }
    fs::remove_file(filler).expect("ours");
    builder().create(directory.join("other")).map(drop).expect("room again");
}

/// Fills a file system to its last byte.
fn fill(directory: &Path) -> std::path::PathBuf {
    use std::io::Write;
    let path = directory.join("filler");
    let mut file = fs::File::create(&path).expect("a file");
    let error = loop {
        if let Err(error) = file.write_all(&[1; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    path
}

fn map_of(ring: &Ring<u64>) -> MmapRaw {
    let len = ring.segment().total_len().try_into().expect("fits");
    MmapOptions::new().len(len).map_raw(&ring.as_fd()).expect("maps")
}

/// In a user namespace even root has no privilege over the limit.
#[test]
fn the_limit_on_locked_memory_is_an_error_of_its_own() {
    run_apart("memory-lock", &Directory::new("mlock"));
}

pub(crate) fn child_memory_lock(directory: &Path) {
    let limit = libc::rlimit { rlim_cur: 16_384, rlim_max: 16_384 };
    // SAFETY: `limit` is alive.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) }, 0);
    let large = || builder().capacity(10_000).lock_memory(true);
    let path = directory.join("ring");
    let expected =
        |error: &SegmentError| matches!(error, SegmentError::MemoryLock { bytes: 80_000.., limit: 16_384, .. });
    assert_error!(large().create(&path), error if expected(&error));
    assert_eq!(names_in(directory), [""; 0], "nothing is left behind");
    assert_error!(large().anonymous(), error if expected(&error));
    builder().capacity(10_000).create(&path).map(drop).expect("unlocked");
    assert_error!(large().attach(&path), error if expected(&error));

    let small = builder().lock_memory(true).create(directory.join("small")).expect("below the limit");
    assert_eq!(smaps_kib(&small, "Locked:"), small.segment().total_len() / 1024);
}

/// A line of the kernel's account of this process's mapping of a ring: the words after its name.
///
/// The mapping is found by its inode: a file that was made without a name has none there for its
/// creator.
fn smaps(ring: &Ring<u64>, field: &str) -> String {
    let (_, inode) = inode(ring);
    let maps = fs::read_to_string("/proc/self/smaps").expect("readable");
    // ADDRESSES PERMISSIONS OFFSET DEVICE INODE [PATH]
    let is_ring = |line: &&str| line.split_whitespace().nth(4) == Some(&inode.to_string());
    let mut lines = maps.lines().skip_while(|line| !is_ring(line));
    let line = lines.find_map(|line| line.strip_prefix(field)).expect("a mapping with this line");
    line.trim().to_owned()
}

/// The same, as a number of KiB.
fn smaps_kib(ring: &Ring<u64>, field: &str) -> u64 {
    let words = smaps(ring, field);
    words.strip_suffix(" kB").expect("KiB").parse().expect("a number")
}

#[test]
fn prefaulting_maps_every_page_and_changes_none() {
    let directory = Directory::new("prefault");
    let paths = [directory.file("without"), directory.file("with")];
    let large = || builder().capacity(100_000);
    let without = large().create(&paths[0]).expect("a ring");
    let with = large().prefault(true).create(&paths[1]).expect("a ring");
    let kib = with.segment().total_len() / 1024;
    assert_eq!(smaps_kib(&with, "Rss:"), kib);
    assert!(smaps_kib(&without, "Rss:") < kib / 2, "the comparison means nothing");
    drop(with);

    // At attach as well; what is there stays.
    let before = {
        let map = map_of(&without);
        // SAFETY: inside the mapping; nobody else uses it.
        unsafe { map.as_mut_ptr().wrapping_add(500_000).write_volatile(0x5a) };
        fs::read(&paths[0]).expect("the file")
    };
    drop(without);
    let again = large().prefault(true).attach(&paths[0]).expect("the ring");
    assert_eq!(smaps_kib(&again, "Rss:"), kib);
    assert_eq!(fs::read(&paths[0]).expect("the file"), before);
    drop(again);
}

#[test]
fn huge_pages_are_there_or_the_error_says_why() {
    let free: u64 = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    match builder().huge_pages(HugePages::Huge2M).anonymous() {
        Ok(ring) => {
            assert_ne!(free, 0);
            assert_eq!(ring.segment().total_len(), 2 << 20);
            let fd = || ring.try_clone_fd().expect("a descriptor");
            builder().from_fd(fd()).map(drop).expect("attaches whatever the pages are");
            builder().huge_pages(HugePages::Huge2M).from_fd(fd()).map(drop).expect("attaches");
        }
        Err(SegmentError::HugePagesUnavailable { requested: HugePages::Huge2M, reason }) => {
            assert_eq!(free, 0, "{reason}");
            println!("no pages of 2 MiB here: {reason}");
        }
        Err(other) => panic!("{other:?}"),
    }
    // Far more than any machine has reserved.
    let huge = Ring::<u64>::builder().capacity(1 << 40).huge_pages(HugePages::Huge2M);
    assert_error!(huge.anonymous(), SegmentError::HugePagesUnavailable { requested: HugePages::Huge2M, .. });

    let directory = Directory::new("huge");
    let path = directory.file("ring");
    let named = builder().huge_pages(HugePages::Huge2M).create(&path);
    assert_error!(named, SegmentError::HugePagesUnavailable { requested: HugePages::Huge2M, .. });
    builder().create(&path).map(drop).expect("ordinary pages");
    let named = builder().huge_pages(HugePages::Huge2M).attach(&path);
    assert_error!(named, SegmentError::HugePagesUnavailable { reason, .. } if reason.contains("4096"));
}

#[test]
fn transparent_huge_pages_follow_the_kernels_setting() {
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/shmem_enabled").unwrap_or_default();
    let possible = !setting.is_empty() && !setting.contains("[never]") && !setting.contains("[deny]");
    match builder().huge_pages(HugePages::Transparent).anonymous() {
        Ok(_) => assert!(possible, "{setting}"),
        Err(SegmentError::HugePagesUnavailable { requested: HugePages::Transparent, reason }) => {
            assert!(!possible, "{setting}: {reason}");
            assert!(reason.contains("shmem_enabled"), "{reason}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn transparent_huge_pages_follow_the_mount() {
    run_apart("transparent-tmpfs", &Directory::new("transparent"));
}

pub(crate) fn child_transparent_tmpfs(directory: &Path) {
    let (plain, huge) = (directory.join("plain"), directory.join("huge"));
    fs::create_dir(&plain).expect("a directory");
    fs::create_dir(&huge).expect("a directory");
    mount_tmpfs(&plain, "size=64m,huge=never").expect("mounts");
    let transparent = || builder().capacity(1 << 20).huge_pages(HugePages::Transparent);
    let place = plain.display().to_string();
    assert_error!(
        transparent().create(plain.join("ring")),
        SegmentError::HugePagesUnavailable { requested: HugePages::Transparent, reason } if reason.contains(&place)
    );
    assert_eq!(names_in(&plain), [""; 0], "nothing is left behind");
    if let Err(error) = mount_tmpfs(&huge, "size=64m,huge=advise") {
        println!("skipped in part: this kernel has no tmpfs with huge pages: {error}");
        return;
    }
    let path = huge.join("ring");
    let ring = transparent().create(&path).expect("the mount has them");
    // How many the kernel found is its affair; that it was asked stands in the flags of the
    // mapping.
    let flags = smaps(&ring, "VmFlags:");
    assert!(flags.split_whitespace().any(|flag| flag == "hg"), "{flags}");
    let same = transparent().attach(&path).expect("the mount has them");
    assert_eq!(ring.segment().total_len(), same.segment().total_len());
    println!("{} KiB of {} are in huge pages", smaps_kib(&ring, "ShmemPmdMapped:"), ring.segment().total_len() / 1024);
}
