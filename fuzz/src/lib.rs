//! What the fuzz targets share: segments of hostile bytes, and walls around their mappings.
//!
//! AddressSanitizer knows nothing of mapped files, so an access just outside a segment would go unseen where the kernel has
//! put another mapping beside it. So the targets bring an [`mmap64`] of their own, which the library's mappings go through:
//! within [`walled`] it puts a mapping of a file between two ranges of addresses without any access. [`Walls::check`] looks
//! into `/proc/self/maps` whether it did.

use std::cell::Cell;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

/// Bytes of a wall on either side: more than any single element, line or slip of an index by a few thousand lines.
const WALL: usize = 16 << 20;

/// A sealed memfd with these bytes: what a hostile process may send.
pub fn sealed_memfd(bytes: &[u8]) -> OwnedFd {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: a terminated name.
    let fd = unsafe { libc::memfd_create(c"fuzz".as_ptr(), flags) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: opened above, and nobody else's.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(bytes).expect("room");
    // A descriptor open to everybody is refused before its bytes are read.
    file.set_permissions(Permissions::from_mode(0o600)).expect("ours");
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: takes integers.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    file.into()
}

thread_local! {
    /// While [`walled`] runs: where the mapping came to lie, and its length. `None` outside.
    static WALLED: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

fn map_at(place: usize, len: usize, prot: i32, flags: i32, fd: i32, offset: i64) -> isize {
    // SAFETY: `mmap` with the arguments of our callers, who answer for what they replace.
    (unsafe { libc::syscall(libc::SYS_mmap, place, len, prot, flags, fd, offset) }) as isize
}

/// Takes the place of the C library's function in the fuzz targets; `memmap2` calls it.
///
/// # Safety
///
/// As of the C library's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    place: *mut libc::c_void,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    offset: i64,
) -> *mut libc::c_void {
    let mut target = place as usize;
    let mut target_flags = flags;
    if fd >= 0 && place.is_null() && len > 0 && WALLED.get() == Some((0, 0)) {
        let pages = len.next_multiple_of(4096);
        let nothing = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let start = map_at(0, pages + 2 * WALL, libc::PROT_NONE, nothing, -1, 0);
        if start > 0 {
            target = start as usize + WALL;
            target_flags |= libc::MAP_FIXED;
            WALLED.set(Some((target, pages)));
        }
    }
    map_at(target, len, prot, target_flags, fd, offset) as *mut libc::c_void
}

/// The walls around one mapping, pulled down on drop.
pub struct Walls {
    mapping: usize,
    len: usize,
}

/// Runs `map`, and puts the first mapping of a file that it makes between walls.
pub fn walled<T>(map: impl FnOnce() -> T) -> (T, Walls) {
    WALLED.set(Some((0, 0)));
    let mapped = map();
    let (mapping, len) = WALLED.take().unwrap_or_default();
    (mapped, Walls { mapping, len })
}

impl Walls {
    /// Whether the mapping really lies between the walls.
    pub fn check(&self) -> bool {
        let (start, end) = (self.mapping, self.mapping + self.len);
        let maps = std::fs::read_to_string("/proc/self/maps").expect("readable");
        let exact = format!("{start:x}-{end:x} rw-s");
        let lines: Vec<&str> = maps.lines().collect();
        lines.windows(3).any(|three| {
            three[1].starts_with(&exact)
                && three[0].contains(&format!("-{start:x} ---p"))
                && three[2].starts_with(&format!("{end:x}-"))
                && three[2].contains("---p")
        })
    }
}

impl Drop for Walls {
    fn drop(&mut self) {
        if self.mapping == 0 {
            return;
        }
        for start in [self.mapping - WALL, self.mapping + self.len] {
            // SAFETY: a range of our own without access, into which nothing points.
            let result = unsafe { libc::munmap(start as *mut libc::c_void, WALL) };
            assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        }
    }
}
