//! Sandboxes: filters that refuse one system call, or one use of it, with an error number of choice.

use crate::filter::{LOAD, OFFSET_OF_FIRST, OFFSET_OF_NUMBER, RETURN, allowance, install, step, unless_equal};

/// Goes on with the next step if a bit of `k` is set in the loaded word, and skips one if not.
fn unless_bit(k: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16, jt: 0, jf: 1, k }
}

/// Which calls of a number.
#[derive(Clone, Copy)]
enum Which {
    All,
    /// Those with this value as the argument of this index.
    With(u32, u32),
    /// Those with one of these bits in the argument of this index.
    Flagged(u32, u32),
}

/// What a name stands for.
fn calls(name: &str) -> Vec<(libc::c_long, Which)> {
    let command = |command: libc::c_int| Which::With(0, command as u32);
    let second = |argument: libc::c_int| Which::With(1, argument as u32);
    let third = |argument: libc::c_int| Which::With(2, argument as u32);
    let register = (libc::SYS_membarrier, command(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED));
    let heavy = (libc::SYS_membarrier, command(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED));
    match name {
        "futex" => vec![(libc::SYS_futex, Which::All)],
        "futex+sleeps" => vec![
            (libc::SYS_futex, Which::All),
            (libc::SYS_nanosleep, Which::All),
            (libc::SYS_clock_nanosleep, Which::All),
        ],
        "membarrier-register" => vec![register],
        "membarrier-heavy" => vec![heavy],
        "membarrier" => vec![register, heavy],
        "F_OFD_SETLK" => vec![(libc::SYS_fcntl, second(libc::F_OFD_SETLK))],
        "F_OFD_GETLK" => vec![(libc::SYS_fcntl, second(libc::F_OFD_GETLK))],
        "F_ADD_SEALS" => vec![(libc::SYS_fcntl, second(libc::F_ADD_SEALS))],
        "F_GET_SEALS" => vec![(libc::SYS_fcntl, second(libc::F_GET_SEALS))],
        "memfd_create" => vec![(libc::SYS_memfd_create, Which::All)],
        "MFD_NOEXEC_SEAL" => vec![(libc::SYS_memfd_create, Which::Flagged(1, libc::MFD_NOEXEC_SEAL))],
        "ftruncate" => vec![(libc::SYS_ftruncate, Which::All)],
        "fallocate" => vec![(libc::SYS_fallocate, Which::All)],
        "fchmod" => vec![(libc::SYS_fchmod, Which::All)],
        "linkat" => vec![(libc::SYS_linkat, Which::All)],
        "O_TMPFILE" => {
            // The flag without the one for directories, which it contains and others bear as well.
            let flag = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
            vec![(libc::SYS_openat, Which::Flagged(2, flag))]
        }
        "renameat2" => vec![(libc::SYS_renameat2, Which::All)],
        "statx" => vec![(libc::SYS_statx, Which::All)],
        "fstatfs" => vec![(libc::SYS_fstatfs, Which::All)],
        "prlimit64" => vec![(libc::SYS_prlimit64, Which::All)],
        "getrandom" => vec![(libc::SYS_getrandom, Which::All)],
        "MADV_POPULATE_WRITE" => vec![(libc::SYS_madvise, third(libc::MADV_POPULATE_WRITE))],
        "mlock" => vec![(libc::SYS_mlock, Which::All)],
        "MADV_WIPEONFORK" => vec![(libc::SYS_madvise, third(libc::MADV_WIPEONFORK))],
        unknown => panic!("no call {unknown:?}"),
    }
}

fn errno(name: &str) -> libc::c_int {
    match name {
        "ENOSYS" => libc::ENOSYS,
        "EPERM" => libc::EPERM,
        "EINVAL" => libc::EINVAL,
        unknown => panic!("no error {unknown:?}"),
    }
}

/// In an agent: from here on this thread is refused these calls.
pub(crate) fn refuse_named(name: &str, error: &str) -> String {
    let refusal = || step(RETURN, libc::SECCOMP_RET_ERRNO | errno(error) as u32);
    let mut steps = Vec::new();
    for (number, which) in calls(name) {
        steps.push(step(LOAD, OFFSET_OF_NUMBER));
        // The lower half of an argument, on a little-endian machine.
        let argument = |index| step(LOAD, OFFSET_OF_FIRST + 8 * index);
        match which {
            Which::All => steps.push(unless_equal(number as u32, 1)),
            Which::With(index, value) => {
                steps.extend([unless_equal(number as u32, 3), argument(index), unless_equal(value, 1)]);
            }
            Which::Flagged(index, bits) => {
                steps.extend([unless_equal(number as u32, 3), argument(index), unless_bit(bits)]);
            }
        }
        steps.push(refusal());
    }
    steps.push(allowance());
    install(steps);
    "ok".to_owned()
}
