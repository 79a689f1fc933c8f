//! Filters of system calls, as a sandbox installs them.
//!
//! A filter is a program of the classic packet filter that sees the call's number and arguments (seccomp(2)).

use rondel::SegmentError;

use crate::child::Running;
use crate::scratch::Ledger;

pub(crate) const OFFSET_OF_NUMBER: u32 = 0;
/// The lower half of the first argument, on a little-endian machine; commands of membarrier and fcntl fit into it.
pub(crate) const OFFSET_OF_FIRST: u32 = 16;
const OFFSET_OF_SECOND: u32 = 24;

pub(crate) const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
pub(crate) const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

pub(crate) fn step(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes on with the next step if the loaded word is `k`, and skips `skipped` steps if not.
pub(crate) fn unless_equal(k: u32, skipped: u8) -> libc::sock_filter {
    libc::sock_filter { code: JUMP_EQUAL, jt: 0, jf: skipped, k }
}

fn refusal() -> libc::sock_filter {
    step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32)
}

pub(crate) fn allowance() -> libc::sock_filter {
    step(RETURN, libc::SECCOMP_RET_ALLOW)
}

/// Installs a filter for this thread, and those that it starts.
pub(crate) fn install(mut steps: Vec<libc::sock_filter>) {
    let program = libc::sock_fprog { len: steps.len().try_into().expect("short"), filter: steps.as_mut_ptr() };
    // SAFETY: takes integers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: reads the program, which is alive and as long as it says.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Refuses this call when its first argument is `first`.
fn refuse_call(number: libc::c_long, first: u32) {
    install(vec![
        step(LOAD, OFFSET_OF_NUMBER),
        unless_equal(number as u32, 3),
        step(LOAD, OFFSET_OF_FIRST),
        unless_equal(first, 1),
        refusal(),
        allowance(),
    ]);
}

fn refuse_membarrier(command: libc::c_int) {
    refuse_call(libc::SYS_membarrier, command as u32);
    // SAFETY: takes integers only.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    let error = std::io::Error::last_os_error();
    assert_eq!((result, error.raw_os_error()), (-1, Some(libc::EPERM)), "the filter has no effect");
}

/// What a word on a child's command line refuses. To be called before the first handle is made, for a process asks only
/// once whether it may register.
pub(crate) fn refuse(what: &str) {
    let register = libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
    let expedited = libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED;
    match what {
        "none" => {}
        "register" => refuse_membarrier(register),
        "expedited" => refuse_membarrier(expedited),
        "membarrier" => {
            refuse_membarrier(register);
            refuse_membarrier(expedited);
        }
        "futex" => {
            install(vec![step(LOAD, OFFSET_OF_NUMBER), unless_equal(libc::SYS_futex as u32, 1), refusal(), allowance()])
        }
        unknown => panic!("no filter {unknown:?}"),
    }
}

/// The word of the ledger that names the system call that was made although none was allowed.
pub(crate) const TRAPPED: usize = 9;

static LEDGER: std::sync::OnceLock<Ledger> = std::sync::OnceLock::new();

/// From here on any system call ends this process, and its number stands in the ledger. Only leaving is allowed, and,
/// if `peer_queries`, asking for a lock (`F_OFD_GETLK`), and the time where the machine has no other way to tell it.
pub(crate) fn allow_nothing(ledger: Ledger, peer_queries: bool) {
    assert!(LEDGER.set(ledger).is_ok(), "once");
    // SAFETY: `sigaction` consists of integers and a pointer that may be null.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO;
    action.sa_sigaction = trapped as *const () as usize;
    // SAFETY: the handler has the signature that SA_SIGINFO asks for and calls nothing but `_exit`.
    let result = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
    let mut steps = vec![step(LOAD, OFFSET_OF_NUMBER), unless_equal(libc::SYS_exit_group as u32, 1), allowance()];
    if peer_queries {
        steps.extend([
            unless_equal(libc::SYS_clock_gettime as u32, 1),
            allowance(),
            unless_equal(libc::SYS_fcntl as u32, 3),
            step(LOAD, OFFSET_OF_SECOND),
            unless_equal(libc::F_OFD_GETLK as u32, 1),
            allowance(),
        ]);
    }
    steps.push(step(RETURN, libc::SECCOMP_RET_TRAP));
    install(steps);
}

extern "C" fn trapped(_: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // `si_syscall` stands behind three integers, padding and an address.
    let number = info.cast::<i32>().wrapping_add(6);
    // SAFETY: the kernel has filled in a `siginfo_t` of 128 bytes.
    let number = unsafe { number.read() };
    if let Some(ledger) = LEDGER.get() {
        ledger.word(TRAPPED).store(number as u64 + 1, std::sync::atomic::Ordering::SeqCst);
    }
    // SAFETY: ends the process; `exit_group` is what the filter allows.
    unsafe { libc::_exit(99) };
}

/// Ends the process inside the filter, where nothing else is allowed; 0 is success.
pub(crate) fn leave(code: libc::c_int) -> ! {
    // SAFETY: ends the process and runs nothing of it.
    unsafe { libc::_exit(code) }
}

/// Waits for children that [`leave`]. Fails with the number of the call if there was one.
#[track_caller]
pub(crate) fn succeed(children: Vec<Running>, ledger: &Ledger) {
    for mut child in children {
        let code = child.code();
        let trapped = ledger.word(TRAPPED).load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!((code, trapped), (Some(0), 0), "a wrong answer, or the system call of that number less one");
    }
}

/// Attaching under a filter that refuses the lock itself is an error and not a ring without protection.
#[test]
fn a_refused_lock_is_an_error() {
    std::thread::spawn(|| {
        let ring = rondel::spsc::Ring::<u64>::builder().capacity(8).anonymous().expect("a memfd");
        install(vec![
            step(LOAD, OFFSET_OF_NUMBER),
            unless_equal(libc::SYS_fcntl as u32, 3),
            step(LOAD, OFFSET_OF_SECOND),
            unless_equal(libc::F_OFD_SETLK as u32, 1),
            refusal(),
            allowance(),
        ]);
        match ring.producer() {
            Err(SegmentError::Io { source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(libc::EPERM))
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("a producer without a lock"),
        }
    })
    .join()
    .expect("passes");
}
