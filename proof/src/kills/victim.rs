//! A process that is stepped through an operation, one machine instruction at a time, and killed between two of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use libc::{c_int, c_uint, pid_t};

/// Whoever falls asleep does so within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The instruction `int3` of x86-64.
const BREAKPOINT: i64 = 0xcc;

/// A forked child under ptrace(2). It is killed and reaped when this is dropped.
pub(crate) struct Victim<'a> {
    pid: pid_t,
    alive: bool,
    /// What its life borrows, though that goes on in a copy.
    life: PhantomData<&'a ()>,
}

/// Where a victim that was let go on has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Between two instructions, or at the border of a system call.
    Between,
    /// It has stopped itself, by [`pause`].
    Paused,
}

/// System calls of [`pause`].
pub(crate) const CALLS_OF_PAUSE: usize = 2;

/// In a victim: stops until the tracer lets it go on.
pub(crate) fn pause() {
    // SAFETY: takes nothing and cannot fail.
    let pid = unsafe { libc::getpid() };
    // SAFETY: a signal to this process itself, which its tracer waits for.
    unsafe { libc::kill(pid, libc::SIGSTOP) };
}

/// Forks a child that dies with its parent, and leaves by `_exit` whatever happens in it.
pub(crate) fn fork(child: impl FnOnce()) -> pid_t {
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getpid() };
    // SAFETY: this process has one thread, so that the child finds no lock held and may do whatever the parent might. (A unit test has
    // others; its child takes no lock.)
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: takes integers; a signal for this process when its parent ends.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // SAFETY: takes nothing and cannot fail.
            let orphan = unsafe { libc::getppid() } != parent;
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if !orphan {
                    child();
                }
            }));
            // SAFETY: ends the process; nothing of the parent's is run or dropped here.
            unsafe { libc::_exit(if outcome.is_ok() && !orphan { 0 } else { 101 }) }
        }
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        pid => pid,
    }
}

/// Waits for a change of this child; says which, as waitpid(2) does.
pub(crate) fn wait(pid: pid_t) -> c_int {
    let mut status = 0;
    loop {
        // SAFETY: `status` is alive and writable.
        let found = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
        if found == pid {
            return status;
        }
        let error = io::Error::last_os_error();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted, "waitpid: {error}");
    }
}

