//! Walls around mappings.
//!
//! AddressSanitizer knows nothing of mapped files, so an access just outside a segment would go unseen where the kernel has
//! put another mapping beside it. So the targets bring an [`mmap64`] and a [`munmap`] of their own, which the library's mappings go
//! through: within [`walled`] a mapping of a file is put between two ranges of addresses without any access. The range stays reserved
//! when the mapping goes, for the next one. [`Walls::check`] looks into `/proc/self/maps` whether the walls stand.

use std::cell::{Cell, RefCell};

/// Bytes of a wall on either side: more than any single element, line or slip of an index by a few thousand lines.
const WALL: usize = 16 << 20;
/// The longest mapping that is put between walls.
const LONGEST: usize = 1 << 20;
/// How often `/proc/self/maps` is read: at the first use of a range, and again at each time so many.
const CHECK_EVERY: u32 = 4096;

/// A range of addresses for one mapping and its walls.
struct Range {
    /// Where the mapping begins.
    mapping: usize,
    taken: bool,
    uses: u32,
}

thread_local! {
    /// While [`walled`] runs, `Some`: where the mapping came to lie and its length, zeros before.
    static WALLED: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    static RANGES: RefCell<Vec<Range>> = const { RefCell::new(Vec::new()) };
}

fn map_at(place: usize, len: usize, prot: i32, flags: i32, fd: i32, offset: i64) -> isize {
    // SAFETY: `mmap` with the arguments of our callers, who answer for what they replace.
    (unsafe { libc::syscall(libc::SYS_mmap, place, len, prot, flags, fd, offset) }) as isize
}

/// Nothing there, and nobody else's.
fn reserve(place: usize, len: usize) -> isize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    map_at(place, len, libc::PROT_NONE, flags | if place == 0 { 0 } else { libc::MAP_FIXED }, -1, 0)
}

/// A free range, taken.
fn take() -> Option<usize> {
    RANGES.with_borrow_mut(|ranges| {
        if let Some(range) = ranges.iter_mut().rev().find(|range| !range.taken) {
            range.taken = true;
            return Some(range.mapping);
        }
        let start = reserve(0, LONGEST + 2 * WALL);
        let mapping = usize::try_from(start).ok()? + WALL;
        ranges.push(Range { mapping, taken: true, uses: 0 });
        Some(mapping)
    })
}

/// Takes the place of the C library's function; `memmap2` calls it.
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
    if fd >= 0 && place.is_null() && (1..=LONGEST).contains(&len) && WALLED.get() == Some((0, 0)) {
        if let Some(mapping) = take() {
            target = mapping;
            target_flags |= libc::MAP_FIXED;
            WALLED.set(Some((mapping, len.next_multiple_of(4096))));
        }
    }
    map_at(target, len, prot, target_flags, fd, offset) as *mut libc::c_void
}

/// Takes the place of the C library's function; `memmap2` calls it.
///
/// # Safety
///
/// As of the C library's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(place: *mut libc::c_void, len: usize) -> i32 {
    // At the end of a thread there are no ranges any more.
    let walled = RANGES.try_with(|ranges| {
        // Borrowed where a range is being taken: then it is none of ours that goes.
        let Ok(mut ranges) = ranges.try_borrow_mut() else { return false };
        let Some(range) = ranges.iter_mut().rev().find(|range| range.mapping == place as usize) else { return false };
        range.taken = reserve(range.mapping, len.next_multiple_of(4096)) < 0;
        true
    });
    if walled == Ok(true) {
        return 0;
    }
    // SAFETY: `munmap` with the arguments of our caller, who answers for what goes.
    (unsafe { libc::syscall(libc::SYS_munmap, place, len) }) as i32
}

/// The walls around one mapping.
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
    /// Whether a mapping was put between walls, and, now and then, whether it really lies there.
    pub fn check(&self) -> bool {
        let due = RANGES.with_borrow_mut(|ranges| {
            let range = ranges.iter_mut().rev().find(|range| range.mapping == self.mapping)?;
            range.uses += 1;
            Some(range.uses % CHECK_EVERY == 1)
        });
        due.is_some_and(|due| !due || self.stand())
    }

    fn stand(&self) -> bool {
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
