//! A pipe into which the sender's own pages are spliced, instead of being copied.
//!
//! `vmsplice` puts references to pages into a pipe. Their content is copied once, by the reader's `read`; until then the sender
//! must not write to them, and the kernel does not tell when that is over. It follows from how much a pipe can hold:
//!
//! - A pipe has so many *slots*, its size divided by that of a page. What is spliced goes into it in pieces, of which each takes a
//!   slot however short it is, and each lies in one page: a message of eight bytes is one piece, one of 64 KiB that begins with a
//!   page is sixteen. A slot is free again when all of its piece has been read.
//! - So once a piece is in the pipe, none but the last so many pieces can still be there: all that went in before have been read.
//! - The sender makes its messages one behind the other in a buffer, and begins it anew where the next would not fit in whole. From
//!   one piece to the next it stays in a page or goes on to the next one, except where it begins anew. The last so many pieces lie
//!   in no more pages than there are slots; those left out at the end of the buffer may lie between them.
//! - Therefore a buffer with a page for each slot, and beyond these twice as many as the longest run of messages can touch, once for
//!   what is left out and once for what is being made, never has in what is being made a byte that is still to be read.
//!
//! When the sender goes, its buffer goes, and the pages that are in the pipe stay until they have been read.

use super::pipe::{Pipe, enlarge};
use super::stream::{StreamReceiver, move_all};
use crate::error::check_wait;
use crate::{Carries, Error, Kind, Message, Result, Scope, Seat, Sender, Transport, Wait};
use memmap2::{MmapMut, MmapOptions};
use rustix::io::{self, Errno};
use rustix::param::page_size;
use rustix::pipe::{IoSliceRaw, PipeFlags, SpliceFlags, fcntl_getpipe_size, pipe_with, vmsplice};
use std::os::fd::OwnedFd;

/// A pipe into which pages are spliced: one `vmsplice` and one `read` a message.
#[derive(Clone, Copy, Debug)]
pub struct Vmsplice;

impl Transport for Vmsplice {
    const NAME: &'static str = "vmsplice";
    const NOTE: &'static str = "anonymous pipe as large as fs.pipe-max-size allows; made in pages that one vmsplice lends to the pipe, copied out by \
         one read a message";
    const KIND: Kind = Kind::Kernel;
    const SCOPE: Scope = Scope::Processes;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Park];
    const QUEUES: bool = true;
    const BATCHES: bool = true;

    fn granted() -> Option<String> {
        let (_read, write) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        enlarge(&write);
        Some(format!("{}, {} slots", Pipe::granted()?, slots(&write).ok()?))
    }
}

impl<const WORDS: usize> Carries<WORDS> for Vmsplice {
    type Sending = Sending;
    type Receiving = StreamReceiver;

    fn open(wait: Wait) -> Result<(Self::Sending, Self::Receiving)> {
        check_wait(Self::NAME, wait, Self::WAITS)?;
        let unavailable = |what| move |error: Errno| Error::unavailable(Self::NAME, what, error);
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(unavailable("pipe2"))?;
        enlarge(&write);
        // Once for nothing, so that a kernel or a filter that refuses the call is found out now.
        splice(&write, &[], SpliceFlags::NONBLOCK).map_err(unavailable("vmsplice"))?;
        let longest = Message::<WORDS>::BYTES.max(LONGEST);
        Ok((Sending { pipe: write, wait, longest }, StreamReceiver::new(Self::NAME, read, wait)?))
    }
}

/// The longest run of messages that is spliced in one call: two of the largest, and more than a batch of any others.
const LONGEST: usize = 128 << 10;

/// Each run of messages begins on a line of its own, so that what is being read and what is being made do not share one.
const LINE: usize = 64;

/// How many pieces a pipe can hold.
fn slots(pipe: &OwnedFd) -> io::Result<usize> {
    fcntl_getpipe_size(pipe).map(|size| size / page_size())
}

/// Puts references to the pages in which the bytes lie into a pipe, and says of how many bytes.
#[inline(always)]
fn splice(pipe: &OwnedFd, bytes: &[u8], flags: SpliceFlags) -> io::Result<usize> {
    let run = [IoSliceRaw::from_slice(bytes)];
    // SAFETY: the kernel only reads from `bytes`, because `pipe` is the writing end of its pipe, and the pages that it refers to it
    // keeps for itself as long as it needs them. `GIFT` is never among the flags. What comes out of the pipe if the bytes are changed
    // too early is wrong, but memory safe: it is bytes, in a process of its own.
    unsafe { vmsplice(pipe, &run, flags) }
}

/// The writing end of a pipe, before its buffer is there: that belongs to the process that sends, and is never shared by a fork.
pub struct Sending {
    pipe: OwnedFd,
    wait: Wait,
    longest: usize,
}

impl Seat for Sending {
    type Taken = VmspliceSender;

