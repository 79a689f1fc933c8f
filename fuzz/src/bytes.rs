//! Segments made of bytes that no creator vouches for.

use std::fs::{File, Permissions};
use std::io::Write;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};

use memmap2::{MmapOptions, MmapRaw};
use rondel::segment::Segment;

use crate::kept::{Key, kept};

/// The longest descriptor that is kept.
const LONGEST: usize = 1 << 20;

/// A sealed memfd of one length, and a mapping of it.
struct Sealed {
    fd: OwnedFd,
    map: MmapRaw,
}

/// A sealed memfd with these bytes: what a hostile process may send. There is one of each length, so the caller must have done with the
/// one before.
pub fn sealed_memfd(bytes: &[u8]) -> OwnedFd {
    // An empty file cannot be mapped; and not one of each of thousands of lengths is to be kept.
    if bytes.is_empty() || bytes.len() > LONGEST || bytes.len() % 64 != 0 {
        return new_memfd(bytes, SIZE_SEALS);
    }
    let sealed = kept([bytes.len(), 0, 0, 0], || {
        let fd = new_memfd(bytes, SIZE_SEALS);
        let map = MmapOptions::new().len(bytes.len()).map_raw(&fd).expect("maps");
        Sealed { fd, map }
    });
    // SAFETY: the mapping is as long as the bytes, and is not among them; nobody else has mapped the file now.
    unsafe { sealed.map.as_mut_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    sealed.fd.try_clone().expect("a descriptor")
}

/// The two parts of a ring with read-only consumers, new each time: the first with the seal that it has.
pub fn sealed_part(bytes: &[u8]) -> OwnedFd {
    new_memfd(bytes, SIZE_SEALS | libc::F_SEAL_FUTURE_WRITE)
}

/// The second of them.
pub fn control_part(bytes: &[u8]) -> OwnedFd {
    new_memfd(bytes, SIZE_SEALS)
}

const SIZE_SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

fn new_memfd(bytes: &[u8], seals: libc::c_int) -> OwnedFd {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: a terminated name.
    let fd = unsafe { libc::memfd_create(c"fuzz".as_ptr(), flags) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: opened above, and nobody else's.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(bytes).expect("room");
    // A descriptor open to everybody is refused before its bytes are read.
    file.set_permissions(Permissions::from_mode(0o600)).expect("ours");
    // SAFETY: takes integers.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    file.into()
}

/// A segment's bytes, as they are.
pub fn bytes_of(segment: &Segment) -> Vec<u8> {
    let mut bytes = vec![0; segment.total_len() as usize];
    let file = File::from(segment.try_clone_fd().expect("a descriptor"));
    file.read_exact_at(&mut bytes, 0).expect("readable");
    bytes
}

/// Lengths at which something changes, for bytes that no creator has made.
const LENGTHS: [usize; 10] = [0, 8, 64, 95, 96, 4095, 4096, 8192, 12_288, 65_536];

/// The bytes, cut off or filled up with zeros to some length, as `choice` says.
pub fn resized(bytes: &[u8], choice: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(LENGTHS[usize::from(choice) % LENGTHS.len()], 0);
    bytes
}

/// Cuts something off at the end, or adds something.
pub fn cut(bytes: &mut Vec<u8>, by: u8) {
    let by = isize::from(by as i8) * if by % 2 == 0 { 64 } else { 4096 / 8 };
    bytes.resize(bytes.len().saturating_add_signed(by), 0xff);
}

/// Bytes of a header, up to the options: what follows names a control part, and is all zeros in a ring that has none.
const HEADER: usize = 96;

/// What was accepted has to be what a creator writes: `made` is a segment of the same capacity, and so forth, which is looked at once for
/// each `key`. The last word, the options, is compared by its own bits, of which there are `options`.
pub fn assert_made_by_a_creator<S: 'static>(found: &[u8], key: Key, options: u64, made: impl FnOnce() -> Vec<u8>) {
    let header = kept(key, || {
        let made = made();
        (<[u8; HEADER]>::try_from(&made[..HEADER]).expect("so many"), PhantomData::<S>)
    });
    let (fields, word) = found[..HEADER].split_at(HEADER - 8);
    assert_eq!(fields, &header.0[..HEADER - 8], "accepted, and not what a creator writes");
    assert_eq!(word.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) & !options, 0, "unknown options");
}

/// Overwrites words: two bytes of place, counted in words, and eight of value each; place 0 to 13 is the header.
pub fn mutate(bytes: &mut [u8], script: &[u8]) {
    for step in script.chunks_exact(10) {
        let place = usize::from(u16::from_le_bytes([step[0], step[1]])) % (bytes.len() / 8) * 8;
        bytes[place..place + 8].copy_from_slice(&step[2..]);
    }
}