impl Victim<'_> {
    /// A child that runs this, traced, and has come to its first [`pause`].
    pub(crate) fn start(life: impl FnOnce()) -> Self {
        let pid = fork(|| {
            // SAFETY: takes no pointers; the parent traces this thread from now on.
            let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
            assert_eq!(result, 0, "ptrace: {}", io::Error::last_os_error());
            life();
        });
        let mut victim = Victim { pid, alive: true, life: PhantomData };
        assert_eq!(victim.stopped(), Stop::Paused, "the child was to pause");
        victim
    }

    /// Its number.
    pub(crate) fn pid(&self) -> pid_t {
        self.pid
    }

    /// Waits for its next stop.
    ///
    /// # Panics
    /// If it has ended instead: what it does is prepared so that it cannot fail.
    fn stopped(&mut self) -> Stop {
        let status = wait(self.pid);
        if !libc::WIFSTOPPED(status) {
            self.alive = false;
            panic!("the victim has ended by itself, status {status:#x}");
        }
        match libc::WSTOPSIG(status) & !0x80 {
            libc::SIGSTOP => Stop::Paused,
            libc::SIGTRAP => Stop::Between,
            signal => panic!("the victim was stopped by signal {signal}"),
        }
    }

    fn request(&self, request: c_uint, data: c_int) {
        // SAFETY: the requests made here take no pointers; the child is ours, traced and stopped.
        let result = unsafe { libc::ptrace(request, self.pid, 0, data) };
        assert_eq!(result, 0, "ptrace: {}", io::Error::last_os_error());
    }

    /// One instruction further. A system call is one instruction.
    pub(crate) fn step(&mut self) -> Stop {
        self.request(libc::PTRACE_SINGLESTEP, 0);
        self.stopped()
    }

    /// To the next border of a system call, before or behind it, or to the next pause.
    pub(crate) fn go_to_call(&mut self) -> Stop {
        self.request(libc::PTRACE_SYSCALL, 0);
        self.stopped()
    }

    /// Past this instruction so many times, the one where it stands included, and to it again; to the next pause if that comes first.
    pub(crate) fn go_to(&mut self, address: u64, times: u64) -> Stop {
        let code = self.peek(address);
        for passes_left in (0..=times).rev() {
            self.poke(address, code & !0xff | BREAKPOINT);
            self.request(libc::PTRACE_CONT, 0);
            let stop = self.stopped();
            self.poke(address, code);
            if stop == Stop::Paused {
                return stop;
            }
            // It has stopped behind the breakpoint, which has taken the place of the instruction's first byte.
            self.move_to(address);
            if passes_left > 0 && self.step() == Stop::Paused {
                return Stop::Paused;
            }
        }
        Stop::Between
    }

    fn peek(&self, address: u64) -> i64 {
        // SAFETY: the request reads a word of the child's memory, and gives it back as its result; the child is ours, traced and
        // stopped.
        unsafe { libc::ptrace(libc::PTRACE_PEEKTEXT, self.pid, address, 0) }
    }

    fn poke(&self, address: u64, word: i64) {
        // SAFETY: the request changes the child's own copy of its code; the child is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_POKETEXT, self.pid, address, word) };
        assert_eq!(result, 0, "ptrace: {}", io::Error::last_os_error());
    }

    /// From right behind a breakpoint to its beginning.
    #[cfg(target_arch = "x86_64")]
    fn move_to(&self, address: u64) {
        let mut registers = self.registers();
        assert_eq!(registers.rip, address + 1, "it has stopped at a breakpoint, and there was one");
        registers.rip = address;
        // SAFETY: the kernel reads `registers`, which is alive; the child is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.pid, 0, &raw const registers) };
        assert_eq!(result, 0, "ptrace: {}", io::Error::last_os_error());
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn move_to(&self, _: u64) {
        unreachable!("where addresses are not known, nobody asks for one");
    }

    #[cfg(target_arch = "x86_64")]
    fn registers(&self) -> libc::user_regs_struct {
        // SAFETY: it consists of integers, for which all bytes zero is a value.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes to `registers`, which is alive; the child is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, &raw mut registers) };
        assert_eq!(result, 0, "ptrace: {}", io::Error::last_os_error());
        registers
    }

    /// To the next pause.
    pub(crate) fn go_to_pause(&mut self) {
        self.request(libc::PTRACE_CONT, 0);
        assert_eq!(self.stopped(), Stop::Paused);
    }

    /// Lets it go on, from a [`pause`] that was its last, to its end, which has to be a good one.
    pub(crate) fn finish(mut self) {
        self.request(libc::PTRACE_CONT, 0);
        let status = wait(self.pid);
        self.alive = libc::WIFSTOPPED(status);
        assert_eq!(status, 0, "it was to go on to a good end");
    }

    /// Has it begin, and stay in, a futex(2): comes back when it sleeps there. False if it pauses before that.
    pub(crate) fn fall_asleep(&mut self) -> bool {
        // So that a stop at a system call can be told from another one.
        self.request(libc::PTRACE_SETOPTIONS, libc::PTRACE_O_TRACESYSGOOD);
        let begin = Instant::now();
        loop {
            while self.call() != Some(libc::SYS_futex as u64) {
                if self.go_to_call() == Stop::Paused {
                    return false;
                }
            }
            self.request(libc::PTRACE_SYSCALL, 0);
            loop {
                assert!(begin.elapsed() < PATIENCE, "the victim does not fall asleep");
                match self.state() {
                    Some('S') => return true,
                    // It has come out again: it was a wake-up, or a slice of sleep that was over before this looked.
                    Some('t') => break,
                    _ => std::thread::yield_now(),
                }
            }
            self.wake_up();
        }
    }

    /// Waits for it to come back from the kernel, where it stops.
    pub(crate) fn wake_up(&mut self) {
        assert_eq!(self.stopped(), Stop::Between, "it comes out of its system call");
    }

    /// The number of the system call at whose beginning it has stopped.
    fn call(&self) -> Option<u64> {
        // SAFETY: it consists of integers, for which all bytes zero is a value.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let len = size_of_val(&info);
        // SAFETY: the kernel writes up to `len` bytes to `info`, which is alive; the child is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.pid, len, &raw mut info) };
        assert!(result > 0, "ptrace: {}", io::Error::last_os_error());
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return None;
        }
        // SAFETY: this is the part that the kernel has filled in at the beginning of a call.
        Some(unsafe { info.u.entry.nr })
    }

    /// Its state, as proc_pid_stat(5) has it in field 3: `S` if it sleeps, `t` if it has stopped for its tracer.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        fields.trim_start().chars().next()
    }

    /// The address of the next instruction, where the machine is one whose registers are known here.
    pub(crate) fn address(&self) -> Option<u64> {
        #[cfg(target_arch = "x86_64")]
        {
            Some(self.registers().rip)
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Whether the next instruction is a system call; `false` where that is not known.
    pub(crate) fn is_at_call(&self) -> bool {
        const SYSCALL: i64 = 0x050f;
        let Some(address) = self.address() else { return false };
        CALLS.with_borrow_mut(|calls| *calls.entry(address).or_insert_with(|| self.peek(address) & 0xffff == SYSCALL))
    }

    /// Kills it where it stands and reaps it: from here on the kernel has let go of all that was its.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if !self.alive {
            return;
        }
        self.alive = false;
        // SAFETY: takes integers; the child is not reaped yet, so that the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while libc::WIFSTOPPED(wait(self.pid)) {}
    }
}

thread_local! {
    /// Which instructions are system calls: the same in all victims, which are forked from this process and change no code.
    static CALLS: RefCell<HashMap<u64, bool>> = RefCell::default();
}

impl Drop for Victim<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