    fn take(self) -> Result<VmspliceSender> {
        let slots = slots(&self.pipe).map_err(|error| Error::system(Vmsplice::NAME, "F_GETPIPE_SZ", error))?;
        let page = page_size();
        // A run that does not begin with a page touches one more than it is long.
        let run = self.longest.div_ceil(page) + 1;
        let buffer = MmapOptions::new()
            .len((slots + 2 * run) * page)
            .populate()
            .map_anon()
            .map_err(|error| Error::system(Vmsplice::NAME, "mapping the buffer", error))?;
        // The call takes no notice of O_NONBLOCK.
        let flags = if self.wait == Wait::Spin { SpliceFlags::NONBLOCK } else { SpliceFlags::empty() };
        Ok(VmspliceSender { pipe: self.pipe, flags, buffer, page, longest: self.longest, next: 0 })
    }
}

/// The writing end of a pipe, and the buffer of which it refers to pages.
pub struct VmspliceSender {
    pipe: OwnedFd,
    flags: SpliceFlags,
    buffer: MmapMut,
    page: usize,
    longest: usize,
    /// Where the last run ended.
    next: usize,
}

impl VmspliceSender {
    /// Where the next run begins, which is so many bytes long: on a line, and so that it touches no more pages than it must.
    #[inline(always)]
    fn place(&self, length: usize) -> usize {
        let place = self.next.next_multiple_of(length.next_power_of_two().clamp(LINE, self.page));
        if place + length <= self.buffer.len() { place } else { 0 }
    }

    /// The place of so many messages, to be filled: no more than [`longest`](Sending::longest) in bytes.
    #[inline(always)]
    fn room<const WORDS: usize>(&mut self, count: usize) -> &mut [Message<WORDS>] {
        let length = count * Message::<WORDS>::BYTES;
        let place = self.place(length);
        bytemuck::cast_slice_mut(self.buffer.get_mut(place..place + length).unwrap_or_default())
    }

    /// Splices the messages that have been made in that room.
    #[inline(always)]
    fn publish<const WORDS: usize>(&mut self, count: usize) -> Result<()> {
        let length = count * Message::<WORDS>::BYTES;
        let place = self.place(length);
        let run = self.buffer.get(place..place + length).unwrap_or_default();
        move_all(Vmsplice::NAME, "vmsplice", length, |done| {
            splice(&self.pipe, run.get(done..).unwrap_or_default(), self.flags)
        })?;
        self.next = place + length;
        Ok(())
    }

    /// How many messages one call splices at the most.
    #[inline(always)]
    fn most<const WORDS: usize>(&self) -> usize {
        (self.longest / Message::<WORDS>::BYTES.max(1)).max(1)
    }
}

impl<const WORDS: usize> Sender<WORDS> for VmspliceSender {
    #[inline]
    fn send(&mut self, message: &Message<WORDS>) -> Result<()> {
        self.room(1).copy_from_slice(std::slice::from_ref(message));
        self.publish::<WORDS>(1)
    }

    #[inline]
    fn send_batch(&mut self, messages: &[Message<WORDS>]) -> Result<()> {
        messages.chunks(self.most::<WORDS>()).try_for_each(|run| {
            self.room(run.len()).copy_from_slice(run);
            self.publish::<WORDS>(run.len())
        })
    }

    #[inline]
    fn make(&mut self, number: u64, _desk: &mut Message<WORDS>) -> Result<()> {
        self.room::<WORDS>(1).iter_mut().for_each(|message| message.renumber(number));
        self.publish::<WORDS>(1)
    }

