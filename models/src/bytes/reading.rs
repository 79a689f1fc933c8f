//! Reading from the ring as a stream.

use std::io::{self, BufRead, ErrorKind, Read};

use rondel::bytes::PopError;

use super::{Model, Role};
use crate::bytes::operation::Length;

impl Model {
    /// How many bytes are unread.
    fn left(&self) -> usize {
        self.unread.iter().map(|unread| unread.bytes.len()).sum::<usize>() - self.read
    }

    /// A stream is read only where something can be said at once: a byte, or the end.
    fn can_be_read(&self) -> bool {
        self.left() > 0 || matches!(self.producer, Role::Closed | Role::Dead)
    }

    fn skip_empty_messages(&mut self) {
        while self.unread.front().is_some_and(|front| front.bytes.len() == self.read) {
            self.consumed(1);
        }
    }

    /// Up to `most` bytes of the first message, which is consumed with its last one.
    fn read_front(&mut self, most: usize) -> Vec<u8> {
        let Some(front) = self.unread.front() else { return Vec::new() };
        let bytes = front.bytes.iter().copied().skip(self.read).take(most).collect::<Vec<u8>>();
        self.read += bytes.len();
        if self.read == front.bytes.len() {
            self.consumed(1);
        }
        bytes
    }

    /// What a read of at most `len` bytes must give: of several messages, up to an empty one, which it passes over.
    fn read_some(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if len > 0 {
            self.skip_empty_messages();
        }
        while bytes.len() < len && !self.unread.is_empty() {
            let more = self.read_front(len - bytes.len());
            if more.is_empty() {
                break;
            }
            bytes.extend(more);
        }
        bytes
    }

    /// What a call of the stream has answered, which is an error where it has come `to_the_end` of what a dead producer has left.
    fn told<T: Default>(&self, answer: io::Result<T>, to_the_end: bool) -> T {
        if !to_the_end || self.producer != Role::Dead {
            return answer.expect("nobody died");
        }
        let error = answer.err().expect("half a stream is no whole one");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<PopError>());
        assert_eq!(inside, Some(&PopError::Dead));
        T::default()
    }

    pub(super) fn read(&mut self, len: Length) {
        const UNTOUCHED: u8 = 0x5a;
        let len = len.of(self.largest);
        if len > 0 && !self.can_be_read() {
            return;
        }
        let Some(mut rx) = self.rx.take() else { return };
        let mut buffer = vec![UNTOUCHED; len];
        let answer = rx.read(&mut buffer);
        let expected = self.read_some(len);
        let read = self.told(answer, len > 0 && expected.is_empty());
        let (filled, rest) = buffer.split_at(read);
        assert_eq!(filled, expected, "a read of {len} bytes");
        assert!(rest.iter().all(|&byte| byte == UNTOUCHED), "bytes behind what was read");
        self.rx = Some(rx);
    }

    /// More than there is may be given back: then all is.
    pub(super) fn fill_buf(&mut self, len: Length) {
        if !self.can_be_read() {
            return;
        }
        let Some(mut rx) = self.rx.take() else { return };
        self.skip_empty_messages();
        let answer = rx.fill_buf();
        let buffer = self.told(answer, self.unread.is_empty());
        let ready = self.unread.front().map_or(&[][..], |front| &front.bytes[self.read..]);
        assert_eq!(buffer, ready, "what is left of the first message");
        let len = len.of(buffer.len());
        rx.consume(len);
        if !self.unread.is_empty() {
            self.read_front(len);
        }
        self.rx = Some(rx);
    }

    pub(super) fn read_to_end(&mut self) {
        if !matches!(self.producer, Role::Closed | Role::Dead) {
            return;
        }
        let Some(mut rx) = self.rx.take() else { return };
        let mut bytes = Vec::new();
        let answer = rx.read_to_end(&mut bytes);
        self.told(answer.map(drop), true);
        let left = self.left();
        self.skip_empty_messages();
        let mut expected = Vec::new();
        while !self.unread.is_empty() {
            expected.extend(self.read_front(usize::MAX));
        }
        assert_eq!(expected.len(), left);
        assert_eq!(bytes, expected, "to the end");
        self.rx = Some(rx);
    }
}
