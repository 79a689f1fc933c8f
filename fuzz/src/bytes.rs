//! Segments made of bytes that no creator vouches for.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};

use rondel::segment::Segment;

/// A sealed memfd with these bytes: what a hostile process may send.
pub fn sealed_memfd(bytes: &[u8]) -> OwnedFd {
    memfd(bytes, SIZE_SEALS)
}

/// The same with the seal that the first part of a ring with read-only consumers has.
pub fn sealed_part(bytes: &[u8]) -> OwnedFd {
    memfd(bytes, SIZE_SEALS | libc::F_SEAL_FUTURE_WRITE)
}

const SIZE_SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

fn memfd(bytes: &[u8], seals: libc::c_int) -> OwnedFd {
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

/// Overwrites words: two bytes of place, counted in words, and eight of value each; place 0 to 13 is the header.
pub fn mutate(bytes: &mut [u8], script: &[u8]) {
    for step in script.chunks_exact(10) {
        let place = usize::from(u16::from_le_bytes([step[0], step[1]])) % (bytes.len() / 8) * 8;
        bytes[place..place + 8].copy_from_slice(&step[2..]);
    }
}
