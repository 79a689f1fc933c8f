//! A kernel that makes no nameless files, as some file systems do not.

use std::io;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Where the number of a system call stands, and the lower half of its third argument (seccomp(2)).
const OFFSET_OF_NUMBER: u32 = 0;
const OFFSET_OF_THIRD: u32 = if cfg!(target_endian = "little") { 32 } else { 36 };

/// From here on this process is told that nameless files are not supported. Only for a process that has one thread, and ends soon.
pub(super) fn refuse_nameless_files() {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // The flag is several bits, one of which is that of directories.
    let nameless = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
    let mut steps = [
        step(LOAD, 0, 0, OFFSET_OF_NUMBER),
        step(JUMP_EQUAL, 0, 3, libc::SYS_openat as u32),
        step(LOAD, 0, 0, OFFSET_OF_THIRD),
        step(JUMP_SET, 0, 1, nameless),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EOPNOTSUPP as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: takes integers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "no new privileges: {}", io::Error::last_os_error());
    // SAFETY: reads the program, which is alive and as long as it says.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(result, 0, "a filter: {}", io::Error::last_os_error());
}
