//! Ways to alter a file, or to make it alterable, that a process can try which has a descriptor of it and shares a user with its maker.
//!
//! Not among them is what alters the *producer*: `ptrace`, `process_vm_writev` and `/proc/PID/mem` on it. Whoever may do
//! that needs no ring.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::ptr;

/// What is attacked, and from where.
pub(crate) struct Target {
    /// A descriptor of the file.
    pub(crate) file: File,
    pub(crate) len: usize,
    /// A process that has mapped the file for writing, and has descriptors of it.
    pub(crate) owner: u32,
}

/// Where an attempt writes: behind the header.
const PLACE: usize = 4096 + 1024;
/// What it writes.
const SPOIL: [u8; 8] = [0xee; 8];

/// What an attempt comes to with a file that is not sealed, which shows that the attempt is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unsealed {
    /// It succeeds.
    Succeeds,
    /// It may, depending on what the system grants.
    May,
    /// The kernel refuses it in any case; a kernel that did not would be found out.
    Fails,
    /// It succeeds, sealed or not, and alters nothing of the file.
    Harmless,
}

/// `Ok` if the system let it happen.
pub(crate) type Attempt = (&'static str, Unsealed, fn(&Target) -> io::Result<()>);

/// All of them.
pub(crate) const ATTEMPTS: &[Attempt] = &[
    ("mmap for writing", Unsealed::Succeeds, |target| store(&target.map(&target.file, RW, libc::MAP_SHARED)?)),
    ("mmap for writing only", Unsealed::Succeeds, |target| {
        store(&target.map(&target.file, libc::PROT_WRITE, libc::MAP_SHARED)?)
    }),
    ("mmap for writing, validated", Unsealed::Succeeds, |target| {
        store(&target.map(&target.file, RW, libc::MAP_SHARED_VALIDATE)?)
    }),
    ("a private mapping", Unsealed::Harmless, |target| store(&target.map(&target.file, RW, libc::MAP_PRIVATE)?)),
    ("mprotect", Unsealed::Succeeds, |target| {
        let map = target.map_to_read()?;
        map.protect()?;
        store(&map)
    }),
    ("mprotect of an executable mapping", Unsealed::May, |target| {
        let map = target.map(&target.file, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_SHARED)?;
        map.protect()?;
        store(&map)
    }),
    ("mremap to a second place, and mprotect", Unsealed::Succeeds, |target| {
        let map = target.map_to_read()?;
        // SAFETY: an old length of 0 asks for a second mapping of the same shared pages, at a place that the kernel chooses.
        let place = unsafe { libc::mremap(map.place.cast(), 0, target.len, libc::MREMAP_MAYMOVE) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let second = Map { place: place.cast(), len: target.len };
        second.protect()?;
        store(&second)
    }),
    ("write", Unsealed::Succeeds, |target| (&target.reopen()?).write_all(&SPOIL)),
    ("pwrite", Unsealed::Succeeds, |target| target.file.write_all_at(&SPOIL, PLACE as u64)),
    ("append", Unsealed::Succeeds, |target| {
        OpenOptions::new().append(true).open(path_of(&target.file))?.write_all(&SPOIL)
    }),
    ("ftruncate to nothing", Unsealed::Succeeds, |target| target.file.set_len(0)),
    ("ftruncate to more", Unsealed::Succeeds, |target| target.file.set_len(target.len as u64 + 4096)),
    ("open with O_TRUNC", Unsealed::Succeeds, |target| {
        OpenOptions::new().write(true).truncate(true).open(path_of(&target.file)).map(drop)
    }),
    ("fallocate, a hole", Unsealed::Succeeds, |target| {
        target.fallocate(libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, 4096, 4096)
    }),
    ("fallocate, zeros", Unsealed::May, |target| target.fallocate(libc::FALLOC_FL_ZERO_RANGE, 4096, 4096)),
    ("fallocate, collapse", Unsealed::May, |target| target.fallocate(libc::FALLOC_FL_COLLAPSE_RANGE, 4096, 4096)),
    ("fallocate, insert", Unsealed::May, |target| target.fallocate(libc::FALLOC_FL_INSERT_RANGE, 4096, 4096)),
    ("fallocate, more", Unsealed::Succeeds, |target| target.fallocate(0, target.len, 4096)),
    ("reopened through /proc/self/fd, pwrite", Unsealed::Succeeds, |target| {
        target.reopen()?.write_all_at(&SPOIL, PLACE as u64)
    }),
    ("reopened through /proc/self/fd, mmap", Unsealed::Succeeds, |target| {
        store(&target.map(&target.reopen()?, RW, libc::MAP_SHARED)?)
    }),
    ("reopened through the owner's /proc/PID/fd, pwrite", Unsealed::Succeeds, |target| {
        target.through_owner("fd")?.write_all_at(&SPOIL, PLACE as u64)
    }),
    ("reopened through the owner's /proc/PID/fd, mmap", Unsealed::Succeeds, |target| {
        store(&target.map(&target.through_owner("fd")?, RW, libc::MAP_SHARED)?)
    }),
    ("reopened through the owner's /proc/PID/map_files, pwrite", Unsealed::May, |target| {
        target.through_owner("map_files")?.write_all_at(&SPOIL, PLACE as u64)
    }),
    ("reopened through the owner's /proc/PID/map_files, mmap", Unsealed::May, |target| {
        store(&target.map(&target.through_owner("map_files")?, RW, libc::MAP_SHARED)?)
    }),
    ("the owner's own descriptor, by pidfd_getfd", Unsealed::May, |target| {
        let file = target.owners_descriptor()?;
        file.write_all_at(&SPOIL, PLACE as u64).or_else(|_| store(&target.map(&file, RW, libc::MAP_SHARED)?))
    }),
    ("/proc/self/mem", Unsealed::Fails, |target| {
        let map = target.map_to_read()?;
        let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
        memory.write_all_at(&SPOIL, map.place as u64 + PLACE as u64)
    }),
    ("process_vm_writev to oneself", Unsealed::Fails, |target| {
        let map = target.map_to_read()?;
        let from = libc::iovec { iov_base: SPOIL.as_ptr().cast_mut().cast(), iov_len: SPOIL.len() };
        let to = libc::iovec { iov_base: map.at(PLACE).cast(), iov_len: SPOIL.len() };
        let pid = std::process::id() as libc::pid_t;
        // SAFETY: reads 8 bytes of a constant; writes into a mapping of our own, if that can be written, which nothing else uses.
        let written = unsafe { libc::process_vm_writev(pid, &raw const from, 1, &raw const to, 1, 0) };
        checked(written as i64)
    }),
    ("read into the mapping", Unsealed::Fails, |target| {
        let map = target.map_to_read()?;
        let zeros = File::open("/dev/zero")?;
        // SAFETY: the 8 bytes are in a mapping of our own, which nothing else uses; that it cannot be written is the kernel's to say.
        checked(unsafe { libc::read(zeros.as_raw_fd(), map.at(PLACE).cast(), 8) } as i64)
    }),
    ("F_ADD_SEALS", Unsealed::Succeeds, |target| {
        // SAFETY: takes an integer.
        let result = unsafe { libc::fcntl(target.file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_GROW) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }),
    ("MADV_REMOVE", Unsealed::May, |target| target.map_to_read()?.advise(libc::MADV_REMOVE)),
    ("MADV_REMOVE after mprotect", Unsealed::Succeeds, |target| {
        let map = target.map_to_read()?;
        map.protect()?;
        map.advise(libc::MADV_REMOVE)
    }),
    ("MADV_REMOVE of a private mapping", Unsealed::Fails, |target| {
        target.map(&target.file, RW, libc::MAP_PRIVATE)?.advise(libc::MADV_REMOVE)
    }),
    ("MADV_DONTNEED", Unsealed::Harmless, |target| target.map_to_read()?.advise(libc::MADV_DONTNEED)),
    ("MADV_FREE", Unsealed::Fails, |target| target.map_to_read()?.advise(libc::MADV_FREE)),
    ("MADV_POPULATE_WRITE", Unsealed::Fails, |target| target.map_to_read()?.advise(libc::MADV_POPULATE_WRITE)),
    ("splice from a pipe", Unsealed::Succeeds, |target| {
        let pipe = spoil_in_a_pipe()?;
        let mut place = PLACE as libc::loff_t;
        let (from, to) = (pipe.as_raw_fd(), target.file.as_raw_fd());
        // SAFETY: `place` is alive; no other memory is touched.
        checked(unsafe { libc::splice(from, ptr::null_mut(), to, &raw mut place, 8, 0) } as i64)
    }),
    ("vmsplice from a pipe into the mapping", Unsealed::Fails, |target| {
        let (pipe, map) = (spoil_in_a_pipe()?, target.map_to_read()?);
        let to = libc::iovec { iov_base: map.at(PLACE).cast(), iov_len: 8 };
        // SAFETY: the 8 bytes are in a mapping of our own, which nothing else uses.
        checked(unsafe { libc::vmsplice(pipe.as_raw_fd(), &raw const to, 1, 0) } as i64)
    }),
    ("sendfile", Unsealed::Succeeds, |target| {
        let (zeros, to) = (File::open("/proc/self/exe")?, target.reopen()?);
        let mut place = 0;
        // SAFETY: `place` is alive; no other memory is touched.
        checked(unsafe { libc::sendfile(to.as_raw_fd(), zeros.as_raw_fd(), &raw mut place, 8) } as i64)
    }),
    ("copy_file_range", Unsealed::May, |target| {
        let from = target.reopen()?;
        let (mut here, mut there) = (0, PLACE as libc::loff_t);
        let (from, to) = (from.as_raw_fd(), target.file.as_raw_fd());
        // SAFETY: both places are alive; no other memory is touched.
        checked(unsafe { libc::copy_file_range(from, &raw mut here, to, &raw mut there, 8, 0) } as i64)
    }),
    ("userfaultfd, to fill in pages", Unsealed::May, |target| register_for_faults(&target.map_to_read()?)),
];

const RW: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

fn checked(result: i64) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => Err(io::Error::other("nothing was written")),
        _ => Ok(()),
    }
}

/// A mapping, unmapped on drop.
struct Map {
    place: *mut u8,
    len: usize,
}

impl Map {
    fn at(&self, offset: usize) -> *mut u8 {
        self.place.wrapping_add(offset)
    }

    fn protect(&self) -> io::Result<()> {
        // SAFETY: a mapping of our own; more may be done with it than before.
        let result = unsafe { libc::mprotect(self.place.cast(), self.len, RW) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: a mapping of our own, in which nothing is kept.
        let result = unsafe { libc::madvise(self.place.cast(), self.len, advice) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: a mapping of our own, into which nothing points any more.
        unsafe { libc::munmap(self.place.cast(), self.len) };
    }
}

/// Stores into a mapping that was granted for writing. That it was granted is the success; a store into a private one alters nothing of the file.
fn store(map: &Map) -> io::Result<()> {
    // SAFETY: in the mapping, which is granted for writing; if it were not in truth, a signal would end this process, and the test would fail.
    unsafe { map.at(PLACE).cast::<[u8; 8]>().write_volatile(SPOIL) };
    Ok(())
}

fn path_of(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// A pipe with what is to be written in it.
fn spoil_in_a_pipe() -> io::Result<OwnedFd> {
    let mut ends = [0; 2];
    // SAFETY: two numbers, alive.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: opened above, and nobody else's.
    let reader = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: likewise.
    let mut writer = unsafe { File::from_raw_fd(ends[1]) };
    writer.write_all(&SPOIL)?;
    Ok(reader)
}

impl Target {
    fn map(&self, file: &File, protection: libc::c_int, flags: libc::c_int) -> io::Result<Map> {
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let place = unsafe { libc::mmap(ptr::null_mut(), self.len, protection, flags, file.as_raw_fd(), 0) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Map { place: place.cast(), len: self.len })
    }

    fn map_to_read(&self) -> io::Result<Map> {
        self.map(&self.file, libc::PROT_READ, libc::MAP_SHARED)
    }

    fn reopen(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(path_of(&self.file))
    }

    fn fallocate(&self, mode: libc::c_int, start: usize, len: usize) -> io::Result<()> {
        // SAFETY: takes integers.
        let result = unsafe { libc::fallocate(self.file.as_raw_fd(), mode, start as libc::off_t, len as libc::off_t) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Something of the owner's that leads to the file, by a directory of its links in `/proc`.
    fn owners_link(&self, directory: &str) -> io::Result<std::path::PathBuf> {
        let ours = self.file.metadata()?;
        for entry in std::fs::read_dir(format!("/proc/{}/{directory}", self.owner))? {
            let path = entry?.path();
            if std::fs::metadata(&path).is_ok_and(|data| (data.dev(), data.ino()) == (ours.dev(), ours.ino())) {
                return Ok(path);
            }
        }
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn through_owner(&self, directory: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.owners_link(directory)?)
    }

    fn owners_descriptor(&self) -> io::Result<File> {
        let link = self.owners_link("fd")?;
        let number = link.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok()).expect("a number");
        // SAFETY: takes integers.
        let process = unsafe { libc::syscall(libc::SYS_pidfd_open, self.owner, 0) };
        checked(process)?;
        // SAFETY: opened above, and nobody else's.
        let process = unsafe { OwnedFd::from_raw_fd(process as i32) };
        // SAFETY: takes integers.
        let copy = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) };
        checked(copy)?;
        // SAFETY: opened above, and nobody else's.
        Ok(unsafe { File::from_raw_fd(copy as i32) })
    }
}

/// Asks for the right to fill in the mapping's pages.
fn register_for_faults(map: &Map) -> io::Result<()> {
    const USER_MODE_ONLY: libc::c_long = 1;
    const API: u64 = 0xaa;
    const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
    const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
    const MISSING: u64 = 1;
    // SAFETY: takes integers.
    let faults = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::c_long::from(libc::O_CLOEXEC) | USER_MODE_ONLY) };
    checked(faults)?;
    // SAFETY: opened above, and nobody else's.
    let faults = unsafe { OwnedFd::from_raw_fd(faults as i32) };
    let mut version = [API, 0, 0];
    // SAFETY: a `uffdio_api` is three words.
    let result = unsafe { libc::ioctl(faults.as_raw_fd(), UFFDIO_API as _, version.as_mut_ptr()) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    let mut range = [map.place as u64, map.len as u64, MISSING, 0];
    // SAFETY: a `uffdio_register` is four words; the range is a mapping of our own, all of whose pages are there.
    let result = unsafe { libc::ioctl(faults.as_raw_fd(), UFFDIO_REGISTER as _, range.as_mut_ptr()) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A file without seals, of the same length and with the same bytes.
pub(crate) fn unsealed_copy(bytes: &[u8]) -> File {
    let name = CString::new("rondel-test").expect("no zero");
    // SAFETY: a terminated name.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: opened above, and nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.write_all_at(bytes, 0).expect("room");
    file
}

/// All bytes of a file.
pub(crate) fn bytes_of(file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let path = path_of(file);
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).expect("readable");
    bytes
}
