//! The permission to read another process's memory, and the call that does.

use crate::child::{Fork, fork};
use crate::patience::LIMIT;
use crate::{Error, Result};
use rustix::io::Errno;
use rustix::process::{PTracer, getppid, set_ptracer};
use std::hint::black_box;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The senders of this process. (A fork inherits the number, not the declaration: see `declare`.)
static SENDERS: AtomicUsize = AtomicUsize::new(0);

/// While one of these is left, any process of the same user may trace this one, as far as Yama is concerned.
pub(super) struct Traceable(());

impl Traceable {
    pub(super) fn declare() -> Self {
        // Relaxed: it counts, and nothing else is handed over with it.
        SENDERS.fetch_add(1, Ordering::Relaxed);
        // Declared each time, since a fork may have lost it. Without Yama the call is refused, and not needed.
        let _ = set_ptracer(PTracer::Any);
        Traceable(())
    }
}

impl Drop for Traceable {
    fn drop(&mut self) {
        if SENDERS.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = set_ptracer(PTracer::None);
        }
    }
}

/// Reads two parts of a process's memory, of which the second may be empty, one behind the other into `into`.
#[inline]
pub(super) fn read(process: i32, parts: [(usize, usize); 2], into: &mut [u8]) -> std::result::Result<(), Errno> {
    let wanted = into.len();
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: wanted };
    let remote = parts.map(|(address, length)| libc::iovec {
        // In another process it points to nothing here.
        iov_base: ptr::without_provenance_mut(address),
        iov_len: length,
    });
    let used = if parts[1].1 == 0 { 1 } else { 2 };
    // SAFETY: the kernel writes into `local` only, which is `into`, at most as much as its length; it checks the other process's addresses
    // itself. `used` is not more than there are.
    let read = unsafe { libc::process_vm_readv(process, &local, 1, remote.as_ptr(), used, 0) };
    match usize::try_from(read) {
        Ok(read) if read == wanted => Ok(()),
        // A part, since some of the memory is not there.
        Ok(_) => Err(Errno::FAULT),
        Err(_) => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// Whether a child of this process can read its memory, tried once.
pub(super) fn tried() -> std::result::Result<(), String> {
    static TRIED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    TRIED.get_or_init(|| trial().map_err(|error| error.to_string())).clone()
}

/// What the parent has where the child has something else.
const PARENTS: u64 = 0x5eed;
const CHILDS: u64 = 0xbad;

pub(super) fn trial() -> Result<()> {
    const NAME: &str = "process_vm_readv";
    let _traceable = Traceable::declare();
    let mut mark = PARENTS;
    match fork(NAME)? {
        Fork::There(newborn) => newborn.live(|| {
            // Only the child's copy of it changes. Through `black_box`, for the compiler does not know that somebody looks.
            *black_box(&mut mark) = CHILDS;
            let address = ptr::from_ref(&mark).expose_provenance();
            let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
            let mut found = 0_u64;
            read(parent, [(address, size_of::<u64>()), (0, 0)], bytemuck::bytes_of_mut(&mut found))
                .map_err(|error| Error::system(NAME, "reading the parent's memory", error))?;
            if found == PARENTS {
                return Ok(());
            }
            Err(Error::system(NAME, "reading the parent's memory", format!("{found:#x} instead of {PARENTS:#x}")))
        }),
        Fork::Here(child) => {
            let ended = child.join(LIMIT, false).map_err(|failure| failure.error);
            // It had to be there until the child had read it.
            black_box(&mut mark);
            ended
        }
    }
}
