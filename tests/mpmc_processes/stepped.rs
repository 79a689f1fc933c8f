//! A traced child, taken to the n-th change that it makes to the segment, and left there, killed there, or stopped there.

use rondel::mpmc::Ring;

use crate::bytes::Bytes;
use crate::child::{Running, start};
use crate::place::control_word;
use crate::scratch::{Directory, Message};
use crate::traced::Traced;

/// Gives up on an operation that is still not over after so many instructions.
const INSTRUCTIONS: u64 = 5_000_000;

/// A child that stands between two instructions of an operation. Nobody else may write to the segment while it is stepped.
pub(crate) struct Stepped {
    traced: Traced,
    bytes: Bytes,
    words: Vec<u64>,
    /// Where the next ones go, to be compared.
    seen: Vec<u64>,
    /// The operation is over.
    over: bool,
}

impl Stepped {
    /// A child that is about to begin with this operation of [`child_step`](crate::every_change::child_step).
    pub(crate) fn start(operation: &str, directory: &Directory, ring: &Ring<Message>) -> Self {
        let traced = Traced::start(start("step", directory.path(), &[operation]));
        traced.wait_for_stop(libc::SIGSTOP);
        let bytes = Bytes::of(ring.segment());
        let words = bytes.read();
        Self { traced, seen: words.clone(), words, bytes, over: false }
    }

    /// To the next stop of this kind, or to the end of the operation. The child says that by a signal to itself; one that comes from
    /// elsewhere means nothing.
    fn go_on(&self, request: libc::c_uint) -> libc::c_int {
        loop {
            let signal = self.traced.go_on(request);
            if signal != libc::SIGSTOP {
                return signal;
            }
            // SAFETY: it consists of integers and pointers, for which all bytes zero is a value.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            // SAFETY: the kernel writes to `info`, which is alive; the thread is ours, traced and stopped.
            let result = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, self.traced.thread(), 0, &raw mut info) };
            assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
            // SAFETY: a signal that a process sends has a sender.
            let sender = unsafe { info.si_pid() };
            if sender as u32 == self.pid() {
                return signal;
            }
            println!("a stop by process {sender}, code {}, is passed over", info.si_code);
        }
    }

    fn has_changed(&mut self) -> bool {
        // SAFETY: the child is stopped between two instructions, and nobody else is at work: see `Stepped`.
        unsafe { self.bytes.read_at_rest(&mut self.seen) };
        if self.seen == self.words {
            return false;
        }
        std::mem::swap(&mut self.seen, &mut self.words);
        true
    }

    /// How many stops at system calls there are before the first change.
    pub(crate) fn calls_before_a_change(mut self) -> u64 {
        self.traced.watch_calls();
        for calls in 0.. {
            let over = self.go_on(libc::PTRACE_SYSCALL) == libc::SIGSTOP;
            if self.has_changed() || over {
                return calls;
            }
        }
        unreachable!("the operation ends")
    }

    /// Goes past so many stops at system calls, quickly.
    pub(crate) fn skip_calls(&mut self, calls: u64) {
        self.traced.watch_calls();
        for _ in 0..calls {
            assert_eq!(self.go_on(libc::PTRACE_SYSCALL), libc::SIGTRAP, "over");
        }
        assert!(!self.has_changed());
    }

    /// Goes on to the next instruction that changes the segment. False if the operation is over before.
    pub(crate) fn change(&mut self) -> bool {
        if self.over {
            return false;
        }
        for _ in 0..INSTRUCTIONS {
            self.over = self.go_on(libc::PTRACE_SINGLESTEP) == libc::SIGSTOP;
            if self.has_changed() {
                return true;
            }
            if self.over {
                return false;
            }
        }
        panic!("the operation is not over after {INSTRUCTIONS} instructions");
    }

    /// Goes on to where it is about to begin with a system call of this number.
    pub(crate) fn go_to_call(&mut self, number: libc::c_long) {
        self.traced.watch_calls();
        loop {
            assert_eq!(self.go_on(libc::PTRACE_SYSCALL), libc::SIGTRAP, "the operation is over");
            if self.call() == Some(number as u64) {
                return;
            }
        }
    }

    /// The number of the system call that it is about to begin.
    fn call(&self) -> Option<u64> {
        // SAFETY: it consists of integers, for which all bytes zero is a value.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let len = size_of_val(&info);
        // SAFETY: the kernel writes up to `len` bytes to `info`, which is alive; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.traced.thread(), len, &raw mut info) };
        assert!(result > 0, "{}", std::io::Error::last_os_error());
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return None;
        }
        // SAFETY: this is the part that the kernel has filled in at the beginning of a call.
        Some(unsafe { info.u.entry.nr })
    }

    /// Lets it go into the system call that it is about to begin, and does not wait.
    pub(crate) fn begin_call(&mut self) {
        // SAFETY: such requests take no pointers; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.traced.thread(), 0, 0) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits for it to have come back from the kernel, where it stops.
    pub(crate) fn end_call(&mut self) {
        self.traced.wait_for_stop(libc::SIGTRAP);
    }

    /// Goes on to the next change of the control word of this number.
    pub(crate) fn change_of(&mut self, ring: &Ring<Message>, number: usize) {
        let word = control_word(ring, number);
        let before = self.words[word];
        while self.words[word] == before {
            assert!(self.change(), "the operation is over");
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.traced.child.pid() as u32
    }

    /// What it has told at the end of its operation.
    pub(crate) fn said(&mut self) -> String {
        assert!(self.over);
        self.traced.child.hear()
    }

    /// Kills it where it stands, and waits for its end.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Lets go of it, to be stopped by a signal as by a shell: every thread, until it is continued.
    pub(crate) fn stop(mut self) -> Stopped {
        self.detach(libc::SIGSTOP);
        Stopped(self)
    }

    fn detach(&mut self, signal: libc::c_int) {
        // SAFETY: the request takes integers; the thread is ours, traced and stopped.
        let result = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.traced.thread(), 0, signal) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        self.traced.stepping = false;
    }
}

/// A child stopped by SIGSTOP in the middle of an operation.
pub(crate) struct Stopped(Stepped);

impl Stopped {
    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Lets it go on: to the end of the operation, where it stops itself, and is continued again.
    pub(crate) fn go_on(&mut self) -> &mut Running {
        let child = &mut self.0.traced.child;
        child.signal(libc::SIGCONT);
        child
    }
}
