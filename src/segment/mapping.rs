//! The mapping of a segment's file.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::header::{BODY_OFFSET, SMALL_PAGE};
use super::sys::{self, Resource};
use crate::error::SegmentError;

/// A file mapped whole, shared, readable, and writable unless made otherwise, from its start. At least one page long.
///
/// Inherited by fork, like every shared mapping: parent and child see the same memory, and each
/// unmaps for itself.
#[derive(Debug)]
pub(super) struct Mapping {
    raw: MmapRaw,
    writable: bool,
}

impl Mapping {
    /// Maps `len` bytes of the file. The file has to be that long; `len` has to exceed a header.
    pub(super) fn new(file: &File, len: u64) -> io::Result<Self> {
        Ok(Self { raw: Self::options(len)?.map_raw(file)?, writable: true })
    }

    /// The same, readable and not writable: a store into it is a SIGSEGV.
    pub(super) fn read_only(file: &File, len: u64) -> io::Result<Self> {
        Ok(Self { raw: Self::options(len)?.map_raw_read_only(file)?, writable: false })
    }

    fn options(len: u64) -> io::Result<MmapOptions> {
        let too_long = || io::Error::from_raw_os_error(libc::EFBIG);
        if len < BODY_OFFSET {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let len = usize::try_from(len).map_err(|_| too_long())?;
        let mut options = MmapOptions::new();
        options.len(len);
        Ok(options)
    }

    /// Whether this process may write what it has mapped.
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// A word of the header. Only the first 4096 bytes can be reached; an index beyond them is
    /// taken as the last word there.
    pub(super) fn header_word(&self, index: usize) -> &AtomicU64 {
        let index = index.min(BODY_OFFSET as usize / size_of::<u64>() - 1);
        let word = self.raw.as_mut_ptr().cast::<u64>().wrapping_add(index);
        // SAFETY: mappings start at a page, so the word is aligned; `index` is below the 512 words
        // of the first page, and `new` maps no less than that page; the borrow of `self` keeps it
        // mapped. Peers may write it, but never through anything but atomics.
        unsafe { AtomicU64::from_ptr(word) }
    }

    /// Where the mapping starts: at a page.
    pub(super) fn start(&self) -> NonNull<u8> {
        // SAFETY: a mapping never starts at null.
        unsafe { NonNull::new_unchecked(self.raw.as_mut_ptr()) }
    }

    /// Where the body starts. Aligned to 4096 bytes.
    pub(super) fn body(&self) -> NonNull<u8> {
        let body = self.raw.as_mut_ptr().wrapping_add(BODY_OFFSET as usize);
        // SAFETY: the mapping holds at least `BODY_OFFSET` bytes, so this is inside it or its end,
        // and neither is null.
        unsafe { NonNull::new_unchecked(body) }
    }

    /// Asks for transparent huge pages.
    pub(super) fn advise_huge(&self) -> io::Result<()> {
        self.raw.advise(Advice::HugePage)
    }

    /// Maps every page now, so that none has to be when the ring is used. Does not change what the
    /// pages hold.
    pub(super) fn prefault(&self) -> io::Result<()> {
        let advice = if self.writable { Advice::PopulateWrite } else { Advice::PopulateRead };
        match self.raw.advise(advice) {
            // Linux before 5.14 does not know either advice.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                self.touch();
                Ok(())
            }
            result => result,
        }
    }

    /// Reads one word of every page. In a shared mapping of memory that maps the page for writing,
    /// too.
    fn touch(&self) {
        let words = self.raw.as_mut_ptr().cast::<u64>();
        for page in (0..self.raw.len()).step_by(SMALL_PAGE as usize) {
            let word = words.wrapping_byte_add(page);
            // SAFETY: `page` is a multiple of 4096 below the length, and the length is a multiple
            // of 4096, so the word is inside the mapping and aligned; it is only accessed as an
            // atomic.
            let word = unsafe { AtomicU64::from_ptr(word) };
            word.load(std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Locks the pages into memory, for this process (a forked child does not inherit it).
    pub(super) fn lock(&self) -> Result<(), SegmentError> {
        self.raw.lock().map_err(|source| SegmentError::MemoryLock {
            bytes: self.raw.len() as u64,
            limit: sys::soft_limit(Resource::LockedMemory),
            source,
        })
    }
}