    #[inline]
    fn make_batch(&mut self, first: u64, desk: &mut [Message<WORDS>]) -> Result<()> {
        let mut number = first;
        desk.chunks(self.most::<WORDS>()).try_for_each(|run| {
            for message in self.room::<WORDS>(run.len()) {
                message.renumber(number);
                number = number.wrapping_add(1);
            }
            self.publish::<WORDS>(run.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Receiver;
    use std::collections::VecDeque;

    /// Reads the messages of one run, and checks them.
    type Reader = Box<dyn FnOnce(&mut StreamReceiver)>;

    /// A sender and a receiver in one thread, and what is in the pipe between them.
    struct Loop {
        sender: VmspliceSender,
        receiver: StreamReceiver,
        slots: usize,
        /// The runs that are in the pipe: how many pieces each is, and who reads it.
        inside: VecDeque<(usize, Reader)>,
        number: u64,
        begun_anew: u32,
    }

    impl Loop {
        fn new() -> Self {
            let (sending, receiver) = <Vmsplice as Carries<8192>>::open(Wait::Spin).unwrap();
            let sender = sending.take().unwrap();
            let slots = slots(&sender.pipe).unwrap();
            Loop { sender, receiver, slots, inside: VecDeque::new(), number: 0, begun_anew: 0 }
        }

        /// What a sender does that finds the pipe full: it makes its messages first, and only then is something read. No more
        /// is read than must be for the messages to find room.
        fn run<const WORDS: usize>(&mut self, count: usize) {
            let first = self.number;
            let room = self.sender.room::<WORDS>(count);
            room.iter_mut().zip(first..).for_each(|(message, number)| message.renumber(number));
            let (length, page) = (count * Message::<WORDS>::BYTES, self.sender.page);
            let place = self.sender.place(length);
            self.begun_anew += u32::from(place < self.sender.next);
            let pieces = (place + length).div_ceil(page) - place / page;
            while self.inside.iter().map(|(pieces, _)| pieces).sum::<usize>() + pieces > self.slots {
                let (_, read) = self.inside.pop_front().unwrap();
                read(&mut self.receiver);
            }
            self.sender.publish::<WORDS>(count).unwrap();
            let read = move |receiver: &mut StreamReceiver| {
                let mut message = Box::new(Message::<WORDS>::default());
                for number in first..first + count as u64 {
                    receiver.receive(&mut message).unwrap();
                    message.verify(Vmsplice::NAME, number).unwrap();
                }
            };
            self.inside.push_back((pieces, Box::new(read)));
            self.number += count as u64;
        }

        fn finish(mut self) {
            assert!(self.begun_anew > 2, "the buffer was not used up often enough");
            drop(self.sender);
            self.inside.into_iter().for_each(|(_, read)| read(&mut self.receiver));
            let end = self.receiver.receive(&mut Message::<1>::default()).unwrap_err();
            assert!(matches!(*end, Error::PeerGone { transport: "vmsplice" }));
        }
    }

    /// The pipe is as full as it can be, all the time, and what is made meanwhile never touches what is in it.
    #[test]
    fn what_is_in_the_pipe_is_never_written_to() {
        fn of_one_size<const WORDS: usize>(counts: &[usize], laps: usize) {
            let mut pipe = Loop::new();
            let bytes: usize = counts.iter().sum::<usize>() * Message::<WORDS>::BYTES.max(LINE);
            (0..=laps * pipe.sender.buffer.len() / bytes)
                .for_each(|_| counts.iter().for_each(|n| pipe.run::<WORDS>(*n)));
            pipe.finish();
        }
        of_one_size::<1>(&[1], 4);
        of_one_size::<8>(&[1], 4);
        of_one_size::<128>(&[1], 4);
        of_one_size::<512>(&[1], 4);
        of_one_size::<8192>(&[1], 12);
        of_one_size::<1>(&[448, 1], 80);
        of_one_size::<8192>(&[2], 12);
        of_one_size::<512>(&[32], 12);
    }

    /// Runs of all lengths in no order: they leave room out in the midst of the buffer and at its end.
    #[test]
    fn nor_is_it_where_runs_differ_in_length() {
        let mut pipe = Loop::new();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..3000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match state >> 61 {
                0 => pipe.run::<1>(1),
                1 => pipe.run::<1>(448),
                2 => pipe.run::<8>(1),
                3 => pipe.run::<128>(3),
                4 => pipe.run::<512>(1),
                5 => pipe.run::<513>(7),
                6 => pipe.run::<8192>(1),
                _ => pipe.run::<8192>(2),
            }
        }
        pipe.finish();
    }

    /// A batch that is longer than one call splices, and than the pipe can hold.
    #[test]
    fn a_batch_is_as_long_as_it_likes() {
        for wait in Vmsplice::WAITS {
            let (sending, mut receiver) = <Vmsplice as Carries<512>>::open(*wait).unwrap();
            let mut sent: Vec<Message<512>> = (0..1000).map(Message::numbered).collect();
            let mut twice = sent.clone();
            let sending = std::thread::spawn(move || {
                let mut sender = sending.take()?;
                sender.send_batch(&twice)?;
                sender.make_batch(1000, &mut twice)
            });
            sent.extend((1000..2000).map(Message::<512>::numbered));
            for expected in sent {
                let mut message = Message::<512>::default();
                receiver.receive(&mut message).unwrap();
                assert!(message == expected);
            }
            sending.join().unwrap().unwrap();
        }
    }

    #[test]
    fn only_who_spins_has_calls_that_do_not_block() {
        for wait in Vmsplice::WAITS {
            let (sending, _receiver) = <Vmsplice as Carries<1>>::open(*wait).unwrap();
            assert_eq!(sending.take().unwrap().flags.contains(SpliceFlags::NONBLOCK), *wait == Wait::Spin);
        }
    }

    /// As many short messages as the pipe has slots, and one more would block: a piece takes a slot, however short it is.
    #[test]
    fn a_pipe_holds_as_many_pieces_as_it_has_slots() {
        let (sending, _receiver) = <Vmsplice as Carries<1>>::open(Wait::Park).unwrap();
        let mut sender = sending.take().unwrap();
        for number in 0..slots(&sender.pipe).unwrap() as u64 {
            sender.make(number, &mut Message::<1>::default()).unwrap();
        }
        assert_eq!(splice(&sender.pipe, &[7], SpliceFlags::NONBLOCK), Err(Errno::AGAIN));
    }
}
