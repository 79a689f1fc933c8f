//! A kernel without the seal: Linux before 5.1, as a filter of system calls plays it.

use rondel::SegmentError;
use rondel::spsc::Ring;

use crate::child::start;

#[test]
fn a_kernel_without_the_seal_is_an_error_that_names_it() {
    start("no-such-seal", None, "").succeed();
}

pub(crate) fn child_no_such_seal() {
    let builder = || Ring::<u64>::builder().capacity(20);
    builder().read_only_consumers().anonymous().map(drop).expect("this kernel has it");
    refuse_the_seal();
    builder().anonymous().map(drop).expect("the other seals are older");
    let error = builder().read_only_consumers().anonymous().map(drop).expect_err("refused");
    match &error {
        SegmentError::SealRefused { seal, source } => {
            assert_eq!((*seal, source.raw_os_error()), ("F_SEAL_FUTURE_WRITE", Some(libc::EINVAL)));
        }
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().starts_with("the kernel refuses the seal F_SEAL_FUTURE_WRITE: "), "{error}");
}

/// For this thread, `fcntl(F_ADD_SEALS)` with the seal among its argument is `EINVAL`, as where it is not known.
fn refuse_the_seal() {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANY: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // Where the number and the lower halves of the second and the third argument are, on a little-endian machine.
    let (number, second, third) = (0, 24, 32);
    let step = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let mut steps = [
        step(LOAD, number, 0),
        step(EQUAL, libc::SYS_fcntl as u32, 5),
        step(LOAD, second, 0),
        step(EQUAL, libc::F_ADD_SEALS as u32, 3),
        step(LOAD, third, 0),
        step(ANY, libc::F_SEAL_FUTURE_WRITE as u32, 1),
        step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: takes integers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: reads the program, which is alive and as long as it says.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
