//! What cannot be is told, with what can.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rondel_proof::kills::EXIT_FORBIDDEN;

use crate::tool::{kills, names_of, succeed, text};

#[test]
fn what_does_not_exist_is_refused_with_what_does() {
    for (arguments, says) in [
        (vec!["--case", "spsc/push/one/awake@17+18"], "1 victims"),
        (vec!["--case", "spsc/push/nowhere@17"], "--list"),
        (vec!["--case", "spsc/push/one/awake"], "scenario@instructions"),
        (vec!["--case", "spsc/push/one/awake@many"], "no number of instructions"),
        (vec!["--only", "spsc/pusch"], "--list"),
        (vec!["--sample", "0"], "--sample"),
        (vec!["--case", "spsc/push/one/awake@17", "--sample", "3"], "cannot be used with"),
    ] {
        let output = kills(&arguments).output().expect("the tool");
        let told = text(&output.stderr);
        assert!(!output.status.success() && told.contains(says), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
    }
}

/// A sandbox without ptrace is no fault of the library, and no success.
#[test]
fn a_machine_that_forbids_it_is_told_apart() {
    for refusal in [libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, libc::SECCOMP_RET_KILL_PROCESS] {
        for arguments in [["--sample", "1"], ["--case", "spsc/push/one/awake@17"]] {
            let mut command = kills(arguments);
            refuse_ptrace(&mut command, refusal);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool");
            let pid = child.id();
            let output = child.wait_with_output().expect("its end");
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(EXIT_FORBIDDEN.into()), "{told}");
            assert!(told.contains("nothing was tried") && told.contains("seccomp"), "{told}");
            assert!(output.stdout.is_empty() && names_of(pid).is_empty());
        }
    }
}

/// Has ptrace(2) answered so in the process that the command starts.
fn refuse_ptrace(command: &mut Command, answer: u32) {
    let step = |code: u32, jf, k| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, libc::SYS_ptrace as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, answer),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        // SAFETY: takes integers only.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: reads the program, which is alive and as long as it says.
        match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure makes two system calls and allocates nothing: async-signal-safe.
    unsafe { command.pre_exec(install) };
}

/// `rondel-proof kills | head`, and a service without standard streams.
#[test]
fn nobody_has_to_listen() {
    let mut child = kills(["--only", "spsc/peek/one/alone", "--sample", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    let good = [Some(0), Some(EXIT_FORBIDDEN.into())];
    assert!(good.contains(&output.status.code()), "{}: {}", output.status, text(&output.stderr));

    let mut command = Command::new("sh");
    let tool = env!("CARGO_BIN_EXE_rondel-proof");
    let script =
        format!("exec '{tool}' kills --only segments/send/,spsc/peek/one/alone --sample 1 0<&- 1>&- 2>&-; exit 1");
    let status = command.args(["-c", &script]).status().expect("a shell");
    assert!(good.contains(&status.code()), "{status}");
}

/// As a user without privileges, where this one may become one.
#[test]
fn no_privilege_is_needed() {
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let place = std::path::Path::new("/dev/shm").join(format!("rondel-proof-tool-{}", std::process::id()));
    // Where the build lies may be closed to others.
    std::fs::copy(env!("CARGO_BIN_EXE_rondel-proof"), &place).expect("a copy of the tool");
    let mut command = Command::new(&place);
    command.args(["kills", "--only", "segments/,spsc/peek/", "--sample", "1"]).uid(65_534).gid(65_534).current_dir("/");
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| succeed(command)));
    std::fs::remove_file(&place).expect("the copy");
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}
