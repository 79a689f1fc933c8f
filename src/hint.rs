//! Hints to the processor. They change no result, only who has a line where, and do nothing elsewhere.

use core::ptr::NonNull;

/// `CLDEMOTE`: this line may go out to the cache that the cores share. Does nothing on processors without it (its
/// encoding is a no-op there).
#[inline(always)]
pub(crate) fn demote(line: NonNull<u8>) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is a hint: it reads and writes no memory and cannot fault.
    unsafe {
        core::arch::asm!("cldemote [{}]", in(reg) line.as_ptr(), options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// `PREFETCHT0`: this core will read the line.
#[inline(always)]
pub(crate) fn prefetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is a hint: it changes no memory and cannot fault.
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// `PREFETCHW`: this core will write the line. Does nothing on processors without it.
#[inline(always)]
pub(crate) fn prefetch_for_write(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is a hint: it changes no memory and cannot fault.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
