//! What the fuzz targets share: segments of hostile [`bytes`], [`hostile`] peers, [`faults`] of answers, and walls around the
//! mappings.
//!
//! AddressSanitizer knows nothing of mapped files, so an access just outside a segment would go unseen where the kernel has
//! put another mapping beside it. So the targets bring an [`mmap64`] of their own, which the library's mappings go through:
//! within [`walled`] it puts a mapping of a file between two ranges of addresses without any access. [`Walls::check`] looks
//! into `/proc/self/maps` whether it did.

pub mod bytes;
pub mod faults;
pub mod hostile;

use std::cell::Cell;

/// Bytes of a wall on either side: more than any single element, line or slip of an index by a few thousand lines.
const WALL: usize = 16 << 20;

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
